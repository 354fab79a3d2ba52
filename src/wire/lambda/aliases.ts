/** Aliases. */

import { operation } from './operation.js';
import { double, list, map, query, required, string, structure, uri } from './schema.js';
import { Description, FunctionArn, FunctionName, MaxListItems, Version, VersionWithLatestPublished } from './shapes.js';

export const AdditionalVersion = string({ min: 1, max: 1024, pattern: '[0-9]+' });
export const Alias = string({ min: 1, max: 128, pattern: '(?!^[0-9]+$)([a-zA-Z0-9-_]+)' });
export const AliasRoutingConfiguration = structure({
  AdditionalVersionWeights: map(AdditionalVersion, double({ min: 0, max: 1 })),
});
export const AliasConfiguration = structure({
  AliasArn: FunctionArn,
  Name: Alias,
  FunctionVersion: Version,
  Description: Description,
  RoutingConfig: AliasRoutingConfiguration,
  RevisionId: string(),
});

export const aliasOperations = {
  CreateAlias: operation({
    group: 'core',
    method: 'POST',
    path: '/2015-03-31/functions/{FunctionName}/aliases',
    status: 201,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'AliasLimitExceededException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
      Name: required(Alias),
      FunctionVersion: required(VersionWithLatestPublished),
      Description: Description,
      RoutingConfig: AliasRoutingConfiguration,
    }),
    output: AliasConfiguration,
  }),
  GetAlias: operation({
    group: 'core',
    method: 'GET',
    path: '/2015-03-31/functions/{FunctionName}/aliases/{Name}',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
      Name: uri(Alias),
    }),
    output: AliasConfiguration,
  }),
  UpdateAlias: operation({
    group: 'core',
    method: 'PUT',
    path: '/2015-03-31/functions/{FunctionName}/aliases/{Name}',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
      'PreconditionFailedException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
      Name: uri(Alias),
      FunctionVersion: VersionWithLatestPublished,
      Description: Description,
      RoutingConfig: AliasRoutingConfiguration,
      RevisionId: string(),
    }),
    output: AliasConfiguration,
  }),
  DeleteAlias: operation({
    group: 'core',
    method: 'DELETE',
    path: '/2015-03-31/functions/{FunctionName}/aliases/{Name}',
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
      Name: uri(Alias),
    }),
    output: null,
  }),
  ListAliases: operation({
    group: 'core',
    method: 'GET',
    path: '/2015-03-31/functions/{FunctionName}/aliases',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
      FunctionVersion: query(VersionWithLatestPublished),
      Marker: query(string()),
      MaxItems: query(MaxListItems),
    }),
    output: structure({
      NextMarker: string(),
      Aliases: list(AliasConfiguration),
    }),
  }),
} as const;
