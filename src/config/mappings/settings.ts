import { compilePattern } from '../../eventsources/eventpattern.js';
import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Input } from '../../wire/lambda/operations.js';
import { batchSizeMax, fifoBatchSizeMax, kindOf, kinds, unwindowedBatchSizeMax } from './kinds.js';
import { isFifo, type MappingRecord, type MappingSettings, type SourceKind } from './record.js';

type Create = Input<'CreateEventSourceMapping'>;
type Update = Input<'UpdateEventSourceMapping'>;

/** AWS documentation, "Lambda event filtering": five filters for each mapping. */
const filtersMax = 5;
/** The model says -1 to a week; the documentation says at least a minute, or -1. */
const recordAgeSecondsMin = 60;
const pollersDefault = { min: 2, max: 200 };

export interface NewMapping {
  readonly kind: SourceKind;
  readonly sourceArn: string | null;
  readonly settings: MappingSettings;
}

/** Settings of a new mapping, checked against what its kind of source takes. `uuid` names a Kafka consumer group. */
export function newMapping(input: Create, nowMs: number, uuid: string): Result<NewMapping> {
  const sourceArn = input.EventSourceArn ?? null;
  if (sourceArn !== null && input.SelfManagedEventSource !== undefined) {
    return invalid('Please specify either EventSourceArn or SelfManagedEventSource, not both.');
  }
  const kind = input.SelfManagedEventSource !== undefined ? 'kafka' : kindOf(sourceArn ?? '');
  if (kind === null) return invalid('Unrecognized event source.');
  const given = membersOf(input);
  const failure =
    encrypted(input) ?? unsupported(kind, given) ?? missing(kind, given) ?? badStart(kind, sourceArn, input, nowMs);
  if (failure !== null) return fail(failure);
  const settings = settled({ ...kinds[kind].defaults, ...given, ...identity(kind, given, uuid) });
  const wrong = contradiction(sourceArn, settings, kind);
  return wrong === null ? ok({ kind, sourceArn, settings }) : fail(wrong);
}

/** What an update leaves; members that are absent stay as they were. */
export function changedMapping(record: MappingRecord, input: Update): Result<MappingSettings> {
  const given = membersOf(input);
  const failure = encrypted(input) ?? unsupported(record.kind, given);
  if (failure !== null) return fail(failure);
  const settings = settled({ ...record.settings, ...given });
  const wrong = contradiction(record.sourceArn, settings, record.kind);
  return wrong === null ? ok(settings) : fail(wrong);
}

/** Members that are kept beside the record's own. */
function membersOf(input: Create | Update): Partial<MappingSettings> {
  const given = input as Partial<Omit<Create, 'UUID'>> & { readonly UUID?: string };
  const { EventSourceArn, FunctionName, Enabled, Tags, UUID, KMSKeyArn, StartingPositionTimestamp, ...members } = given;
  const startingMs = StartingPositionTimestamp?.getTime();
  return (startingMs === undefined ? members : { ...members, startingMs }) as Partial<MappingSettings>;
}

/** Filters are stored as they are: who wants them encrypted must not be told that they were. */
function encrypted({ KMSKeyArn = '' }: Create | Update): ApiFailure | null {
  return KMSKeyArn === '' ? null : failure('KMSKeyArn is not supported by this installation');
}

function unsupported(kind: SourceKind, given: Partial<MappingSettings>): ApiFailure | null {
  const { takes } = kinds[kind];
  if (kind === 'sqs' && (given.StartingPosition !== undefined || given.startingMs !== undefined)) {
    return failure('StartingPosition is not valid for SQS event sources.');
  }
  for (const [name, value] of Object.entries(given)) {
    if (isNothing(value) || takes.includes(name as keyof MappingSettings)) continue;
    const shown = name === 'startingMs' ? 'StartingPositionTimestamp' : name;
    return failure(`Unsupported ${shown} parameter for given event source mapping type.`);
  }
  if (given.DestinationConfig?.OnSuccess?.Destination) {
    return failure('Unsupported DestinationConfig parameter for given event source mapping type.');
  }
  const foreign = (given.MetricsConfig?.Metrics ?? []).find((metric) => metric !== 'EventCount');
  if (foreign !== undefined && kind !== 'kafka' && kind !== 'msk') {
    return failure('Unsupported MetricsConfig parameter for given event source mapping type.');
  }
  return null;
}

