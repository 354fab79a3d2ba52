import type { DestinationMessage } from './destinations.js';

/** A record or dead letter as tests of destinations send it. */
export function destinationMessage(arn: string, over: Partial<DestinationMessage> = {}): DestinationMessage {
  const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:f';
  const origin = { functionArn, functionName: 'f', requestId: 'r', atMs: 0 };
  return { arn, body: '{}', attributes: {}, traceHeader: 't', origin, ...over };
}
