import { isFifo, type MappingSettings, type SourceKind } from './record.js';

/** What a kind of source takes beside what all take, and what a mapping of it has when the client says nothing. */
export interface KindRules {
  /** As texts name it. */
  readonly title: string;
  readonly takes: readonly (keyof MappingSettings)[];
  readonly defaults: MappingSettings;
  /** AWS has two spellings, the newer one for the newer sources (recorded). */
  readonly transitionReason: 'USER_INITIATED' | 'User action';
  /** Sources read by position tell how far they came (recorded). */
  readonly tellsResult: boolean;
}

const everywhere = ['BatchSize', 'MaximumBatchingWindowInSeconds', 'FilterCriteria', 'MetricsConfig'] as const;
const starting = ['StartingPosition', 'startingMs'] as const;
const failures = [
  'DestinationConfig',
  'MaximumRecordAgeInSeconds',
  'BisectBatchOnFunctionError',
  'MaximumRetryAttempts',
  'FunctionResponseTypes',
] as const;

/** Recorded: what a Kinesis mapping that only names stream, function and position is answered with. */
const stream: KindRules = {
  title: 'Amazon Kinesis',
  takes: [...everywhere, ...starting, ...failures, 'ParallelizationFactor', 'TumblingWindowInSeconds'],
  defaults: {
    BatchSize: 100,
    BisectBatchOnFunctionError: false,
    DestinationConfig: { OnFailure: {} },
    FunctionResponseTypes: [],
    MaximumBatchingWindowInSeconds: 0,
    MaximumRecordAgeInSeconds: -1,
    MaximumRetryAttempts: -1,
    ParallelizationFactor: 1,
    TumblingWindowInSeconds: 0,
  },
  transitionReason: 'User action',
  tellsResult: true,
};

const kafka: KindRules = {
  title: 'Apache Kafka',
  takes: [
    ...everywhere,
    ...starting,
    ...failures,
    'Topics',
    'SourceAccessConfigurations',
    'SelfManagedEventSource',
    'SelfManagedKafkaEventSourceConfig',
    'ProvisionedPollerConfig',
    'LoggingConfig',
  ],
  defaults: { BatchSize: 100, DestinationConfig: { OnFailure: {} } },
  transitionReason: 'USER_INITIATED',
  tellsResult: true,
};

export const kinds: Readonly<Record<SourceKind, KindRules>> = {
  sqs: {
    title: 'Amazon SQS',
    takes: [...everywhere, 'FunctionResponseTypes', 'ScalingConfig', 'ProvisionedPollerConfig'],
    defaults: { BatchSize: 10, MaximumBatchingWindowInSeconds: 0, FunctionResponseTypes: [] },
    transitionReason: 'USER_INITIATED',
    tellsResult: false,
  },
  kinesis: stream,
  dynamodb: { ...stream, title: 'Amazon DynamoDB Streams' },
  kafka,
  msk: {
    ...kafka,
    title: 'Amazon MSK',
    takes: [...kafka.takes.filter((name) => !name.startsWith('SelfManaged')), 'AmazonManagedKafkaEventSourceConfig'],
  },
  mq: {
    title: 'Amazon MQ',
    takes: [...everywhere, 'Queues', 'SourceAccessConfigurations'],
    defaults: { BatchSize: 100 },
    transitionReason: 'USER_INITIATED',
    tellsResult: true,
  },
  documentdb: {
    title: 'Amazon DocumentDB',
    takes: [...everywhere, ...starting, 'SourceAccessConfigurations', 'DocumentDBEventSourceConfig'],
    defaults: { BatchSize: 100 },
    transitionReason: 'USER_INITIATED',
    tellsResult: true,
  },
};

const kindsByService: Readonly<Record<string, SourceKind>> = {
  sqs: 'sqs',
  kinesis: 'kinesis',
  dynamodb: 'dynamodb',
  kafka: 'msk',
  mq: 'mq',
  rds: 'documentdb',
};

/** Null: no source of events. */
export function kindOf(sourceArn: string): SourceKind | null {
  const service = sourceArn.split(':')[2] ?? '';
  return Object.hasOwn(kindsByService, service) ? kindsByService[service]! : null;
}

/** A FIFO queue's batch is what one receive gives at most (AWS documentation, "Amazon SQS event source mapping"). */
export const fifoBatchSizeMax = 10;

/** Without a window a batch is what one receive gives: larger ones need time to gather. */
export const unwindowedBatchSizeMax = 10;

export function batchSizeMax(sourceArn: string | null): number {
  return isFifo(sourceArn) ? fifoBatchSizeMax : 10_000;
}
