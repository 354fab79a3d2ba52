import type { AttemptEnd } from '../async/messages.js';
import type { Attempt } from '../async/service.js';
import { isLoop, loopFailure } from '../frontend/lineage.js';
import type { Dispatcher, FunctionResolver, Tracing } from '../frontend/ports.js';
import { type ApiFailure, errorKinds } from '../kernel/errors.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { InvocationOutcome } from '../wire/invocation.js';

type Refused = Extract<AttemptEnd, { status: number }>;

function refused(outcome: Refused['outcome'], { code, message }: ApiFailure): Refused {
  return { outcome, status: errorKinds[code].status, message };
}

function endOf(outcome: InvocationOutcome, executedVersion: string, keepsResponse: boolean): AttemptEnd {
  switch (outcome.kind) {
    case 'success':
      return { outcome: 'success', executedVersion, response: keepsResponse ? outcome.payload.toString('utf8') : null };
    case 'function-error': {
      const response = keepsResponse ? outcome.payload.toString('utf8') : null;
      return { outcome: 'function-error', executedVersion, functionError: outcome.functionError, response };
    }
    case 'refused': {
      const isThrottled = outcome.failure.code === 'TooManyRequestsException';
      return refused(isThrottled ? 'throttled' : 'system-error', outcome.failure);
    }
  }
}

/** The poller's way into the synchronous path: the function is looked up anew at every attempt. */
export function attemptThrough(
  resolver: FunctionResolver,
  dispatcher: Dispatcher,
  clock: Clock,
  tracing: Tracing | null = null,
): Attempt {
  return (event, payload, keepsResponse) =>
    new Promise((resolve) => {
      const found = resolver.resolve(event.account, event.region, event.functionName, event.qualifier);
      if (!found.ok) {
        // A function that is just changing its state is still there; one that is deleted is not.
        const isGone = found.failure.code === 'ResourceNotFoundException';
        resolve(refused(isGone ? 'function-gone' : 'system-error', found.failure));
        return;
      }
      const { spec, executedVersion } = found.value;
      // Counted when it was accepted; whoever accepted it is not told, as with Lambda.
      if (isLoop(event.traceHeader, spec)) {
        resolve(refused('recursion', loopFailure()));
        return;
      }
      const traced = tracing === null ? null : tracing.attempt(event);
      dispatcher.invoke(
        {
          requestId: event.requestId,
          spec,
          invokedFunctionArn: event.invokedFunctionArn,
          payload,
          clientContext: event.clientContext,
          cognitoIdentity: null,
          traceHeader: traced === null ? event.traceHeader : traced.header,
          tail: false,
          stream: null,
          kind: 'event',
          arrivedMs: clock.nowMs(),
          trace: traced?.trace,
        },
        (outcome) => resolve(endOf(outcome, executedVersion, keepsResponse)),
      );
    });
}
