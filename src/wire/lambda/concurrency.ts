/** Reserved and provisioned concurrency. */

import { operation } from './operation.js';
import { enumeration, integer, list, query, required, string, structure, uri } from './schema.js';
import { Concurrency, FunctionArn, FunctionName, ReservedConcurrentExecutions, Timestamp } from './shapes.js';

export const NonNegativeInteger = integer({ min: 0 });
export const PositiveInteger = integer({ min: 1 });
export const ProvisionedConcurrencyStatusEnum = enumeration(['IN_PROGRESS', 'READY', 'FAILED']);
export const ProvisionedConcurrencyConfigListItem = structure({
  FunctionArn: FunctionArn,
  RequestedProvisionedConcurrentExecutions: PositiveInteger,
  AvailableProvisionedConcurrentExecutions: NonNegativeInteger,
  AllocatedProvisionedConcurrentExecutions: NonNegativeInteger,
  Status: ProvisionedConcurrencyStatusEnum,
  StatusReason: string(),
  LastModified: Timestamp,
});
export const Qualifier = string({ min: 1, max: 128, pattern: '(|[a-zA-Z0-9$_-]+)' });

export const concurrencyOperations = {
  PutFunctionConcurrency: operation({
    group: 'core',
    method: 'PUT',
    path: '/2017-10-31/functions/{FunctionName}/concurrency',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
      ReservedConcurrentExecutions: required(ReservedConcurrentExecutions),
    }),
    output: Concurrency,
  }),
  GetFunctionConcurrency: operation({
    group: 'core',
    method: 'GET',
    path: '/2019-09-30/functions/{FunctionName}/concurrency',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
    }),
    output: structure({
      ReservedConcurrentExecutions: ReservedConcurrentExecutions,
    }),
  }),
  DeleteFunctionConcurrency: operation({
    group: 'core',
    method: 'DELETE',
    path: '/2017-10-31/functions/{FunctionName}/concurrency',
    status: 204,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
    }),
    output: null,
  }),
  PutProvisionedConcurrencyConfig: operation({
    group: 'core',
    method: 'PUT',
    path: '/2019-09-30/functions/{FunctionName}/provisioned-concurrency',
    status: 202,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
      Qualifier: required(query(Qualifier)),
      ProvisionedConcurrentExecutions: required(PositiveInteger),
    }),
    output: structure({
      RequestedProvisionedConcurrentExecutions: PositiveInteger,
      AllocatedProvisionedConcurrentExecutions: NonNegativeInteger,
      AvailableProvisionedConcurrentExecutions: NonNegativeInteger,
      Status: ProvisionedConcurrencyStatusEnum,
      StatusReason: string(),
      LastModified: Timestamp,
    }),
  }),
  GetProvisionedConcurrencyConfig: operation({
    group: 'core',
    method: 'GET',
    path: '/2019-09-30/functions/{FunctionName}/provisioned-concurrency',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ProvisionedConcurrencyConfigNotFoundException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
      Qualifier: required(query(Qualifier)),
    }),
    output: structure({
      RequestedProvisionedConcurrentExecutions: PositiveInteger,
      AvailableProvisionedConcurrentExecutions: NonNegativeInteger,
      AllocatedProvisionedConcurrentExecutions: NonNegativeInteger,
      Status: ProvisionedConcurrencyStatusEnum,
      StatusReason: string(),
      LastModified: Timestamp,
    }),
  }),
  ListProvisionedConcurrencyConfigs: operation({
    group: 'core',
    method: 'GET',
    path: '/2019-09-30/functions/{FunctionName}/provisioned-concurrency?List=ALL',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
      Marker: query(string()),
      MaxItems: query(integer({ min: 1, max: 50 })),
    }),
    output: structure({
      ProvisionedConcurrencyConfigs: list(ProvisionedConcurrencyConfigListItem),
      NextMarker: string(),
    }),
  }),
  DeleteProvisionedConcurrencyConfig: operation({
    group: 'core',
    method: 'DELETE',
    path: '/2019-09-30/functions/{FunctionName}/provisioned-concurrency',
    status: 204,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
      Qualifier: required(query(Qualifier)),
    }),
    output: null,
  }),
} as const;
