import type { AccountId, Region } from '../../kernel/ids.js';
import type { Input } from '../../wire/lambda/operations.js';

/** What a mapping reads from; `kafka` is self-managed, `msk` Amazon's. */
export type SourceKind = 'sqs' | 'kinesis' | 'dynamodb' | 'msk' | 'kafka' | 'mq' | 'documentdb';

/** As AWS names them. Those in -ing end by themselves, once the poller has done what they say. */
export type MappingState = 'Creating' | 'Enabling' | 'Enabled' | 'Updating' | 'Disabling' | 'Disabled' | 'Deleting';

type Create = Input<'CreateEventSourceMapping'>;

/** What the client configured, with the defaults of its kind: members as in the API. JSON-compatible. */
export type MappingSettings = Omit<
  Create,
  'EventSourceArn' | 'FunctionName' | 'Enabled' | 'Tags' | 'StartingPositionTimestamp' | 'KMSKeyArn'
> & { readonly BatchSize: number; readonly startingMs?: number };

/** One stored mapping. */
export interface MappingRecord {
  readonly uuid: string;
  readonly account: AccountId;
  readonly region: Region;
  readonly kind: SourceKind;
  /** Null: self-managed Kafka. */
  readonly sourceArn: string | null;
  readonly functionName: string;
  /** As the client named it: `$LATEST`, a version or an alias; looked up at every invocation. */
  readonly qualifier: string | null;
  /** What the client wants; `state` gets there. */
  readonly enabled: boolean;
  readonly state: MappingState;
  /** Epoch milliseconds. */
  readonly lastModifiedMs: number;
  readonly settings: MappingSettings;
  readonly tags: Readonly<Record<string, string>>;
}

/** Neither changing nor going: only such a mapping can be changed or deleted. */
export function isSettled({ state }: MappingRecord): boolean {
  return state === 'Enabled' || state === 'Disabled';
}

export function isFifo(sourceArn: string | null): boolean {
  return sourceArn?.endsWith('.fifo') ?? false;
}
