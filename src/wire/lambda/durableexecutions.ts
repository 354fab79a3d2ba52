/** Durable executions. */
import {
  AttemptCount,
  CallbackId,
  ErrorObject,
  Event,
  InputPayload,
  OperationId,
  OperationName,
  OperationPayload,
  OperationSubType,
} from './durableevents.js';
import { DurableConfig } from './functionconfiguration.js';
import { operation } from './operation.js';
import {
  blob,
  boolean,
  enumeration,
  integer,
  list,
  payload,
  query,
  required,
  string,
  structure,
  timestamp,
  uri,
} from './schema.js';
import {
  DurableExecutionArn,
  DurableExecutionName,
  KMSKeyArn,
  NameSpacedFunctionArn,
  NamespacedFunctionName,
  NumericLatestPublishedOrAliasQualifier,
  TenantId,
  VersionWithLatestPublished,
} from './shapes.js';

export const CallbackDetails = structure({
  CallbackId: CallbackId,
  Result: OperationPayload,
  Error: ErrorObject,
});
export const CallbackOptions = structure({
  TimeoutSeconds: integer({ min: 0, max: 99999999 }),
  HeartbeatTimeoutSeconds: integer({ min: 0, max: 99999999 }),
});
export const ChainedInvokeDetails = structure({
  Result: OperationPayload,
  Error: ErrorObject,
});
export const ChainedInvokeOptions = structure({
  FunctionName: required(NamespacedFunctionName),
  TenantId: TenantId,
});
export const CheckpointToken = string({ min: 1, max: 2048, pattern: '[A-Za-z0-9+/]+={0,2}' });
export const OperationType = enumeration(['EXECUTION', 'CONTEXT', 'STEP', 'WAIT', 'CALLBACK', 'CHAINED_INVOKE']);
export const OperationStatus = enumeration([
  'STARTED',
  'PENDING',
  'READY',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'TIMED_OUT',
  'STOPPED',
]);
export const ExecutionDetails = structure({
  InputPayload: InputPayload,
});
export const ContextDetails = structure({
  ReplayChildren: boolean(),
  Result: OperationPayload,
  Error: ErrorObject,
});
export const StepDetails = structure({
  Attempt: AttemptCount,
  NextAttemptTimestamp: timestamp(),
  Result: OperationPayload,
  Error: ErrorObject,
});
export const WaitDetails = structure({
  ScheduledEndTimestamp: timestamp(),
});
export const Operation = structure({
  Id: required(OperationId),
  ParentId: OperationId,
  Name: OperationName,
  Type: required(OperationType),
  SubType: OperationSubType,
  StartTimestamp: required(timestamp()),
  EndTimestamp: timestamp(),
  Status: required(OperationStatus),
  ExecutionDetails: ExecutionDetails,
  ContextDetails: ContextDetails,
  StepDetails: StepDetails,
  WaitDetails: WaitDetails,
  CallbackDetails: CallbackDetails,
  ChainedInvokeDetails: ChainedInvokeDetails,
});
export const Operations = list(Operation);
export const CheckpointUpdatedExecutionState = structure({
  Operations: Operations,
  NextMarker: string(),
});
export const ClientToken = string({ min: 1, max: 64, pattern: '[\\x21-\\x7E]+' });
export const ContextOptions = structure({
  ReplayChildren: boolean(),
});
export const ExecutionStatus = enumeration(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'STOPPED']);
export const Execution = structure({
  DurableExecutionArn: required(DurableExecutionArn),
  DurableExecutionName: required(DurableExecutionName),
  FunctionArn: required(NameSpacedFunctionArn),
  Status: required(ExecutionStatus),
  StartTimestamp: required(timestamp()),
  EndTimestamp: timestamp(),
  KMSKeyArn: KMSKeyArn,
});
export const ItemCount = integer({ min: 0, max: 1000 });
export const OperationAction = enumeration(['START', 'SUCCEED', 'FAIL', 'RETRY', 'CANCEL']);
export const StepOptions = structure({
  NextAttemptDelaySeconds: integer({ min: 1, max: 31622400 }),
});
export const WaitOptions = structure({
  WaitSeconds: integer({ min: 1, max: 31622400 }),
});
export const OperationUpdate = structure({
  Id: required(OperationId),
  ParentId: OperationId,
  Name: OperationName,
  Type: required(OperationType),
  SubType: OperationSubType,
  Action: required(OperationAction),
  Payload: OperationPayload,
  Error: ErrorObject,
  ContextOptions: ContextOptions,
  StepOptions: StepOptions,
  WaitOptions: WaitOptions,
  CallbackOptions: CallbackOptions,
  ChainedInvokeOptions: ChainedInvokeOptions,
});
export const TraceHeader = structure({
  XAmznTraceId: string({ min: 0, max: 8192 }),
});

