import type { StopReason } from '../assignment/messages.js';
import type { ApiFailure } from '../kernel/errors.js';
import type { AccountId, PoolKey, Region } from '../kernel/ids.js';
import type { RuntimeName } from '../wire/functionspec.js';
import type { AttachmentInput, AttachmentRecord } from './attachments/attachments.js';
import type { UrlInput, UrlRecord } from './urls/messages.js';

export const latest = '$LATEST';

/** One function, by its unqualified name. */
export interface FunctionId {
  readonly account: AccountId;
  readonly region: Region;
  readonly name: string;
}

/** Everything a client can set on a version, with defaults filled in. Stored as is. */
export interface Settings {
  readonly runtime: RuntimeName;
  readonly role: string;
  readonly handler: string;
  readonly description: string;
  readonly timeoutSeconds: number;
  readonly memoryMib: number;
  readonly ephemeralMib: number;
  /** Null: never given. What was given as empty is answered as empty (recorded). */
  readonly environment: Readonly<Record<string, string>> | null;
  readonly tracing: 'Active' | 'PassThrough';
  readonly deadLetterArn: string | null;
  readonly logFormat: 'JSON' | 'Text';
  readonly logGroup: string;
  readonly applicationLogLevel: 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL' | null;
  readonly systemLogLevel: 'DEBUG' | 'INFO' | 'WARN' | null;
  readonly snapStart: 'PublishedVersions' | 'None';
  readonly architecture: 'x86_64' | 'arm64';
  readonly layers: readonly LayerUse[];
}

/** The zip a version runs: lower-case hex SHA-256 of the zip, its size, and the size of the unzipped files. */
export interface Code {
  readonly sha256Hex: string;
  readonly zipBytes: number;
  readonly unzippedBytes: number;
}

/** A layer version as a function uses it: with its own hold on the zip, since the layer version may be deleted. */
export interface LayerUse {
  readonly arn: string;
  readonly code: Code;
}

/** What all versions of a function share. */
export interface FunctionRecord extends FunctionId {
  readonly createdMs: number;
  /** Null: no reservation. */
  readonly reserved: number | null;
  readonly tags: Readonly<Record<string, string>>;
  /** Number of the next published version; never reused while the function lives. */
  readonly nextVersion: number;
  /** Absent: `Terminate`. */
  readonly recursiveLoop?: 'Allow' | 'Terminate';
  /** Absent or null: code need not be signed. */
  readonly codeSigningConfigArn?: string | null;
}

/** `$LATEST` or one published version. Published ones only ever change their state. */
export interface VersionRecord {
  /** `$LATEST` or decimal digits. */
  readonly version: string;
  /**
   * Changes with every change of code or settings, and never returns: the time of the change in epoch milliseconds,
   * at least one more than the last. A counter from 1 would give a function deleted and made again the pools of the
   * old one, whose sandboxes may still be at work.
   */
  readonly generation: number;
  readonly settings: Settings;
  readonly code: Code;
  readonly lastModifiedMs: number;
  readonly revisionId: string;
  /** `Inactive`: its snapshot was dropped because nobody invoked it; the next invocation makes it `Pending` again. */
  readonly state: 'Pending' | 'Active' | 'Inactive' | 'Failed';
  /** Null until the first state change is over. */
  readonly update: 'InProgress' | 'Successful' | 'Failed' | null;
  /** Why state or update is `Failed`; null otherwise. */
  readonly failure: VersionFailure | null;
  /** There is a snapshot to start from (SnapStart). Absent: none, sandboxes start from the code. */
  readonly snapshot?: { readonly usedMs: number };
  /**
   * With an update in progress or failed: what worked before it, and runs until it is successful. Absent: nothing did.
   * Without a generation (stored by older versions), it runs only once the update has failed, as the record's own.
   */
  readonly previous?: Pick<VersionRecord, 'settings' | 'code'> & { readonly generation?: number };
}

export interface VersionFailure {
  /** A value of the API's StateReasonCode. */
  readonly code: 'InvalidRuntime' | 'InternalError' | 'FunctionError';
  readonly message: string;
}

export interface AliasRecord {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** A second version and the share of invocations it gets, in [0, 1]. */
  readonly routing: { readonly version: string; readonly weight: number } | null;
  readonly revisionId: string;
}

/** All that is stored of one function. */
export interface FunctionState {
  readonly record: FunctionRecord;
  readonly versions: ReadonlyMap<string, VersionRecord>;
  readonly aliases: ReadonlyMap<string, AliasRecord>;
  /** By qualifier: `$LATEST` or an alias. */
  readonly urls: ReadonlyMap<string, UrlRecord>;
  /** By qualifier: `$LATEST`, a version or an alias. */
  readonly attachments: ReadonlyMap<string, AttachmentRecord>;
}

interface Timed {
  readonly nowMs: number;
  /** Two fresh UUIDs: an input changes at most two revisions. */
  readonly revisionIds: readonly [string, string];
}

/** What becomes of the snapshot of a published version; of another generation it is none of ours. */
export type SnapshotInput = Timed & { readonly version: string; readonly generation: number } & (
    | {
        /** A sandbox starts from it. */
        readonly kind: 'snapshot-used';
      }
    /** It is gone or cannot be restored. */
    | { readonly kind: 'snapshot-lost' }
    /** One was made in place of a lost one. */
    | { readonly kind: 'snapshot-regenerated' }
    /** Time has passed: it may not have been used for too long. */
    | { readonly kind: 'snapshot-aged' }
    /** Somebody invokes an inactive version. */
    | { readonly kind: 'wake' }
  );

