import type { Attempt, AttemptOutcome } from '../async/service.js';
import type { Dispatcher, FunctionResolver } from '../frontend/ports.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { InvocationOutcome } from '../wire/invocation.js';

function outcomeOf(outcome: InvocationOutcome): AttemptOutcome {
  switch (outcome.kind) {
    case 'success':
      return 'success';
    case 'function-error':
      return 'function-error';
    case 'refused':
      return outcome.failure.code === 'TooManyRequestsException' ? 'throttled' : 'system-error';
  }
}

/** The poller's way into the synchronous path: the function is looked up anew at every attempt. */
export function attemptThrough(resolver: FunctionResolver, dispatcher: Dispatcher, clock: Clock): Attempt {
  return (event, payload) =>
    new Promise((resolve) => {
      const found = resolver.resolve(event.account, event.region, event.functionName, event.qualifier);
      if (!found.ok) {
        // A function that is just changing its state is still there; one that is deleted is not.
        resolve(found.failure.code === 'ResourceNotFoundException' ? 'function-gone' : 'system-error');
        return;
      }
      dispatcher.invoke(
        {
          requestId: event.requestId,
          spec: found.value.spec,
          invokedFunctionArn: event.invokedFunctionArn,
          payload,
          clientContext: event.clientContext,
          cognitoIdentity: null,
          traceHeader: event.traceHeader,
          tail: false,
          stream: null,
          arrivedMs: clock.nowMs(),
        },
        (outcome) => resolve(outcomeOf(outcome)),
      );
    });
}