export const durableExecutionOperations = {
  CheckpointDurableExecution: operation({
    group: 'rare',
    method: 'POST',
    path: '/2025-12-01/durable-executions/{DurableExecutionArn}/checkpoint',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'KMSInvalidStateException',
      'ServiceException',
      'TooManyRequestsException',
      'KMSNotFoundException',
      'KMSAccessDeniedException',
      'KMSDisabledException',
    ],
    input: structure({
      DurableExecutionArn: uri(DurableExecutionArn),
      CheckpointToken: required(CheckpointToken),
      Updates: list(OperationUpdate),
      ClientToken: ClientToken,
    }),
    output: structure({
      CheckpointToken: CheckpointToken,
      NewExecutionState: required(CheckpointUpdatedExecutionState),
    }),
  }),
  GetDurableExecution: operation({
    group: 'rare',
    method: 'GET',
    path: '/2025-12-01/durable-executions/{DurableExecutionArn}',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'KMSInvalidStateException',
      'ServiceException',
      'TooManyRequestsException',
      'KMSNotFoundException',
      'ResourceNotFoundException',
      'KMSAccessDeniedException',
      'KMSDisabledException',
    ],
    input: structure({
      DurableExecutionArn: uri(DurableExecutionArn),
      IncludeExecutionData: query(boolean()),
    }),
    output: structure({
      DurableExecutionArn: required(DurableExecutionArn),
      DurableExecutionName: required(DurableExecutionName),
      FunctionArn: required(NameSpacedFunctionArn),
      InputPayload: InputPayload,
      Result: string({ min: 0, max: 6291456, sensitive: true }),
      Error: ErrorObject,
      StartTimestamp: required(timestamp()),
      Status: required(ExecutionStatus),
      EndTimestamp: timestamp(),
      Version: VersionWithLatestPublished,
      TraceHeader: TraceHeader,
      ExecutionDataIncluded: boolean(),
      DurableConfig: DurableConfig,
    }),
  }),
  GetDurableExecutionHistory: operation({
    group: 'rare',
    method: 'GET',
    path: '/2025-12-01/durable-executions/{DurableExecutionArn}/history',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'KMSInvalidStateException',
      'ServiceException',
      'TooManyRequestsException',
      'KMSNotFoundException',
      'ResourceNotFoundException',
      'KMSAccessDeniedException',
      'KMSDisabledException',
    ],
    input: structure({
      DurableExecutionArn: uri(DurableExecutionArn),
      IncludeExecutionData: query(boolean()),
      MaxItems: query(ItemCount),
      Marker: query(string()),
      ReverseOrder: query(boolean()),
    }),
    output: structure({
      Events: required(list(Event)),
      NextMarker: string(),
    }),
  }),
  GetDurableExecutionState: operation({
    group: 'rare',
    method: 'GET',
    path: '/2025-12-01/durable-executions/{DurableExecutionArn}/state',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'KMSInvalidStateException',
      'ServiceException',
      'TooManyRequestsException',
      'KMSNotFoundException',
      'KMSAccessDeniedException',
      'KMSDisabledException',
    ],
    input: structure({
      DurableExecutionArn: uri(DurableExecutionArn),
      CheckpointToken: required(query(CheckpointToken)),
      Marker: query(string()),
      MaxItems: query(ItemCount),
    }),
    output: structure({
      Operations: required(Operations),
      NextMarker: string(),
    }),
  }),
  ListDurableExecutionsByFunction: operation({
    group: 'rare',
    method: 'GET',
    path: '/2025-12-01/functions/{FunctionName}/durable-executions',
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
      DurableExecutionName: query(DurableExecutionName),
      Statuses: query(list(ExecutionStatus, { min: 1, max: 10 })),
      StartedAfter: query(timestamp()),
      StartedBefore: query(timestamp()),
      ReverseOrder: query(boolean()),
      Marker: query(string()),
      MaxItems: query(ItemCount),
    }),
    output: structure({
      DurableExecutions: list(Execution),
      NextMarker: string(),
    }),
  }),
  SendDurableExecutionCallbackFailure: operation({
    group: 'rare',
    method: 'POST',
    path: '/2025-12-01/durable-execution-callbacks/{CallbackId}/fail',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'KMSInvalidStateException',
      'ServiceException',
      'TooManyRequestsException',
      'KMSNotFoundException',
      'ResourceNotFoundException',
      'CallbackTimeoutException',
      'KMSAccessDeniedException',
      'KMSDisabledException',
    ],
    input: structure({
      CallbackId: uri(CallbackId),
      Error: payload(ErrorObject),
    }),
    output: structure({}),
  }),
  SendDurableExecutionCallbackHeartbeat: operation({
    group: 'rare',
    method: 'POST',
    path: '/2025-12-01/durable-execution-callbacks/{CallbackId}/heartbeat',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'ServiceException',
      'TooManyRequestsException',
      'ResourceNotFoundException',
      'CallbackTimeoutException',
    ],
    input: structure({
      CallbackId: uri(CallbackId),
    }),
    output: structure({}),
  }),
  SendDurableExecutionCallbackSuccess: operation({
    group: 'rare',
    method: 'POST',
    path: '/2025-12-01/durable-execution-callbacks/{CallbackId}/succeed',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'KMSInvalidStateException',
      'ServiceException',
      'TooManyRequestsException',
      'KMSNotFoundException',
      'ResourceNotFoundException',
      'CallbackTimeoutException',
      'KMSAccessDeniedException',
      'KMSDisabledException',
    ],
    input: structure({
      CallbackId: uri(CallbackId),
      Result: payload(blob({ min: 0, max: 262144, sensitive: true })),
    }),
    output: structure({}),
  }),
  StopDurableExecution: operation({
    group: 'rare',
    method: 'POST',
    path: '/2025-12-01/durable-executions/{DurableExecutionArn}/stop',
    status: 200,
    errors: [
      'InvalidParameterValueException',
      'KMSInvalidStateException',
      'ServiceException',
      'TooManyRequestsException',
      'KMSNotFoundException',
      'ResourceNotFoundException',
      'KMSAccessDeniedException',
      'KMSDisabledException',
    ],
    input: structure({
      DurableExecutionArn: uri(DurableExecutionArn),
      Error: payload(ErrorObject),
    }),
    output: structure({
      StopTimestamp: required(timestamp()),
    }),
  }),
} as const;
