import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import type { InvocationOutcome } from '../wire/invocation.js';
import type { RunFacts } from '../wire/start.js';
import type { InvocationEnd } from './messages.js';

/** The payload that the platform answers with, spelled and ordered as the service does. */
function platformPayload(errorType: string, errorMessage: string): Buffer {
  const error =
    errorType === 'Function.ResponseSizeTooLarge' ? { errorMessage, errorType } : { errorType, errorMessage };
  return Buffer.from(JSON.stringify(error));
}

/** What the client of an ended invocation gets. `payload`: what the runtime said last. `run`: what is told besides. */
export function outcomeOf(
  end: InvocationEnd,
  payload: Buffer,
  logTail: Buffer | null,
  run: RunFacts | null,
): InvocationOutcome {
  switch (end.kind) {
    case 'response':
      return { kind: 'success', payload, logTail, ...(run !== null && { run }) };
    case 'runtime-error':
    case 'platform-error': {
      const { errorType } = end;
      const told = end.kind === 'runtime-error' ? payload : platformPayload(errorType, end.errorMessage);
      const functionError = 'Unhandled';
      return { kind: 'function-error', functionError, errorType, payload: told, logTail, ...(run !== null && { run }) };
    }
    case 'restore-failed':
      return { kind: 'refused', failure: restoreFailure(end.status), final: true };
  }
}

/** Texts of the service model. */
function restoreFailure(status: 'error' | 'timeout'): ApiFailure {
  if (status === 'timeout') {
    return apiFailure('SnapStartTimeoutException', "Lambda couldn't restore the snapshot within the timeout limit.");
  }
  const message =
    'The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch logs.';
  return apiFailure('SnapStartException', message);
}

/** The invocation never ran here. */
export function refusal(reason: string): InvocationOutcome {
  return { kind: 'refused', failure: apiFailure('ServiceUnavailableException', `Not run: ${reason}.`) };
}

/** The `errorType` of an error object as a runtime reports it, or `fallback`. Looks only at objects up to 256 KiB. */
export function errorTypeOf(payload: Buffer, fallback: string): string {
  if (payload.length > 256 * 1024) return fallback;
  try {
    const error: unknown = JSON.parse(payload.toString('utf8'));
    if (typeof error === 'object' && error !== null && 'errorType' in error && typeof error.errorType === 'string') {
      return error.errorType.replace(/\p{Cc}/gu, ' ').slice(0, 256);
    }
  } catch {
    // Not JSON: a custom runtime may report anything.
  }
  return fallback;
}
