/** Code signing. */

import { operation } from './operation.js';
import { enumeration, list, query, required, string, structure, uri } from './schema.js';
import {
  Arn,
  CodeSigningConfigArn,
  Description,
  FunctionArn,
  FunctionName,
  MaxListItems,
  NamespacedFunctionName,
  Tags,
  Timestamp,
} from './shapes.js';

export const AllowedPublishers = structure({
  SigningProfileVersionArns: required(list(Arn, { min: 1, max: 20 })),
});
export const CodeSigningConfigId = string({ pattern: 'csc-[a-zA-Z0-9-_\\.]{17}' });
export const CodeSigningPolicy = enumeration(['Warn', 'Enforce']);
export const CodeSigningPolicies = structure({
  UntrustedArtifactOnDeployment: CodeSigningPolicy,
});
export const CodeSigningConfig = structure({
  CodeSigningConfigId: required(CodeSigningConfigId),
  CodeSigningConfigArn: required(CodeSigningConfigArn),
  Description: Description,
  AllowedPublishers: required(AllowedPublishers),
  CodeSigningPolicies: required(CodeSigningPolicies),
  LastModified: required(Timestamp),
});

export const codeSigningOperations = {
  CreateCodeSigningConfig: operation({
    group: 'rare',
    method: 'POST',
    path: '/2020-04-22/code-signing-configs',
    status: 201,
    errors: ['InvalidParameterValueException', 'ServiceException'],
    input: structure({
      Description: Description,
      AllowedPublishers: required(AllowedPublishers),
      CodeSigningPolicies: CodeSigningPolicies,
      Tags: Tags,
    }),
    output: structure({
      CodeSigningConfig: required(CodeSigningConfig),
    }),
  }),
  GetCodeSigningConfig: operation({
    group: 'rare',
    method: 'GET',
    path: '/2020-04-22/code-signing-configs/{CodeSigningConfigArn}',
    status: 200,
    errors: ['InvalidParameterValueException', 'ServiceException', 'ResourceNotFoundException'],
    input: structure({
      CodeSigningConfigArn: uri(CodeSigningConfigArn),
    }),
    output: structure({
      CodeSigningConfig: required(CodeSigningConfig),
    }),
  }),
  UpdateCodeSigningConfig: operation({
    group: 'rare',
    method: 'PUT',
    path: '/2020-04-22/code-signing-configs/{CodeSigningConfigArn}',
    status: 200,
    errors: ['InvalidParameterValueException', 'ServiceException', 'ResourceNotFoundException'],
    input: structure({
      CodeSigningConfigArn: uri(CodeSigningConfigArn),
      Description: Description,
      AllowedPublishers: AllowedPublishers,
      CodeSigningPolicies: CodeSigningPolicies,
    }),
    output: structure({
      CodeSigningConfig: required(CodeSigningConfig),
    }),
  }),
  DeleteCodeSigningConfig: operation({
    group: 'rare',
    method: 'DELETE',
    path: '/2020-04-22/code-signing-configs/{CodeSigningConfigArn}',
    status: 204,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'ResourceNotFoundException',
    ],
    input: structure({
      CodeSigningConfigArn: uri(CodeSigningConfigArn),
    }),
    output: structure({}),
  }),
  ListCodeSigningConfigs: operation({
    group: 'rare',
    method: 'GET',
    path: '/2020-04-22/code-signing-configs',
    status: 200,
    errors: ['InvalidParameterValueException', 'ServiceException'],
    input: structure({
      Marker: query(string()),
      MaxItems: query(MaxListItems),
    }),
    output: structure({
      NextMarker: string(),
      CodeSigningConfigs: list(CodeSigningConfig),
    }),
  }),
  ListFunctionsByCodeSigningConfig: operation({
    group: 'rare',
    method: 'GET',
    path: '/2020-04-22/code-signing-configs/{CodeSigningConfigArn}/functions',
    status: 200,
    errors: ['InvalidParameterValueException', 'ServiceException', 'ResourceNotFoundException'],
    input: structure({
      CodeSigningConfigArn: uri(CodeSigningConfigArn),
      Marker: query(string()),
      MaxItems: query(MaxListItems),
    }),
    output: structure({
      NextMarker: string(),
      FunctionArns: list(FunctionArn),
    }),
  }),
  PutFunctionCodeSigningConfig: operation({
    group: 'rare',
    method: 'PUT',
    path: '/2020-06-30/functions/{FunctionName}/code-signing-config',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
      'CodeSigningConfigNotFoundException',
    ],
    input: structure({
      CodeSigningConfigArn: required(CodeSigningConfigArn),
      FunctionName: uri(NamespacedFunctionName),
    }),
    output: structure({
      CodeSigningConfigArn: required(CodeSigningConfigArn),
      FunctionName: required(FunctionName),
    }),
  }),
  GetFunctionCodeSigningConfig: operation({
    group: 'rare',
    method: 'GET',
    path: '/2020-06-30/functions/{FunctionName}/code-signing-config',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
      'CodeSigningConfigNotFoundException',
    ],
    input: structure({
      FunctionName: uri(NamespacedFunctionName),
    }),
    output: structure({
      CodeSigningConfigArn: required(CodeSigningConfigArn),
      FunctionName: required(FunctionName),
    }),
  }),
  DeleteFunctionCodeSigningConfig: operation({
    group: 'rare',
    method: 'DELETE',
    path: '/2020-06-30/functions/{FunctionName}/code-signing-config',
    status: 204,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
      'CodeSigningConfigNotFoundException',
    ],
    input: structure({
      FunctionName: uri(NamespacedFunctionName),
    }),
    output: null,
  }),
} as const;
