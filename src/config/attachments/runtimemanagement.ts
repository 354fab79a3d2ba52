import { apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { FunctionState } from '../messages.js';
import { type AttachmentInput, type AttachmentRecord, missingQualifier } from './attachments.js';

/** Which version of its runtime a function runs. Each runtime has one version here, so only that one can be pinned. */
export function setRuntimeManagement(
  state: FunctionState,
  before: AttachmentRecord,
  input: Extract<AttachmentInput, { kind: 'set-runtime-management' }>,
): Result<AttachmentRecord> {
  const missing = missingQualifier(state, input.qualifier);
  if (missing !== null) return fail(missing);
  const { updateRuntimeOn, runtimeVersionArn, availableArn } = input;
  const manual = updateRuntimeOn === 'Manual';
  if (manual && runtimeVersionArn === null) {
    return invalid('RuntimeVersionArn is required when UpdateRuntimeOn is Manual.');
  }
  if (!manual && runtimeVersionArn !== null) {
    return invalid(`RuntimeVersionArn is not allowed when UpdateRuntimeOn is ${updateRuntimeOn}.`);
  }
  if (manual && runtimeVersionArn !== availableArn) {
    return invalid(
      `The runtime version ${runtimeVersionArn} is not available here: this installation has ${availableArn}.`,
    );
  }
  const isDefault = updateRuntimeOn === 'Auto';
  return ok({ ...before, runtimeManagement: isDefault ? null : { updateRuntimeOn, runtimeVersionArn } });
}

function invalid(message: string): Result<never> {
  return fail(apiFailure('InvalidParameterValueException', message));
}
