import { apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import { kib } from '../../kernel/units.js';
import type { AttachmentInput, AttachmentRecord } from '../attachments/attachments.js';
import { missingQualifier } from '../attachments/attachments.js';
import type { FunctionState } from '../messages.js';
import type { PolicyStatement } from './evaluation.js';

type Of<Kind extends AttachmentInput['kind']> = Extract<AttachmentInput, { kind: Kind }>;

/** A function's policy as JSON (AWS documentation, "Lambda quotas"). */
export const policyBytesMax = 20 * kib;

/** The policy's document as GetPolicy shows it. */
export function policyText(statements: readonly PolicyStatement[]): string {
  return JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: statements });
}

export function addPermission(
  state: FunctionState,
  before: AttachmentRecord,
  input: Of<'add-permission'>,
): Result<AttachmentRecord> {
  const missing = missingQualifier(state, input.qualifier);
  if (missing !== null) return fail(missing);
  if (isOutdated(state, input.qualifier, input.expectedRevisionId)) return fail(outdated());
  const { statement } = input;
  if (before.policy.some(({ Sid }) => Sid === statement.Sid)) {
    const message = `The statement id (${statement.Sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`;
    return fail(apiFailure('ResourceConflictException', message));
  }
  return withPolicy(before, [...before.policy, statement]);
}

export function putPolicy(
  state: FunctionState,
  before: AttachmentRecord,
  input: Of<'put-policy'>,
): Result<AttachmentRecord> {
  const missing = missingQualifier(state, input.qualifier);
  if (missing !== null) return fail(missing);
  if (input.statements.length === 0 && before.policy.length === 0) {
    return fail(apiFailure('ResourceNotFoundException', 'No policy is associated with the given resource.'));
  }
  if (isOutdated(state, input.qualifier, input.expectedRevisionId)) return fail(outdated());
  return withPolicy(before, input.statements);
}

function withPolicy(before: AttachmentRecord, policy: readonly PolicyStatement[]): Result<AttachmentRecord> {
  const bytes = byteLength(policyText(policy));
  if (bytes <= policyBytesMax) return ok({ ...before, policy });
  const message = `The final policy size (${bytes}) is bigger than the limit (${policyBytesMax}).`;
  return fail(apiFailure('PolicyLengthExceededException', message));
}

export function removePermission(
  state: FunctionState,
  before: AttachmentRecord,
  input: Of<'remove-permission'>,
): Result<AttachmentRecord> {
  const missing = missingQualifier(state, input.qualifier);
  if (missing !== null) return fail(missing);
  if (before.policy.length === 0) {
    return fail(apiFailure('ResourceNotFoundException', 'No policy is associated with the given resource.'));
  }
  const policy = before.policy.filter(({ Sid }) => Sid !== input.sid);
  if (policy.length === before.policy.length) {
    const message = `Statement ${input.sid} is not found in resource policy.`;
    return fail(apiFailure('ResourceNotFoundException', message));
  }
  if (isOutdated(state, input.qualifier, input.expectedRevisionId)) return fail(outdated());
  return ok({ ...before, policy });
}

/** The revision of a policy is that of its version or alias. */
export function revisionOf(state: FunctionState, qualifier: string): string | null {
  return (state.aliases.get(qualifier) ?? state.versions.get(qualifier))?.revisionId ?? null;
}

function isOutdated(state: FunctionState, qualifier: string, expected: string | null): boolean {
  return expected !== null && expected !== revisionOf(state, qualifier);
}

function outdated() {
  return apiFailure(
    'PreconditionFailedException',
    'The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id',
  );
}

/** Bytes of UTF-8. */
function byteLength(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
