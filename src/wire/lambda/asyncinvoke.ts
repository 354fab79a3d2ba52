/** What happens with asynchronous invocations: retries, age, destinations. */

import { operation } from './operation.js';
import { integer, list, query, string, structure, timestamp, uri } from './schema.js';
import {
  DestinationConfig,
  FunctionArn,
  NamespacedFunctionName,
  NumericLatestPublishedOrAliasQualifier,
} from './shapes.js';

export const MaximumRetryAttempts = integer({ min: 0, max: 2 });
export const MaximumEventAgeInSeconds = integer({ min: 60, max: 21600 });
export const FunctionEventInvokeConfig = structure({
  LastModified: timestamp(),
  FunctionArn: FunctionArn,
  MaximumRetryAttempts: MaximumRetryAttempts,
  MaximumEventAgeInSeconds: MaximumEventAgeInSeconds,
  DestinationConfig: DestinationConfig,
});

export const asyncInvokeOperations = {
  PutFunctionEventInvokeConfig: operation({
    group: 'core',
    method: 'PUT',
    path: '/2019-09-25/functions/{FunctionName}/event-invoke-config',
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
      MaximumRetryAttempts: MaximumRetryAttempts,
      MaximumEventAgeInSeconds: MaximumEventAgeInSeconds,
      DestinationConfig: DestinationConfig,
    }),
    output: FunctionEventInvokeConfig,
  }),
  UpdateFunctionEventInvokeConfig: operation({
    group: 'core',
    method: 'POST',
    path: '/2019-09-25/functions/{FunctionName}/event-invoke-config',
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
      MaximumRetryAttempts: MaximumRetryAttempts,
      MaximumEventAgeInSeconds: MaximumEventAgeInSeconds,
      DestinationConfig: DestinationConfig,
    }),
    output: FunctionEventInvokeConfig,
  }),
  GetFunctionEventInvokeConfig: operation({
    group: 'core',
    method: 'GET',
    path: '/2019-09-25/functions/{FunctionName}/event-invoke-config',
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
    output: FunctionEventInvokeConfig,
  }),
  DeleteFunctionEventInvokeConfig: operation({
    group: 'core',
    method: 'DELETE',
    path: '/2019-09-25/functions/{FunctionName}/event-invoke-config',
    status: 204,
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
    }),
    output: null,
  }),
  ListFunctionEventInvokeConfigs: operation({
    group: 'core',
    method: 'GET',
    path: '/2019-09-25/functions/{FunctionName}/event-invoke-config/list',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(NamespacedFunctionName),
      Marker: query(string()),
      MaxItems: query(integer({ min: 1, max: 50 })),
    }),
    output: structure({
      FunctionEventInvokeConfigs: list(FunctionEventInvokeConfig),
      NextMarker: string(),
    }),
  }),
} as const;
