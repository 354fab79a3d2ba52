/** Published versions. */
import { FunctionConfiguration, FunctionList } from './functionconfiguration.js';
import { operation } from './operation.js';
import { query, string, structure, uri } from './schema.js';
import {
  Description,
  FunctionName,
  FunctionVersionLatestPublished,
  MaxListItems,
  NamespacedFunctionName,
} from './shapes.js';

export const versionOperations = {
  PublishVersion: operation({
    group: 'core',
    method: 'POST',
    path: '/2015-03-31/functions/{FunctionName}/versions',
    status: 201,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
      'CodeStorageExceededException',
      'FunctionVersionsPerCapacityProviderLimitExceededException',
      'PreconditionFailedException',
    ],
    input: structure({
      FunctionName: uri(FunctionName),
      CodeSha256: string(),
      Description: Description,
      RevisionId: string(),
      PublishTo: FunctionVersionLatestPublished,
    }),
    output: FunctionConfiguration,
  }),
  ListVersionsByFunction: operation({
    group: 'core',
    method: 'GET',
    path: '/2015-03-31/functions/{FunctionName}/versions',
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
      MaxItems: query(MaxListItems),
    }),
    output: structure({
      NextMarker: string(),
      Versions: FunctionList,
    }),
  }),
} as const;
