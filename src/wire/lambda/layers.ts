/** Layers and their permissions. */
import { Architecture, Runtime } from './functionconfiguration.js';
import { operation } from './operation.js';
import { integer, list, long, query, required, string, structure, uri } from './schema.js';
import {
  Arn,
  Blob,
  Description,
  LayerVersionArn,
  ResolvedS3Object,
  S3Bucket,
  S3Key,
  S3ObjectStorageMode,
  S3ObjectVersion,
  SensitiveStringOnServerOnly,
  StatementId,
  Timestamp,
} from './shapes.js';

export const CompatibleArchitectures = list(Architecture, { min: 0, max: 2 });
export const CompatibleRuntimes = list(Runtime, { min: 0, max: 15 });
export const LayerVersionContentOutput = structure({
  Location: SensitiveStringOnServerOnly,
  CodeSha256: string(),
  CodeSize: long(),
  SigningProfileVersionArn: Arn,
  SigningJobArn: Arn,
  ResolvedS3Object: ResolvedS3Object,
});
export const LayerArn = string({
  min: 1,
  max: 2048,
  pattern:
    'arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:layer:[a-zA-Z0-9-_]+',
});
export const LicenseInfo = string({ min: 0, max: 512, pattern: '.*' });
export const GetLayerVersionResponse = structure({
  Content: LayerVersionContentOutput,
  LayerArn: LayerArn,
  LayerVersionArn: LayerVersionArn,
  Description: Description,
  CreatedDate: Timestamp,
  Version: long(),
  CompatibleArchitectures: CompatibleArchitectures,
  CompatibleRuntimes: CompatibleRuntimes,
  LicenseInfo: LicenseInfo,
});
export const LayerName = string({
  min: 1,
  max: 140,
  pattern:
    '(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+',
});
export const LayerPermissionAllowedAction = string({ min: 0, max: 22, pattern: 'lambda:GetLayerVersion' });
export const LayerPermissionAllowedPrincipal = string({
  min: 0,
  max: 10000,
  pattern: '\\d{12}|\\*|arn:(aws[a-zA-Z-]*):iam::\\d{12}:root',
});
export const LayerVersionContentInput = structure({
  S3Bucket: S3Bucket,
  S3Key: S3Key,
  S3ObjectVersion: S3ObjectVersion,
  S3ObjectStorageMode: S3ObjectStorageMode,
  ZipFile: Blob,
});
export const LayerVersionsListItem = structure({
  LayerVersionArn: LayerVersionArn,
  Version: long(),
  Description: Description,
  CreatedDate: Timestamp,
  CompatibleArchitectures: CompatibleArchitectures,
  CompatibleRuntimes: CompatibleRuntimes,
  LicenseInfo: LicenseInfo,
});
export const LayersListItem = structure({
  LayerName: LayerName,
  LayerArn: LayerArn,
  LatestMatchingVersion: LayerVersionsListItem,
});
export const MaxLayerListItems = integer({ min: 1, max: 50 });
export const OrganizationId = string({ min: 0, max: 34, pattern: 'o-[a-z0-9]{10,32}' });

export const layerOperations = {
  PublishLayerVersion: operation({
    group: 'core',
    method: 'POST',
    path: '/2018-10-31/layers/{LayerName}/versions',
    status: 201,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
      'CodeStorageExceededException',
    ],
    input: structure({
      LayerName: uri(LayerName),
      Description: Description,
      Content: required(LayerVersionContentInput),
      CompatibleArchitectures: CompatibleArchitectures,
      CompatibleRuntimes: CompatibleRuntimes,
      LicenseInfo: LicenseInfo,
    }),
    output: structure({
      Content: LayerVersionContentOutput,
      LayerArn: LayerArn,
      LayerVersionArn: LayerVersionArn,
      Description: Description,
      CreatedDate: Timestamp,
      Version: long(),
      CompatibleArchitectures: CompatibleArchitectures,
      CompatibleRuntimes: CompatibleRuntimes,
      LicenseInfo: LicenseInfo,
    }),
  }),
  GetLayerVersion: operation({
    group: 'core',
    method: 'GET',
    path: '/2018-10-31/layers/{LayerName}/versions/{VersionNumber}',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      LayerName: uri(LayerName),
      VersionNumber: uri(long()),
    }),
    output: GetLayerVersionResponse,
  }),
  GetLayerVersionByArn: operation({
    group: 'core',
    method: 'GET',
    path: '/2018-10-31/layers?find=LayerVersion',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      Arn: required(query(LayerVersionArn)),
    }),
    output: GetLayerVersionResponse,
  }),
  ListLayerVersions: operation({
    group: 'core',
    method: 'GET',
    path: '/2018-10-31/layers/{LayerName}/versions',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      CompatibleArchitecture: query(Architecture),
      CompatibleRuntime: query(Runtime),
      LayerName: uri(LayerName),
      Marker: query(string()),
      MaxItems: query(MaxLayerListItems),
    }),
    output: structure({
      NextMarker: string(),
      LayerVersions: list(LayerVersionsListItem),
    }),
  }),
  ListLayers: operation({
    group: 'core',
    method: 'GET',
    path: '/2018-10-31/layers',
    status: 200,
    errors: ['InvalidParameterValueException', 'ServiceException', 'TooManyRequestsException'],
    input: structure({
      CompatibleArchitecture: query(Architecture),
      CompatibleRuntime: query(Runtime),
      Marker: query(string()),
      MaxItems: query(MaxLayerListItems),
    }),
    output: structure({
      NextMarker: string(),
      Layers: list(LayersListItem),
    }),
  }),
  DeleteLayerVersion: operation({
    group: 'core',
    method: 'DELETE',
    path: '/2018-10-31/layers/{LayerName}/versions/{VersionNumber}',
    status: 204,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      LayerName: uri(LayerName),
      VersionNumber: uri(long()),
    }),
    output: null,
  }),
  AddLayerVersionPermission: operation({
    group: 'common',
    method: 'POST',
    path: '/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy',
    status: 201,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'PolicyLengthExceededException',
      'ResourceNotFoundException',
      'PreconditionFailedException',
    ],
    input: structure({
      LayerName: uri(LayerName),
      VersionNumber: uri(long()),
      StatementId: required(StatementId),
      Action: required(LayerPermissionAllowedAction),
      Principal: required(LayerPermissionAllowedPrincipal),
      OrganizationId: OrganizationId,
      RevisionId: query(string()),
    }),
    output: structure({
      Statement: string(),
      RevisionId: string(),
    }),
  }),
  RemoveLayerVersionPermission: operation({
    group: 'common',
    method: 'DELETE',
    path: '/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy/{StatementId}',
    status: 204,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
      'PreconditionFailedException',
    ],
    input: structure({
      LayerName: uri(LayerName),
      VersionNumber: uri(long()),
      StatementId: uri(StatementId),
      RevisionId: query(string()),
    }),
    output: null,
  }),
  GetLayerVersionPolicy: operation({
    group: 'common',
    method: 'GET',
    path: '/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      LayerName: uri(LayerName),
      VersionNumber: uri(long()),
    }),
    output: structure({
      Policy: string(),
      RevisionId: string(),
    }),
  }),
} as const;
