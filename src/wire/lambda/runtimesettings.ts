/** Runtime management and recursion detection. */

import { operation } from './operation.js';
import { enumeration, query, required, structure, uri } from './schema.js';
import {
  FunctionArn,
  NameSpacedFunctionArn,
  NamespacedFunctionName,
  NumericLatestPublishedOrAliasQualifier,
  RuntimeVersionArn,
  UnqualifiedFunctionName,
} from './shapes.js';

export const RecursiveLoop = enumeration(['Allow', 'Terminate']);
export const UpdateRuntimeOn = enumeration(['Auto', 'Manual', 'FunctionUpdate']);

export const runtimeSettingsOperations = {
  PutRuntimeManagementConfig: operation({
    group: 'common',
    method: 'PUT',
    path: '/2021-07-20/functions/{FunctionName}/runtime-management-config',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(NamespacedFunctionName),
      Qualifier: query(NumericLatestPublishedOrAliasQualifier),
      UpdateRuntimeOn: required(UpdateRuntimeOn),
      RuntimeVersionArn: RuntimeVersionArn,
    }),
    output: structure({
      UpdateRuntimeOn: required(UpdateRuntimeOn),
      FunctionArn: required(FunctionArn),
      RuntimeVersionArn: RuntimeVersionArn,
    }),
  }),
  GetRuntimeManagementConfig: operation({
    group: 'common',
    method: 'GET',
    path: '/2021-07-20/functions/{FunctionName}/runtime-management-config',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(NamespacedFunctionName),
      Qualifier: query(NumericLatestPublishedOrAliasQualifier),
    }),
    output: structure({
      UpdateRuntimeOn: UpdateRuntimeOn,
      FunctionArn: NameSpacedFunctionArn,
      RuntimeVersionArn: RuntimeVersionArn,
    }),
  }),
  PutFunctionRecursionConfig: operation({
    group: 'common',
    method: 'PUT',
    path: '/2024-08-31/functions/{FunctionName}/recursion-config',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(UnqualifiedFunctionName),
      RecursiveLoop: required(RecursiveLoop),
    }),
    output: structure({
      RecursiveLoop: RecursiveLoop,
    }),
  }),
  GetFunctionRecursionConfig: operation({
    group: 'common',
    method: 'GET',
    path: '/2024-08-31/functions/{FunctionName}/recursion-config',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(UnqualifiedFunctionName),
    }),
    output: structure({
      RecursiveLoop: RecursiveLoop,
    }),
  }),
} as const;
