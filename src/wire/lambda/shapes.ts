/** Shapes that several themes share: names, ARNs, qualifiers, tags, paging. */
import { blob, enumeration, integer, list, map, string, structure } from './schema.js';

export const Arn = string({
  min: 0,
  max: 10000,
  pattern:
    'arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)',
});
export const Blob = blob({ sensitive: true });
export const CapacityProviderArn = string({
  min: 1,
  max: 140,
  pattern:
    'arn:aws[a-zA-Z-]*:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:capacity-provider:[a-zA-Z0-9-_]+',
});
export const CodeSigningConfigArn = string({
  min: 0,
  max: 200,
  pattern:
    'arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:code-signing-config:csc-[a-z0-9]{17}',
});
export const ReservedConcurrentExecutions = integer({ min: 0 });
export const Concurrency = structure({
  ReservedConcurrentExecutions: ReservedConcurrentExecutions,
});
export const Description = string({ min: 0, max: 256 });
export const DestinationArn = string({
  min: 0,
  max: 350,
  pattern:
    '$|kafka://([^.]([a-zA-Z0-9\\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)',
});
export const OnSuccess = structure({
  Destination: DestinationArn,
});
export const OnFailure = structure({
  Destination: DestinationArn,
});
export const DestinationConfig = structure({
  OnSuccess: OnSuccess,
  OnFailure: OnFailure,
});
export const DurableExecutionArn = string({
  min: 1,
  max: 1024,
  pattern:
    'arn:([a-zA-Z0-9-]+):lambda:([a-zA-Z0-9-]+):(\\d{12}):function:([a-zA-Z0-9_-]+):(\\$LATEST(?:\\.PUBLISHED)?|[0-9]+)/durable-execution/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)',
});
export const DurableExecutionName = string({ min: 1, max: 64, pattern: '[a-zA-Z0-9-_]+' });
export const EnvironmentVariableName = string({ pattern: '[a-zA-Z]([a-zA-Z0-9_])+', sensitive: true });
export const EnvironmentVariables = map(EnvironmentVariableName, string({ sensitive: true }), { sensitive: true });
export const FileSystemArn = string({
  min: 0,
  max: 256,
  pattern:
    'arn:aws[a-zA-Z-]*:elasticfilesystem:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:access-point/fsap-[a-f0-9]{17}$|^arn:aws[-a-z]*:s3files:[0-9a-z-:]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}',
});
export const FunctionArn = string({
  min: 0,
  max: 10000,
  pattern:
    'arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:function:[a-zA-Z0-9-_]+(:(\\$LATEST|[a-zA-Z0-9-_]+))?',
});
export const FunctionName = string({
  min: 1,
  max: 140,
  pattern:
    '(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?',
});
export const FunctionUrlAuthType = enumeration(['NONE', 'AWS_IAM']);
export const FunctionVersionLatestPublished = enumeration(['LATEST_PUBLISHED']);
export const Handler = string({ min: 0, max: 128, pattern: '[^\\s]+' });
export const KMSKeyArn = string({ min: 0, max: 10000, pattern: '(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()' });
export const LayerVersionArn = string({
  min: 1,
  max: 2048,
  pattern:
    '((arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+))',
});
export const LocalMountPath = string({ min: 0, max: 160, pattern: '/mnt/[a-zA-Z0-9-_.]+' });
export const LogGroup = string({ min: 1, max: 512, pattern: '[\\.\\-_/#A-Za-z0-9]+' });
export const MaxListItems = integer({ min: 1, max: 10000 });
export const MemorySize = integer({ min: 128, max: 32768 });
export const NameSpacedFunctionArn = string({
  min: 0,
  max: 10000,
  pattern:
    'arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:function:[a-zA-Z0-9-_\\.]+(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?',
});
export const NamespacedFunctionName = string({
  min: 1,
  max: 256,
  pattern:
    '(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:|(((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?))(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?',
});
export const NumericLatestPublishedOrAliasQualifier = string({
  min: 1,
  max: 128,
  pattern: '\\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+',
});
export const S3Bucket = string({ min: 3, max: 63, pattern: '[0-9A-Za-z\\.\\-_]*(?<!\\.)' });
export const S3Key = string({ min: 1, max: 1024, pattern: '.*' });
export const S3ObjectVersion = string({ min: 1, max: 1024, pattern: '.*' });
export const ResolvedS3Object = structure({
  S3Bucket: S3Bucket,
  S3Key: S3Key,
  S3ObjectVersion: S3ObjectVersion,
});
export const ResourceArn = string({ min: 0, max: 10000, pattern: '(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()' });
export const RoleArn = string({
  min: 0,
  max: 10000,
  pattern: 'arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+',
});
export const RuntimeVersionArn = string({
  min: 26,
  max: 2048,
  pattern: 'arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}::runtime:.+',
});
export const S3ObjectStorageMode = enumeration(['COPY', 'REFERENCE']);
export const SecurityGroupId = string({ min: 0, max: 1024, pattern: 'sg-[0-9a-zA-Z]*' });
export const SecurityGroupIds = list(SecurityGroupId, { min: 0, max: 5 });
export const SensitiveString = string({ sensitive: true });
export const SensitiveStringOnServerOnly = string({ min: 0, max: 10000 });
export const StatementId = string({ min: 1, max: 100, pattern: '([a-zA-Z0-9-_]+)' });
export const StringList = list(string(), { min: 0, max: 1500 });
export const SubnetId = string({ min: 0, max: 1024, pattern: 'subnet-[0-9a-z]*' });
export const SubnetIds = list(SubnetId, { min: 0, max: 16 });
export const TagKey = string({ min: 1, max: 128, pattern: '([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)' });
export const TagValue = string({ min: 0, max: 256, pattern: '([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)' });
export const Tags = map(TagKey, TagValue);
export const TenantId = string({ min: 1, max: 256, pattern: '[a-zA-Z0-9\\._:\\/=+\\-@ ]+' });
export const Timeout = integer({ min: 1, max: 5400 });
export const Timestamp = string({ min: 0, max: 100, pattern: '.*' });
export const UnqualifiedFunctionName = string({
  min: 1,
  max: 140,
  pattern:
    '(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)',
});
export const Version = string({ min: 1, max: 1024, pattern: '(\\$LATEST|[0-9]+)' });
export const VersionWithLatestPublished = string({ min: 1, max: 1024, pattern: '(\\$LATEST(\\.PUBLISHED)?|[0-9]+)' });
