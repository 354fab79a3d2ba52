import type { AsyncPolicy } from '../../async/messages.js';
import { limits } from '../../kernel/limits.js';
import { secondMs } from '../../kernel/units.js';
import { type FunctionState, latest } from '../messages.js';

/**
 * How events of a qualifier are treated. An alias has settings of its own, not its version's (developer guide); the
 * dead-letter queue is the version's. Null: the function is gone.
 */
export function asyncPolicyOf(state: FunctionState | null, qualifier: string | null): AsyncPolicy {
  const name = qualifier ?? latest;
  const invoke = state?.attachments.get(name)?.eventInvoke ?? null;
  const version = state?.versions.get(state.aliases.get(name)?.version ?? name);
  return {
    retriesMax: invoke?.retryAttemptsMax ?? limits.asyncRetriesMax,
    eventAgeMsMax:
      invoke === null || invoke.eventAgeSecondsMax === null
        ? limits.asyncEventAgeMsMax
        : invoke.eventAgeSecondsMax * secondMs,
    onSuccessArn: invoke?.onSuccessArn ?? null,
    onFailureArn: invoke?.onFailureArn ?? null,
    deadLetterArn: version?.settings.deadLetterArn ?? null,
    zeroReserved: state?.record.reserved === 0,
  };
}
