/** What an event source mapping is made of. */

import { boolean, enumeration, integer, list, map, string, structure, timestamp } from './schema.js';
import { Arn, DestinationConfig, FunctionArn, KMSKeyArn } from './shapes.js';

export const URI = string({ min: 1, max: 200, pattern: '[ a-zA-Z0-9-\\/*:_+=.@-]*' });
export const SchemaRegistryUri = string({ min: 1, max: 10000, pattern: '[a-zA-Z0-9-\\/*:_+=.@-]*' });
export const SchemaRegistryEventRecordFormat = enumeration(['JSON', 'SOURCE']);
export const KafkaSchemaRegistryAuthType = enumeration([
  'BASIC_AUTH',
  'CLIENT_CERTIFICATE_TLS_AUTH',
  'SERVER_ROOT_CA_CERTIFICATE',
]);
export const KafkaSchemaRegistryAccessConfig = structure({
  Type: KafkaSchemaRegistryAuthType,
  URI: Arn,
});
export const KafkaSchemaValidationAttribute = enumeration(['KEY', 'VALUE']);
export const KafkaSchemaValidationConfig = structure({
  Attribute: KafkaSchemaValidationAttribute,
});
export const KafkaSchemaRegistryConfig = structure({
  SchemaRegistryURI: SchemaRegistryUri,
  EventRecordFormat: SchemaRegistryEventRecordFormat,
  AccessConfigs: list(KafkaSchemaRegistryAccessConfig),
  SchemaValidationConfigs: list(KafkaSchemaValidationConfig),
});
export const AmazonManagedKafkaEventSourceConfig = structure({
  ConsumerGroupId: URI,
  SchemaRegistryConfig: KafkaSchemaRegistryConfig,
});
export const BatchSize = integer({ min: 1, max: 10000 });
export const CollectionName = string({ min: 1, max: 57, pattern: '(^(?!(system\\x2e)))(^[_a-zA-Z0-9])([^$]*)' });
export const DatabaseName = string({ min: 1, max: 63, pattern: '[^ /\\.$\\x22]*' });
export const FullDocument = enumeration(['UpdateLookup', 'Default']);
export const DocumentDBEventSourceConfig = structure({
  DatabaseName: DatabaseName,
  CollectionName: CollectionName,
  FullDocument: FullDocument,
});
export const EndPointType = enumeration(['KAFKA_BOOTSTRAP_SERVERS']);
export const Endpoint = string({
  min: 1,
  max: 300,
  pattern:
    '(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\\-]*[a-zA-Z0-9])\\.)*([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9\\-]*[A-Za-z0-9]):[0-9]{1,5}',
});
export const EventSourceMappingArn = string({
  min: 85,
  max: 120,
  pattern:
    'arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}',
});
export const UUIDString = string({ min: 36, max: 36 });
export const EventSourcePosition = enumeration(['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP']);
export const MaximumBatchingWindowInSeconds = integer({ min: 0, max: 300 });
export const ParallelizationFactor = integer({ min: 1, max: 10 });
export const Pattern = string({ min: 0, max: 4096, pattern: '[\\s\\S]*' });
export const Filter = structure({
  Pattern: Pattern,
});
export const FilterCriteria = structure({
  Filters: list(Filter),
});
export const FilterCriteriaErrorCode = string({ min: 10, max: 50, pattern: '[A-Za-z]+Exception' });
export const FilterCriteriaErrorMessage = string({ min: 10, max: 2048, pattern: '.*' });
export const FilterCriteriaError = structure({
  ErrorCode: FilterCriteriaErrorCode,
  Message: FilterCriteriaErrorMessage,
});
export const EventSourceMappingMetric = enumeration(['EventCount', 'ErrorCount', 'KafkaMetrics']);
export const EventSourceMappingMetricsConfig = structure({
  Metrics: list(EventSourceMappingMetric, { min: 0, max: 3 }),
});
export const EventSourceMappingSystemLogLevel = enumeration(['DEBUG', 'INFO', 'WARN']);
export const EventSourceMappingLoggingConfig = structure({
  SystemLogLevel: EventSourceMappingSystemLogLevel,
});
export const ScalingConfig = structure({
  MaximumConcurrency: integer({ min: 2, max: 1000 }),
});
export const Topic = string({ min: 1, max: 249, pattern: '[^.]([a-zA-Z0-9\\-_.]+)' });
export const Topics = list(Topic, { min: 1, max: 1 });
export const Queue = string({ min: 1, max: 1000, pattern: '[\\s\\S]*' });
export const Queues = list(Queue, { min: 1, max: 1 });
export const SourceAccessType = enumeration([
  'BASIC_AUTH',
  'VPC_SUBNET',
  'VPC_SECURITY_GROUP',
  'SASL_SCRAM_512_AUTH',
  'SASL_SCRAM_256_AUTH',
  'VIRTUAL_HOST',
  'CLIENT_CERTIFICATE_TLS_AUTH',
  'SERVER_ROOT_CA_CERTIFICATE',
]);
export const SourceAccessConfiguration = structure({
  Type: SourceAccessType,
  URI: URI,
});
export const SourceAccessConfigurations = list(SourceAccessConfiguration, { min: 0, max: 23 });
export const SelfManagedEventSource = structure({
  Endpoints: map(EndPointType, list(Endpoint, { min: 1, max: 10 }), { min: 1, max: 2 }),
});
export const MaximumRecordAgeInSeconds = integer({ min: -1, max: 604800 });
export const MaximumRetryAttemptsEventSourceMapping = integer({ min: -1, max: 10000 });
export const TumblingWindowInSeconds = integer({ min: 0, max: 900 });
export const FunctionResponseType = enumeration(['ReportBatchItemFailures']);
export const FunctionResponseTypeList = list(FunctionResponseType, { min: 0, max: 1 });
export const SelfManagedKafkaEventSourceConfig = structure({
  ConsumerGroupId: URI,
  SchemaRegistryConfig: KafkaSchemaRegistryConfig,
});
export const ProvisionedPollerGroupName = string({ min: 0, max: 128, pattern: '[a-zA-Z0-9-_]*' });
export const ProvisionedPollerConfig = structure({
  MinimumPollers: integer({ min: 1, max: 200 }),
  MaximumPollers: integer({ min: 1, max: 10000 }),
  PollerGroupName: ProvisionedPollerGroupName,
});
export const EventSourceMappingConfiguration = structure({
  UUID: UUIDString,
  StartingPosition: EventSourcePosition,
  StartingPositionTimestamp: timestamp(),
  BatchSize: BatchSize,
  MaximumBatchingWindowInSeconds: MaximumBatchingWindowInSeconds,
  ParallelizationFactor: ParallelizationFactor,
  EventSourceArn: Arn,
  FilterCriteria: FilterCriteria,
  FilterCriteriaError: FilterCriteriaError,
  KMSKeyArn: KMSKeyArn,
  MetricsConfig: EventSourceMappingMetricsConfig,
  LoggingConfig: EventSourceMappingLoggingConfig,
  ScalingConfig: ScalingConfig,
  FunctionArn: FunctionArn,
  LastModified: timestamp(),
  LastProcessingResult: string(),
  State: string(),
  StateTransitionReason: string(),
  DestinationConfig: DestinationConfig,
  Topics: Topics,
  Queues: Queues,
  SourceAccessConfigurations: SourceAccessConfigurations,
  SelfManagedEventSource: SelfManagedEventSource,
  MaximumRecordAgeInSeconds: MaximumRecordAgeInSeconds,
  BisectBatchOnFunctionError: boolean(),
  MaximumRetryAttempts: MaximumRetryAttemptsEventSourceMapping,
  TumblingWindowInSeconds: TumblingWindowInSeconds,
  FunctionResponseTypes: FunctionResponseTypeList,
  AmazonManagedKafkaEventSourceConfig: AmazonManagedKafkaEventSourceConfig,
  SelfManagedKafkaEventSourceConfig: SelfManagedKafkaEventSourceConfig,
  DocumentDBEventSourceConfig: DocumentDBEventSourceConfig,
  EventSourceMappingArn: EventSourceMappingArn,
  ProvisionedPollerConfig: ProvisionedPollerConfig,
});
