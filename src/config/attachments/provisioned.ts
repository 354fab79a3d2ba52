import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { limits } from '../../kernel/limits.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import { type FunctionState, latest } from '../messages.js';
import { wantsSnapshot } from '../snapshots.js';
import { type AttachmentInput, type AttachmentRecord, missingQualifier } from './attachments.js';

/** What all configurations of the function ask for together, but for one qualifier's. */
export function provisionedTotal(state: FunctionState, except: string | null = null): number {
  let total = 0;
  for (const { qualifier, provisioned } of state.attachments.values()) {
    if (qualifier !== except) total += provisioned?.requested ?? 0;
  }
  return total;
}

export function setProvisioned(
  state: FunctionState,
  before: AttachmentRecord,
  input: Extract<AttachmentInput, { kind: 'set-provisioned' }>,
): Result<AttachmentRecord> {
  const { qualifier, requested, nowMs } = input;
  const failure =
    missingQualifier(state, qualifier) ??
    unpublished(state, qualifier) ??
    unfit(state, qualifier) ??
    twice(state, qualifier) ??
    tooMuch(state, input);
  if (failure !== null) return fail(failure);
  return ok({ ...before, provisioned: { requested, lastModifiedMs: nowMs } });
}

/** A version is provisioned by itself or by its aliases. */
function twice(state: FunctionState, qualifier: string): ApiFailure | null {
  const has = (other: string): boolean => (state.attachments.get(other)?.provisioned ?? null) !== null;
  const alias = state.aliases.get(qualifier);
  if (alias !== undefined && has(alias.version)) {
    const message = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version";
    return apiFailure('ResourceConflictException', message);
  }
  if (![...state.aliases.values()].some(({ name, version }) => version === qualifier && has(name))) return null;
  return apiFailure('ResourceConflictException', 'Version is pointed by a Provisioned Concurrency alias');
}

function unpublished(state: FunctionState, qualifier: string): ApiFailure | null {
  if ((state.aliases.get(qualifier)?.version ?? qualifier) !== latest) return null;
  return invalid('Provisioned Concurrency Configs cannot be applied to unpublished function versions.');
}

/** A function with a reservation provides from it; any other from what the account has left. */
function tooMuch(
  state: FunctionState,
  input: Extract<AttachmentInput, { kind: 'set-provisioned' }>,
): ApiFailure | null {
  const { requested, accountConcurrency, committedElsewhere } = input;
  const { reserved } = state.record;
  const total = requested + provisionedTotal(state, input.qualifier);
  if (reserved !== null) {
    if (total <= reserved) return null;
    return invalid(
      'Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function',
    );
  }
  if (requested > accountConcurrency) {
    const message = `Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [${accountConcurrency}].`;
    return invalid(message, { omitType: true });
  }
  if (accountConcurrency - committedElsewhere - total >= limits.unreservedConcurrencyMin) return null;
  const message =
    "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its " +
    `minimum value of [${limits.unreservedConcurrencyMin}].`;
  return invalid(message, { omitType: true });
}

function invalid(message: string, more: Parameters<typeof apiFailure>[2] = {}): ApiFailure {
  return apiFailure('InvalidParameterValueException', message, more);
}

/** What starts from a snapshot cannot be kept waiting (developer guide, "Lambda SnapStart": either the one or the other). */
function unfit(state: FunctionState, qualifier: string): ApiFailure | null {
  const version = state.versions.get(state.aliases.get(qualifier)?.version ?? qualifier);
  if (version === undefined || !wantsSnapshot(version)) return null;
  const message = 'Provisioned Concurrency is not supported for SnapStart enabled functions.';
  return apiFailure('InvalidParameterValueException', message);
}
