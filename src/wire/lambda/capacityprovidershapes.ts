/** What a capacity provider is made of. */
import { ArchitecturesList, State, SystemLogLevel } from './functionconfiguration.js';
import { double, enumeration, integer, list, map, required, string, structure } from './schema.js';
import {
  CapacityProviderArn,
  KMSKeyArn,
  LogGroup,
  NameSpacedFunctionArn,
  RoleArn,
  SecurityGroupId,
  SubnetId,
  TagKey,
  TagValue,
  Timestamp,
} from './shapes.js';

export const CapacityProviderState = enumeration(['Pending', 'Active', 'Failed', 'Deleting']);
export const CapacityProviderVpcConfig = structure({
  SubnetIds: required(list(SubnetId, { min: 1, max: 16 })),
  SecurityGroupIds: required(list(SecurityGroupId, { min: 0, max: 5 })),
});
export const CapacityProviderPermissionsConfig = structure({
  CapacityProviderOperatorRoleArn: required(RoleArn),
});
export const InstanceType = string({ min: 1, max: 30, pattern: '[a-zA-Z0-9\\.\\*\\-]+' });
export const InstanceTypeSet = list(InstanceType, { min: 0, max: 400 });
export const InstanceRequirements = structure({
  Architectures: ArchitecturesList,
  AllowedInstanceTypes: InstanceTypeSet,
  ExcludedInstanceTypes: InstanceTypeSet,
});
export const CapacityProviderScalingMode = enumeration(['Auto', 'Manual']);
export const CapacityProviderPredefinedMetricType = enumeration(['LambdaCapacityProviderAverageCPUUtilization']);
export const TargetTrackingScalingPolicy = structure({
  PredefinedMetricType: required(CapacityProviderPredefinedMetricType),
  TargetValue: required(double({ min: 0, max: 100 })),
});
export const CapacityProviderScalingConfig = structure({
  MaxVCpuCount: integer({ min: 2, max: 15000 }),
  ScalingMode: CapacityProviderScalingMode,
  ScalingPolicies: list(TargetTrackingScalingPolicy, { min: 1, max: 10 }),
});
export const PropagateTagsMode = enumeration(['None', 'Explicit']);
export const PropagateTags = structure({
  Mode: PropagateTagsMode,
  ExplicitTags: map(TagKey, TagValue, { min: 0, max: 40 }),
});
export const CapacityProviderLoggingConfig = structure({
  SystemLogLevel: SystemLogLevel,
  LogGroup: LogGroup,
});
export const CapacityProviderTelemetryConfig = structure({
  LoggingConfig: CapacityProviderLoggingConfig,
});
export const CapacityProvider = structure({
  CapacityProviderArn: required(CapacityProviderArn),
  State: required(CapacityProviderState),
  VpcConfig: required(CapacityProviderVpcConfig),
  PermissionsConfig: required(CapacityProviderPermissionsConfig),
  InstanceRequirements: InstanceRequirements,
  CapacityProviderScalingConfig: CapacityProviderScalingConfig,
  KmsKeyArn: KMSKeyArn,
  LastModified: Timestamp,
  PropagateTags: PropagateTags,
  TelemetryConfig: CapacityProviderTelemetryConfig,
});
export const CapacityProviderName = string({
  min: 1,
  max: 140,
  pattern:
    '(arn:aws[a-zA-Z-]*:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:capacity-provider:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+',
});
export const FunctionScalingConfigExecutionEnvironments = integer({ min: 0, max: 15000 });
export const FunctionScalingConfig = structure({
  MinExecutionEnvironments: FunctionScalingConfigExecutionEnvironments,
  MaxExecutionEnvironments: FunctionScalingConfigExecutionEnvironments,
});
export const FunctionVersionsByCapacityProviderListItem = structure({
  FunctionArn: required(NameSpacedFunctionArn),
  State: required(State),
});
export const KMSKeyArnNonEmpty = string({ min: 0, max: 10000, pattern: 'arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*' });
export const MaxFiftyListItems = integer({ min: 1, max: 50 });
export const PublishedFunctionQualifier = string({ min: 1, max: 128, pattern: '(\\$LATEST\\.PUBLISHED|[0-9]+)' });
