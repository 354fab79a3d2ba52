/** Function URLs. */

import { operation } from './operation.js';
import { boolean, enumeration, integer, list, query, required, string, structure, uri } from './schema.js';
import { FunctionArn, FunctionUrlAuthType, Timestamp } from './shapes.js';

export const Header = string({ min: 0, max: 1024, pattern: '.*' });
export const HeadersList = list(Header, { min: 0, max: 100 });
export const Method = string({ min: 0, max: 6, pattern: '.*' });
export const Origin = string({ min: 1, max: 253, pattern: '.*' });
export const Cors = structure({
  AllowCredentials: boolean(),
  AllowHeaders: HeadersList,
  AllowMethods: list(Method, { min: 0, max: 6 }),
  AllowOrigins: list(Origin, { min: 0, max: 100 }),
  ExposeHeaders: HeadersList,
  MaxAge: integer({ min: 0, max: 86400 }),
});
export const FunctionUrl = string({ min: 40, max: 100 });
export const InvokeMode = enumeration(['BUFFERED', 'RESPONSE_STREAM']);
export const FunctionUrlConfig = structure({
  FunctionUrl: required(FunctionUrl),
  FunctionArn: required(FunctionArn),
  CreationTime: required(Timestamp),
  LastModifiedTime: required(Timestamp),
  Cors: Cors,
  AuthType: required(FunctionUrlAuthType),
  InvokeMode: InvokeMode,
});
export const FunctionUrlFunctionName = string({
  min: 1,
  max: 140,
  pattern:
    '(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]{1,64})(:((?!\\d+$)[0-9a-zA-Z-_]+))?',
});
export const FunctionUrlQualifier = string({ min: 1, max: 128, pattern: '((?!^\\d+$)^[0-9a-zA-Z-_]+$)' });

export const functionUrlOperations = {
  CreateFunctionUrlConfig: operation({
    group: 'core',
    method: 'POST',
    path: '/2021-10-31/functions/{FunctionName}/url',
    status: 201,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionUrlFunctionName),
      Qualifier: query(FunctionUrlQualifier),
      AuthType: required(FunctionUrlAuthType),
      Cors: Cors,
      InvokeMode: InvokeMode,
    }),
    output: structure({
      FunctionUrl: required(FunctionUrl),
      FunctionArn: required(FunctionArn),
      AuthType: required(FunctionUrlAuthType),
      Cors: Cors,
      CreationTime: required(Timestamp),
      InvokeMode: InvokeMode,
    }),
  }),
  GetFunctionUrlConfig: operation({
    group: 'core',
    method: 'GET',
    path: '/2021-10-31/functions/{FunctionName}/url',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionUrlFunctionName),
      Qualifier: query(FunctionUrlQualifier),
    }),
    output: structure({
      FunctionUrl: required(FunctionUrl),
      FunctionArn: required(FunctionArn),
      AuthType: required(FunctionUrlAuthType),
      Cors: Cors,
      CreationTime: required(Timestamp),
      LastModifiedTime: required(Timestamp),
      InvokeMode: InvokeMode,
    }),
  }),
  UpdateFunctionUrlConfig: operation({
    group: 'core',
    method: 'PUT',
    path: '/2021-10-31/functions/{FunctionName}/url',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionUrlFunctionName),
      Qualifier: query(FunctionUrlQualifier),
      AuthType: FunctionUrlAuthType,
      Cors: Cors,
      InvokeMode: InvokeMode,
    }),
    output: structure({
      FunctionUrl: required(FunctionUrl),
      FunctionArn: required(FunctionArn),
      AuthType: required(FunctionUrlAuthType),
      Cors: Cors,
      CreationTime: required(Timestamp),
      LastModifiedTime: required(Timestamp),
      InvokeMode: InvokeMode,
    }),
  }),
  DeleteFunctionUrlConfig: operation({
    group: 'core',
    method: 'DELETE',
    path: '/2021-10-31/functions/{FunctionName}/url',
    status: 204,
    errors: [
      'InvalidParameterValueException',
      'ResourceConflictException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionUrlFunctionName),
      Qualifier: query(FunctionUrlQualifier),
    }),
    output: null,
  }),
  ListFunctionUrlConfigs: operation({
    group: 'core',
    method: 'GET',
    path: '/2021-10-31/functions/{FunctionName}/urls',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
    ],
    input: structure({
      FunctionName: uri(FunctionUrlFunctionName),
      Marker: query(string()),
      MaxItems: query(integer({ min: 1, max: 50 })),
    }),
    output: structure({
      FunctionUrlConfigs: required(list(FunctionUrlConfig)),
      NextMarker: string(),
    }),
  }),
} as const;
