/** Capacity providers and function scaling. */
import {
  CapacityProvider,
  CapacityProviderName,
  CapacityProviderPermissionsConfig,
  CapacityProviderScalingConfig,
  CapacityProviderState,
  CapacityProviderTelemetryConfig,
  CapacityProviderVpcConfig,
  FunctionScalingConfig,
  FunctionVersionsByCapacityProviderListItem,
  InstanceRequirements,
  KMSKeyArnNonEmpty,
  MaxFiftyListItems,
  PropagateTags,
  PublishedFunctionQualifier,
} from './capacityprovidershapes.js';
import { State } from './functionconfiguration.js';
import { operation } from './operation.js';
import { list, query, required, string, structure, uri } from './schema.js';
import { CapacityProviderArn, FunctionArn, Tags, UnqualifiedFunctionName } from './shapes.js';

export const capacityProviderOperations = {
  CreateCapacityProvider: operation({
    group: 'rare',
    method: 'POST',
    path: '/2025-11-30/capacity-providers',
    status: 202,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'CapacityProviderLimitExceededException',
    ],
    input: structure({
      CapacityProviderName: required(CapacityProviderName),
      VpcConfig: required(CapacityProviderVpcConfig),
      PermissionsConfig: required(CapacityProviderPermissionsConfig),
      InstanceRequirements: InstanceRequirements,
      CapacityProviderScalingConfig: CapacityProviderScalingConfig,
      KmsKeyArn: KMSKeyArnNonEmpty,
      Tags: Tags,
      PropagateTags: PropagateTags,
      TelemetryConfig: CapacityProviderTelemetryConfig,
    }),
    output: structure({
      CapacityProvider: required(CapacityProvider),
    }),
  }),
  DeleteCapacityProvider: operation({
    group: 'rare',
    method: 'DELETE',
    path: '/2025-11-30/capacity-providers/{CapacityProviderName}',
    status: 202,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      CapacityProviderName: uri(CapacityProviderName),
    }),
    output: structure({
      CapacityProvider: required(CapacityProvider),
    }),
  }),
  GetCapacityProvider: operation({
    group: 'rare',
    method: 'GET',
    path: '/2025-11-30/capacity-providers/{CapacityProviderName}',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      CapacityProviderName: uri(CapacityProviderName),
    }),
    output: structure({
      CapacityProvider: required(CapacityProvider),
    }),
  }),
  ListCapacityProviders: operation({
    group: 'rare',
    method: 'GET',
    path: '/2025-11-30/capacity-providers',
    status: 200,
    errors: ['InvalidParameterValueException', 'ServiceException', 'TooManyRequestsException'],
    input: structure({
      State: query(CapacityProviderState),
      Marker: query(string()),
      MaxItems: query(MaxFiftyListItems),
    }),
    output: structure({
      CapacityProviders: required(list(CapacityProvider, { min: 0, max: 50 })),
      NextMarker: string(),
    }),
  }),
  ListFunctionVersionsByCapacityProvider: operation({
    group: 'rare',
    method: 'GET',
    path: '/2025-11-30/capacity-providers/{CapacityProviderName}/function-versions',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      CapacityProviderName: uri(CapacityProviderName),
      Marker: query(string()),
      MaxItems: query(MaxFiftyListItems),
    }),
    output: structure({
      CapacityProviderArn: required(CapacityProviderArn),
      FunctionVersions: required(list(FunctionVersionsByCapacityProviderListItem, { min: 0, max: 50 })),
      NextMarker: string(),
    }),
  }),
  UpdateCapacityProvider: operation({
    group: 'rare',
    method: 'PUT',
    path: '/2025-11-30/capacity-providers/{CapacityProviderName}',
    status: 202,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      CapacityProviderName: uri(CapacityProviderName),
      CapacityProviderScalingConfig: CapacityProviderScalingConfig,
      PropagateTags: PropagateTags,
      TelemetryConfig: CapacityProviderTelemetryConfig,
    }),
    output: structure({
      CapacityProvider: required(CapacityProvider),
    }),
  }),
  PutFunctionScalingConfig: operation({
    group: 'rare',
    method: 'PUT',
    path: '/2025-11-30/functions/{FunctionName}/function-scaling-config',
    status: 202,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(UnqualifiedFunctionName),
      Qualifier: required(query(PublishedFunctionQualifier)),
      FunctionScalingConfig: FunctionScalingConfig,
    }),
    output: structure({
      FunctionState: State,
    }),
  }),
  GetFunctionScalingConfig: operation({
    group: 'rare',
    method: 'GET',
    path: '/2025-11-30/functions/{FunctionName}/function-scaling-config',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(UnqualifiedFunctionName),
      Qualifier: required(query(PublishedFunctionQualifier)),
    }),
    output: structure({
      FunctionArn: FunctionArn,
      AppliedFunctionScalingConfig: FunctionScalingConfig,
      RequestedFunctionScalingConfig: FunctionScalingConfig,
    }),
  }),
} as const;
