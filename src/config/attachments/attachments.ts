import type { ApiFailure } from '../../kernel/errors.js';
import { aliasNotFound, notFound } from '../arns.js';
import type { FunctionState, RecordWrite } from '../messages.js';
import type { PolicyStatement } from '../policies/evaluation.js';

/** How asynchronous invocations of a qualifier are to be treated; null: not said. */
export interface EventInvoke {
  readonly retryAttemptsMax: number | null;
  readonly eventAgeSecondsMax: number | null;
  readonly onSuccessArn: string | null;
  readonly onFailureArn: string | null;
  readonly lastModifiedMs: number;
}

export interface Provisioned {
  readonly requested: number;
  readonly lastModifiedMs: number;
}

export interface RuntimeManagement {
  readonly updateRuntimeOn: 'Auto' | 'Manual' | 'FunctionUpdate';
  /** Set with `Manual` only. */
  readonly runtimeVersionArn: string | null;
}

/** What is set on one qualifier of a function beside its version or alias. */
export interface AttachmentRecord {
  /** `$LATEST` (which is also the unqualified function), a version or an alias. */
  readonly qualifier: string;
  readonly policy: readonly PolicyStatement[];
  readonly eventInvoke: EventInvoke | null;
  readonly provisioned: Provisioned | null;
  readonly runtimeManagement: RuntimeManagement | null;
}

interface Stamped {
  readonly nowMs: number;
  readonly revisionIds: readonly [string, string];
}

/** Inputs of the function's machine that change attachments. `qualifier` is never null: `$LATEST` stands for none. */
export type AttachmentInput =
  | (Stamped & {
      readonly kind: 'add-permission';
      readonly qualifier: string;
      readonly statement: PolicyStatement;
      readonly expectedRevisionId: string | null;
    })
  | (Stamped & {
      readonly kind: 'remove-permission';
      readonly qualifier: string;
      readonly sid: string;
      readonly expectedRevisionId: string | null;
    })
  | (Stamped & {
      /** The whole policy; no statements: none any more. */
      readonly kind: 'put-policy';
      readonly qualifier: string;
      readonly statements: readonly PolicyStatement[];
      readonly expectedRevisionId: string | null;
    })
  | (Stamped & {
      readonly kind: 'set-event-invoke';
      readonly qualifier: string;
      /** Whether members that are not given stay as they were, which wants something to be there. */
      readonly merge: boolean;
      readonly retryAttemptsMax: number | null;
      readonly eventAgeSecondsMax: number | null;
      /** Null: not given. */
      readonly destinations: Pick<EventInvoke, 'onSuccessArn' | 'onFailureArn'> | null;
    })
  | { readonly kind: 'delete-event-invoke'; readonly qualifier: string }
  | (Stamped & {
      readonly kind: 'set-provisioned';
      readonly qualifier: string;
      readonly requested: number;
      /** Reserved or provisioned by all other functions of account and region. */
      readonly committedElsewhere: number;
      readonly accountConcurrency: number;
    })
  | { readonly kind: 'delete-provisioned'; readonly qualifier: string }
  | {
      readonly kind: 'set-runtime-management';
      readonly qualifier: string;
      readonly updateRuntimeOn: RuntimeManagement['updateRuntimeOn'];
      readonly runtimeVersionArn: string | null;
      /** ARN of the one version that the function's runtime has here. */
      readonly availableArn: string;
    };

export function emptyAttachment(qualifier: string): AttachmentRecord {
  return { qualifier, policy: [], eventInvoke: null, provisioned: null, runtimeManagement: null };
}

/** An attachment that says nothing is not stored. */
export function isEmpty(record: AttachmentRecord): boolean {
  const { policy, eventInvoke, provisioned, runtimeManagement } = record;
  return policy.length === 0 && eventInvoke === null && provisioned === null && runtimeManagement === null;
}

export function attachmentOf(state: FunctionState, qualifier: string): AttachmentRecord {
  return state.attachments.get(qualifier) ?? emptyAttachment(qualifier);
}

/** Null: the function has such a version or alias. */
export function missingQualifier(state: FunctionState, qualifier: string): ApiFailure | null {
  if (state.versions.has(qualifier) || state.aliases.has(qualifier)) return null;
  const id = state.record;
  return /^(\d+|\$LATEST)$/.test(qualifier) ? notFound(id, qualifier) : aliasNotFound(id, qualifier);
}

/** What is attached to a version or alias goes with it. */
export function withoutAttachment(state: FunctionState, qualifier: string): readonly RecordWrite[] {
  return state.attachments.has(qualifier) ? [{ kind: 'attachment', qualifier, record: null }] : [];
}
