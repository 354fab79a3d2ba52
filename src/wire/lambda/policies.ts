/** Permissions on functions: resource policies. */

import { operation } from './operation.js';
import { boolean, query, required, string, structure, uri } from './schema.js';
import {
  Arn,
  FunctionUrlAuthType,
  NamespacedFunctionName,
  NumericLatestPublishedOrAliasQualifier,
  StatementId,
} from './shapes.js';

export const Action = string({ min: 0, max: 10000, pattern: '(lambda:[*]|lambda:[a-zA-Z]+|[*])' });
export const EventSourceToken = string({ min: 0, max: 256, pattern: '[a-zA-Z0-9._\\-]+' });
export const NamespacedStatementId = string({ min: 1, max: 100, pattern: '([a-zA-Z0-9-_.]+)' });
export const Principal = string({ min: 0, max: 2048, pattern: '[^\\s]+' });
export const PrincipalOrgID = string({ min: 12, max: 34, pattern: 'o-[a-z0-9]{10,32}' });
export const SourceOwner = string({ min: 0, max: 12, pattern: '\\d{12}' });

export const policyOperations = {
  AddPermission: operation({
    group: 'core',
    method: 'POST',
    path: '/2015-03-31/functions/{FunctionName}/policy',
    status: 201,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'PublicPolicyException',
      'ServiceException',
      'TooManyRequestsException',
      'PolicyLengthExceededException',
      'ResourceNotFoundException',
      'PreconditionFailedException',
    ],
    input: structure({
      FunctionName: uri(NamespacedFunctionName),
      StatementId: required(StatementId),
      Action: required(Action),
      Principal: required(Principal),
      SourceArn: Arn,
      FunctionUrlAuthType: FunctionUrlAuthType,
      InvokedViaFunctionUrl: boolean(),
      SourceAccount: SourceOwner,
      EventSourceToken: EventSourceToken,
      Qualifier: query(NumericLatestPublishedOrAliasQualifier),
      RevisionId: string(),
      PrincipalOrgID: PrincipalOrgID,
    }),
    output: structure({
      Statement: string(),
    }),
  }),
  RemovePermission: operation({
    group: 'core',
    method: 'DELETE',
    path: '/2015-03-31/functions/{FunctionName}/policy/{StatementId}',
    status: 204,
    errors: [
      'InvalidParameterValueException',
      'PublicPolicyException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
      'PreconditionFailedException',
    ],
    input: structure({
      FunctionName: uri(NamespacedFunctionName),
      StatementId: uri(NamespacedStatementId),
      Qualifier: query(NumericLatestPublishedOrAliasQualifier),
      RevisionId: query(string()),
    }),
    output: null,
  }),
  GetPolicy: operation({
    group: 'core',
    method: 'GET',
    path: '/2015-03-31/functions/{FunctionName}/policy',
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
      Policy: string(),
      RevisionId: string(),
    }),
  }),
  // The next three are known from the SDK for JavaScript only: no constraints are published.
  GetResourcePolicy: operation({
    group: 'rare',
    method: 'GET',
    path: '/2026-07-09/resource-policy/{ResourceArn}',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ResourceNotFoundException',
      'ServiceException',
      'TooManyRequestsException',
    ],
    input: structure({ ResourceArn: uri(string()) }),
    output: structure({ Policy: string(), RevisionId: string() }),
  }),
  PutResourcePolicy: operation({
    group: 'rare',
    method: 'PUT',
    path: '/2026-07-09/resource-policy/{ResourceArn}',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'PolicyLengthExceededException',
      'PreconditionFailedException',
      'PublicPolicyException',
      'ResourceConflictException',
      'ResourceNotFoundException',
      'ServiceException',
      'TooManyRequestsException',
    ],
    input: structure({ ResourceArn: uri(string()), Policy: required(string()), RevisionId: string() }),
    output: structure({ Policy: string(), RevisionId: string() }),
  }),
  DeleteResourcePolicy: operation({
    group: 'rare',
    method: 'DELETE',
    path: '/2026-07-09/resource-policy/{ResourceArn}',
    status: 204,
    errors: [
      'InvalidParameterValueException',
      'PreconditionFailedException',
      'ResourceConflictException',
      'ResourceNotFoundException',
      'ServiceException',
      'TooManyRequestsException',
    ],
    input: structure({ ResourceArn: uri(string()), RevisionId: query(string()) }),
    output: null,
  }),
} as const;
