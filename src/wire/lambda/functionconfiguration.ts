/** What a function is made of: the shapes behind FunctionConfiguration. */

import { boolean, double, enumeration, integer, list, long, required, string, structure } from './schema.js';
import {
  Arn,
  CapacityProviderArn,
  Description,
  EnvironmentVariables,
  FileSystemArn,
  FunctionArn,
  Handler,
  KMSKeyArn,
  LayerVersionArn,
  LocalMountPath,
  LogGroup,
  MemorySize,
  NameSpacedFunctionArn,
  NamespacedFunctionName,
  ResourceArn,
  RoleArn,
  RuntimeVersionArn,
  SecurityGroupIds,
  SensitiveString,
  StringList,
  SubnetIds,
  Timeout,
  Timestamp,
  Version,
} from './shapes.js';

export const ApplicationLogLevel = enumeration(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']);
export const Architecture = enumeration(['x86_64', 'arm64']);
export const ArchitecturesList = list(Architecture, { min: 1, max: 1 });
export const LambdaManagedInstancesCapacityProviderConfig = structure({
  CapacityProviderArn: required(CapacityProviderArn),
  PerExecutionEnvironmentMaxConcurrency: integer({ min: 1, max: 1600 }),
  ExecutionEnvironmentMemoryGiBPerVCpu: double({ min: 2, max: 8 }),
});
export const CapacityProviderConfig = structure({
  LambdaManagedInstancesCapacityProviderConfig: required(LambdaManagedInstancesCapacityProviderConfig),
});
export const DeadLetterConfig = structure({
  TargetArn: ResourceArn,
});
export const DurableConfig = structure({
  KMSKeyArn: KMSKeyArn,
  RetentionPeriodInDays: integer({ min: 1, max: 90 }),
  ExecutionTimeout: integer({ min: 1, max: 31622400 }),
});
export const EnvironmentError = structure({
  ErrorCode: string(),
  Message: SensitiveString,
});
export const EnvironmentResponse = structure({
  Variables: EnvironmentVariables,
  Error: EnvironmentError,
});
export const EphemeralStorage = structure({
  Size: required(integer({ min: 512, max: 10240 })),
});
export const FileSystemConfig = structure({
  Arn: required(FileSystemArn),
  LocalMountPath: required(LocalMountPath),
});
export const FileSystemConfigList = list(FileSystemConfig, { min: 0, max: 1 });
export const Runtime = enumeration([
  'nodejs',
  'nodejs4.3',
  'nodejs6.10',
  'nodejs8.10',
  'nodejs10.x',
  'nodejs12.x',
  'nodejs14.x',
  'nodejs16.x',
  'nodejs18.x',
  'nodejs20.x',
  'nodejs22.x',
  'nodejs24.x',
  'java8',
  'java8.al2',
  'java11',
  'java17',
  'java21',
  'java25',
  'python2.7',
  'python3.6',
  'python3.7',
  'python3.8',
  'python3.9',
  'python3.10',
  'python3.11',
  'python3.12',
  'python3.13',
  'python3.14',
  'dotnetcore1.0',
  'dotnetcore2.0',
  'dotnetcore2.1',
  'dotnetcore3.1',
  'dotnet6',
  'dotnet8',
  'dotnet10',
  'nodejs4.3-edge',
  'go1.x',
  'ruby2.5',
  'ruby2.7',
  'ruby3.2',
  'ruby3.3',
  'ruby3.4',
  'ruby4.0',
  'provided',
  'provided.al2',
  'provided.al2023',
  'nodejs26.x',
  'python3.15',
  'java8.al2023',
  'java11.al2023',
  'java17.al2023',
]);
export const VpcConfigResponse = structure({
  SubnetIds: SubnetIds,
  SecurityGroupIds: SecurityGroupIds,
  VpcId: string(),
  Ipv6AllowedForDualStack: boolean(),
});
export const TracingMode = enumeration(['Active', 'PassThrough']);
export const TracingConfigResponse = structure({
  Mode: TracingMode,
});
export const Layer = structure({
  Arn: LayerVersionArn,
  CodeSize: long(),
  SigningProfileVersionArn: Arn,
  SigningJobArn: Arn,
});
export const State = enumeration([
  'Pending',
  'Active',
  'Inactive',
  'Failed',
  'Deactivating',
  'Deactivated',
  'ActiveNonInvocable',
  'Deleting',
]);
export const StateReasonCode = enumeration([
  'Idle',
  'Creating',
  'Restoring',
  'EniLimitExceeded',
  'InsufficientRolePermissions',
  'InvalidConfiguration',
  'InternalError',
  'SubnetOutOfIPAddresses',
  'InvalidSubnet',
  'InvalidSecurityGroup',
  'ImageDeleted',
  'ImageAccessDenied',
  'InvalidImage',
  'KMSKeyAccessDenied',
  'KMSKeyNotFound',
  'InvalidStateKMSKey',
  'DisabledKMSKey',
  'EFSIOError',
  'EFSMountConnectivityError',
  'EFSMountFailure',
  'EFSMountTimeout',
  'InvalidRuntime',
  'InvalidZipFileException',
  'FunctionError',
  'ServiceQuotaExceededException',
  'VcpuLimitExceeded',
  'CapacityProviderScalingLimitExceeded',
  'InsufficientCapacity',
  'EC2RequestLimitExceeded',
  'FunctionError.InitTimeout',
  'FunctionError.RuntimeInitError',
  'FunctionError.ExtensionInitError',
  'FunctionError.InvalidEntryPoint',
  'FunctionError.InvalidWorkingDirectory',
  'FunctionError.PermissionDenied',
  'FunctionError.TooManyExtensions',
  'FunctionError.InitResourceExhausted',
  'DisallowedByVpcEncryptionControl',
  'DrainingDurableExecutions',
  'DependencyError',
]);
export const LastUpdateStatus = enumeration(['Successful', 'Failed', 'InProgress']);
export const LastUpdateStatusReasonCode = enumeration([
  'EniLimitExceeded',
  'InsufficientRolePermissions',
  'InvalidConfiguration',
  'InternalError',
  'SubnetOutOfIPAddresses',
  'InvalidSubnet',
  'InvalidSecurityGroup',
  'ImageDeleted',
  'ImageAccessDenied',
  'InvalidImage',
  'KMSKeyAccessDenied',
  'KMSKeyNotFound',
  'InvalidStateKMSKey',
  'DisabledKMSKey',
  'EFSIOError',
  'EFSMountConnectivityError',
  'EFSMountFailure',
  'EFSMountTimeout',
  'InvalidRuntime',
  'InvalidZipFileException',
  'FunctionError',
  'ServiceQuotaExceededException',
  'VcpuLimitExceeded',
  'CapacityProviderScalingLimitExceeded',
  'InsufficientCapacity',
  'EC2RequestLimitExceeded',
  'FunctionError.InitTimeout',
  'FunctionError.RuntimeInitError',
  'FunctionError.ExtensionInitError',
  'FunctionError.InvalidEntryPoint',
  'FunctionError.InvalidWorkingDirectory',
  'FunctionError.PermissionDenied',
  'FunctionError.TooManyExtensions',
  'FunctionError.InitResourceExhausted',
  'DisallowedByVpcEncryptionControl',
  'DependencyError',
]);
export const PackageType = enumeration(['Zip', 'Image']);
export const ImageConfig = structure({
  EntryPoint: StringList,
  Command: StringList,
  WorkingDirectory: string({ min: 0, max: 1000 }),
});
export const ImageConfigError = structure({
  ErrorCode: string(),
  Message: SensitiveString,
});
export const ImageConfigResponse = structure({
  ImageConfig: ImageConfig,
  Error: ImageConfigError,
});
export const SnapStartApplyOn = enumeration(['PublishedVersions', 'None']);
export const SnapStartOptimizationStatus = enumeration(['On', 'Off']);
export const SnapStartResponse = structure({
  ApplyOn: SnapStartApplyOn,
  OptimizationStatus: SnapStartOptimizationStatus,
});
export const RuntimeVersionError = structure({
  ErrorCode: string(),
  Message: SensitiveString,
});
export const RuntimeVersionConfig = structure({
  RuntimeVersionArn: RuntimeVersionArn,
  Error: RuntimeVersionError,
});
export const LogFormat = enumeration(['JSON', 'Text']);
export const SystemLogLevel = enumeration(['DEBUG', 'INFO', 'WARN']);
export const LoggingConfig = structure({
  LogFormat: LogFormat,
  ApplicationLogLevel: ApplicationLogLevel,
  SystemLogLevel: SystemLogLevel,
  LogGroup: LogGroup,
});
export const TenantIsolationMode = enumeration(['PER_TENANT']);
export const TenancyConfig = structure({
  TenantIsolationMode: required(TenantIsolationMode),
});
export const FunctionConfiguration = structure({
  FunctionName: NamespacedFunctionName,
  FunctionArn: NameSpacedFunctionArn,
  Runtime: Runtime,
  Role: RoleArn,
  Handler: Handler,
  CodeSize: long(),
  Description: Description,
  Timeout: Timeout,
  MemorySize: MemorySize,
  LastModified: Timestamp,
  CodeSha256: string(),
  Version: Version,
  VpcConfig: VpcConfigResponse,
  DeadLetterConfig: DeadLetterConfig,
  Environment: EnvironmentResponse,
  KMSKeyArn: KMSKeyArn,
  TracingConfig: TracingConfigResponse,
  MasterArn: FunctionArn,
  RevisionId: string(),
  Layers: list(Layer),
  State: State,
  StateReason: string(),
  StateReasonCode: StateReasonCode,
  LastUpdateStatus: LastUpdateStatus,
  LastUpdateStatusReason: string(),
  LastUpdateStatusReasonCode: LastUpdateStatusReasonCode,
  FileSystemConfigs: FileSystemConfigList,
  SigningProfileVersionArn: Arn,
  SigningJobArn: Arn,
  PackageType: PackageType,
  ImageConfigResponse: ImageConfigResponse,
  Architectures: ArchitecturesList,
  EphemeralStorage: EphemeralStorage,
  SnapStart: SnapStartResponse,
  RuntimeVersionConfig: RuntimeVersionConfig,
  LoggingConfig: LoggingConfig,
  TenancyConfig: TenancyConfig,
  CapacityProviderConfig: CapacityProviderConfig,
  ConfigSha256: string(),
  DurableConfig: DurableConfig,
});
export const FunctionList = list(FunctionConfiguration);