export type ConfigInput =
  | (Timed & {
      readonly kind: 'create';
      readonly id: FunctionId;
      readonly settings: Settings;
      readonly code: Code;
      readonly tags: Readonly<Record<string, string>>;
      readonly codeSigningConfigArn: string | null;
      readonly publish: boolean;
      /** Above the generation of every function before: one of this name may be still at work. */
      readonly generationMin: number;
    })
  | (Timed & {
      readonly kind: 'update-code';
      readonly code: Code;
      readonly dryRun: boolean;
      readonly publish: boolean;
      /** The client's precondition. */
      readonly expectedRevisionId: string | null;
    })
  | (Timed & {
      readonly kind: 'update-settings';
      readonly settings: Settings;
      readonly expectedRevisionId: string | null;
    })
  | (Timed & {
      readonly kind: 'publish';
      readonly codeSha256Hex: string | null;
      /** What the client sent, for the error text. */
      readonly codeSha256: string | null;
      readonly currentCodeSha256: string | null;
      readonly description: string | null;
      readonly expectedRevisionId: string | null;
    })
  /** Code and runtime of this generation of the version are there (`failure: null`) or cannot be had. */
  | (Timed & {
      readonly kind: 'prepared';
      readonly version: string;
      readonly generation: number;
      readonly failure: VersionFailure | null;
      /** A snapshot was asked for, and there is one. */
      readonly snapshot: boolean;
    })
  | SnapshotInput
  /** Null: the function with everything it has. */
  | { readonly kind: 'delete'; readonly qualifier: string | null }
  | (Timed & {
      readonly kind: 'create-alias';
      readonly name: string;
      readonly version: string;
      readonly description: string;
      readonly weights: Readonly<Record<string, number>>;
    })
  | (Timed & {
      readonly kind: 'update-alias';
      readonly name: string;
      /** Null: unchanged, also below. */
      readonly version: string | null;
      readonly description: string | null;
      readonly weights: Readonly<Record<string, number>> | null;
      readonly expectedRevisionId: string | null;
    })
  | { readonly kind: 'delete-alias'; readonly name: string }
  | UrlInput
  | {
      readonly kind: 'reserve';
      /** Null ends the reservation. */
      readonly concurrency: number | null;
      /** Reserved or provisioned by all other functions of account and region. */
      readonly committedElsewhere: number;
      readonly accountConcurrency: number;
    }
  | (Timed & {
      readonly kind: 'tag';
      readonly set: Readonly<Record<string, string>>;
      readonly remove: readonly string[];
    })
  | { readonly kind: 'set-recursion'; readonly recursiveLoop: 'Allow' | 'Terminate' }
  /** The configuration exists; null: code need not be signed any more. */
  | { readonly kind: 'set-code-signing'; readonly arn: string | null }
  | AttachmentInput;

/** A stored record, or its end. Applied all together or not at all. */
export type RecordWrite =
  | { readonly kind: 'function'; readonly record: FunctionRecord | null }
  | { readonly kind: 'version'; readonly version: string; readonly record: VersionRecord | null }
  | { readonly kind: 'alias'; readonly name: string; readonly record: AliasRecord | null }
  | { readonly kind: 'url'; readonly qualifier: string; readonly record: UrlRecord | null }
  | { readonly kind: 'attachment'; readonly qualifier: string; readonly record: AttachmentRecord | null };

/** In order; nothing after `write` happens before it is durable. */
export type ConfigEffect =
  | { readonly kind: 'write'; readonly writes: readonly RecordWrite[] }
  /** Make sure that code and layers are unpacked; answered by `prepared`. */
  | {
      readonly kind: 'prepare';
      readonly version: string;
      readonly generation: number;
      /** The version's zip and those of its layers. */
      readonly codes: readonly Code[];
      readonly runtime: RuntimeName;
      /** And take its snapshot. */
      readonly snapshot: boolean;
    }
  /** Take the snapshot in the background; answered by `snapshot-regenerated`, or not at all. */
  | { readonly kind: 'regenerate'; readonly version: string; readonly generation: number }
  | { readonly kind: 'drop-snapshot'; readonly version: string; readonly generation: number }
  | { readonly kind: 'superseded'; readonly pool: PoolKey; readonly reason: StopReason }
  | { readonly kind: 'version-active'; readonly version: string }
  /** An alias leads to another version. */
  | { readonly kind: 'alias-moved'; readonly from: string; readonly to: string }
  | { readonly kind: 'function-deleted' }
  /** The answer to the client: the version, the alias, or nothing. */
  | { readonly kind: 'reply-version'; readonly record: VersionRecord; readonly qualified: boolean }
  | { readonly kind: 'reply-alias'; readonly record: AliasRecord }
  | { readonly kind: 'reply-attachment'; readonly record: AttachmentRecord }
  | { readonly kind: 'reply-url'; readonly record: UrlRecord }
  | { readonly kind: 'reply' }
  | { readonly kind: 'refuse'; readonly failure: ApiFailure };
