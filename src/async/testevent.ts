import type { AccountId, Region, RequestId } from '../kernel/ids.js';
import type { AsyncEvent } from './messages.js';

/** For tests: an event that was accepted at 0 and never attempted. */
export const testEvent: AsyncEvent = {
  requestId: 'r' as RequestId,
  account: '123456789012' as AccountId,
  region: 'us-east-1' as Region,
  functionName: 'f',
  qualifier: null,
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:f',
  clientContext: null,
  traceHeader: 't',
  acceptedMs: 0,
  attempts: 0,
  setbacks: 0,
};
