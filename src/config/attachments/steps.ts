import { assert, unreachable } from '../../kernel/assert.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { ConfigEffect, FunctionState, RecordWrite } from '../messages.js';
import { addPermission, putPolicy, removePermission } from '../policies/permissions.js';
import { type AttachmentInput, type AttachmentRecord, attachmentOf, isEmpty, missingQualifier } from './attachments.js';
import { noEventInvoke, setEventInvoke } from './eventinvoke.js';
import { setProvisioned } from './provisioned.js';
import { setRuntimeManagement } from './runtimemanagement.js';

/** The part of the function's machine that changes what is attached to a qualifier. Pure. */
export function stepAttachment(state: FunctionState, input: AttachmentInput): readonly ConfigEffect[] {
  const changed = change(state, attachmentOf(state, input.qualifier), input);
  if (!changed.ok) return [{ kind: 'refuse', failure: changed.failure }];
  const after = changed.value;
  const writes: RecordWrite[] = [
    { kind: 'attachment', qualifier: after.qualifier, record: isEmpty(after) ? null : after },
  ];
  if (input.kind === 'add-permission' || input.kind === 'remove-permission' || input.kind === 'put-policy') {
    writes.push(revised(state, input.qualifier, input.revisionIds[0]));
  }
  return [
    { kind: 'write', writes },
    { kind: 'reply-attachment', record: after },
  ];
}

function change(state: FunctionState, before: AttachmentRecord, input: AttachmentInput): Result<AttachmentRecord> {
  switch (input.kind) {
    case 'add-permission':
      return addPermission(state, before, input);
    case 'remove-permission':
      return removePermission(state, before, input);
    case 'put-policy':
      return putPolicy(state, before, input);
    case 'set-event-invoke':
      return setEventInvoke(state, before, input);
    case 'delete-event-invoke':
      return before.eventInvoke === null
        ? fail(noEventInvoke(state.record, input.qualifier))
        : ok({ ...before, eventInvoke: null });
    case 'set-provisioned':
      return setProvisioned(state, before, input);
    case 'delete-provisioned': {
      const missing = missingQualifier(state, input.qualifier);
      // Deleting what is not there succeeds, as the service does it.
      return missing === null ? ok({ ...before, provisioned: null }) : fail(missing);
    }
    case 'set-runtime-management':
      return setRuntimeManagement(state, before, input);
    default:
      return unreachable(input);
  }
}

/** A policy is part of what its version's or alias's revision stands for. */
function revised(state: FunctionState, qualifier: string, revisionId: string): RecordWrite {
  const alias = state.aliases.get(qualifier);
  if (alias !== undefined) return { kind: 'alias', name: alias.name, record: { ...alias, revisionId } };
  const version = state.versions.get(qualifier);
  assert(version !== undefined, 'a policy belongs to a version or an alias');
  return { kind: 'version', version: qualifier, record: { ...version, revisionId } };
}