/** Empty values say "none", which every kind of source can be told. */
function isNothing(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function missing(kind: SourceKind, given: Partial<MappingSettings>): ApiFailure | null {
  const needed: Readonly<Partial<Record<SourceKind, readonly (keyof MappingSettings)[]>>> = {
    kafka: ['SourceAccessConfigurations', 'Topics'],
    msk: ['Topics'],
    mq: ['SourceAccessConfigurations', 'Queues'],
    documentdb: ['SourceAccessConfigurations', 'DocumentDBEventSourceConfig'],
  };
  const name = needed[kind]?.find((one) => given[one] === undefined);
  if (name === undefined) return null;
  const shown = name.charAt(0).toLowerCase() + name.slice(1);
  return failure(`Required '${shown}' parameter is missing.`);
}

function badStart(kind: SourceKind, sourceArn: string | null, input: Create, nowMs: number): ApiFailure | null {
  if (!kinds[kind].takes.includes('StartingPosition')) return null;
  const { StartingPosition: position, StartingPositionTimestamp: time } = input;
  if (position === undefined) {
    const start = "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint:";
    return failure(`${start} Member must not be null.`);
  }
  if (position !== 'AT_TIMESTAMP') {
    return time === undefined ? null : failure('Timestamp only valid with StartingPosition AT_TIMESTAMP');
  }
  if (kind === 'dynamodb') return failure(`Unsupported starting position for arn type: ${sourceArn}`);
  if (time === undefined) return failure('StartingPositionTimestamp is required with StartingPosition AT_TIMESTAMP');
  return time.getTime() > nowMs ? failure('StartingPositionTimestamp cannot be in the future') : null;
}

/** Bounds and combinations, after everything is known. */
function contradiction(sourceArn: string | null, settings: MappingSettings, kind: SourceKind): ApiFailure | null {
  const { BatchSize, MaximumBatchingWindowInSeconds: window = 0, MaximumRecordAgeInSeconds: age = -1 } = settings;
  if (kind === 'sqs') {
    if (isFifo(sourceArn) && window > 0) return failure('Batching window is not supported for FIFO queues');
    if (BatchSize > batchSizeMax(sourceArn)) {
      return failure(`Maximum batch size must be between 1 and ${fifoBatchSizeMax} inclusive`);
    }
    if (BatchSize > unwindowedBatchSizeMax && window === 0) {
      return failure(
        `Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than ${unwindowedBatchSizeMax}`,
      );
    }
    if (settings.ScalingConfig?.MaximumConcurrency !== undefined && settings.ProvisionedPollerConfig !== undefined) {
      return failure('ScalingConfig and ProvisionedPollerConfig cannot be used together');
    }
  }
  if (age !== -1 && age < recordAgeSecondsMin) {
    return failure(`MaximumRecordAgeInSeconds must be -1, or between ${recordAgeSecondsMin} and 604800`);
  }
  return badPollers(settings, kind) ?? badFilters(settings);
}

function badPollers({ ProvisionedPollerConfig: pollers }: MappingSettings, kind: SourceKind): ApiFailure | null {
  if (pollers === undefined) return null;
  const least = kind === 'sqs' ? pollersDefault.min : 1;
  const { MinimumPollers: min = least, MaximumPollers: max = pollersDefault.max } = pollers;
  if (min < least || max < least) return failure(`MinimumPollers and MaximumPollers must be ${least} or more`);
  return min > max ? failure('MinimumPollers must be less than or equal to MaximumPollers') : null;
}

function badFilters({ FilterCriteria }: MappingSettings): ApiFailure | null {
  const filters = FilterCriteria?.Filters ?? [];
  if (filters.length > filtersMax) return failure(`The number of filters must be ${filtersMax} or less`);
  for (const { Pattern } of filters) {
    if (Pattern === undefined || compilePattern(Pattern) === null) return failure('Invalid filter pattern definition.');
  }
  return null;
}

/** Empty configurations remove what was configured (service model, ScalingConfig). */
function settled(settings: MappingSettings): MappingSettings {
  const { FilterCriteria, ScalingConfig, ProvisionedPollerConfig, MetricsConfig, ...rest } = settings;
  return {
    ...rest,
    ...((FilterCriteria?.Filters?.length ?? 0) === 0 ? {} : { FilterCriteria: FilterCriteria! }),
    ...(ScalingConfig?.MaximumConcurrency === undefined ? {} : { ScalingConfig }),
    ...(isEmpty(ProvisionedPollerConfig) ? {} : { ProvisionedPollerConfig: ProvisionedPollerConfig! }),
    ...((MetricsConfig?.Metrics?.length ?? 0) === 0 ? {} : { MetricsConfig: MetricsConfig! }),
  };
}

function isEmpty(value: object | undefined): boolean {
  return value === undefined || Object.keys(value).length === 0;
}

/** Kafka consumers need a group: the client's, or one of the mapping's own (recorded: a UUID). */
function identity(kind: SourceKind, given: Partial<MappingSettings>, uuid: string): Partial<MappingSettings> {
  if (kind === 'kafka') {
    return { SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: uuid, ...given.SelfManagedKafkaEventSourceConfig } };
  }
  if (kind === 'msk') {
    return {
      AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: uuid, ...given.AmazonManagedKafkaEventSourceConfig },
    };
  }
  if (kind === 'documentdb') {
    return { DocumentDBEventSourceConfig: { FullDocument: 'Default', ...given.DocumentDBEventSourceConfig } };
  }
  return {};
}

function failure(message: string): ApiFailure {
  return apiFailure('InvalidParameterValueException', message);
}

function invalid(message: string): Result<never> {
  return fail(failure(message));
}
