/** Events in the history of a durable execution. */

import { boolean, enumeration, integer, list, required, string, structure, timestamp } from './schema.js';
import { DurableExecutionArn, NamespacedFunctionName, TenantId, VersionWithLatestPublished } from './shapes.js';

export const AttemptCount = integer({ min: 0 });
export const ErrorObject = structure({
  ErrorMessage: string({ sensitive: true }),
  ErrorType: string({ sensitive: true }),
  ErrorData: string({ sensitive: true }),
  StackTrace: list(string({ sensitive: true })),
});
export const EventError = structure({
  Payload: ErrorObject,
  Truncated: boolean(),
});
export const CallbackFailedDetails = structure({
  Error: required(EventError),
});
export const CallbackId = string({ min: 1, max: 1024, pattern: '[A-Za-z0-9+/]+={0,2}' });
export const DurationSeconds = integer({ min: 0 });
export const CallbackStartedDetails = structure({
  CallbackId: required(CallbackId),
  HeartbeatTimeout: DurationSeconds,
  Timeout: DurationSeconds,
});
export const OperationPayload = string({ min: 0, max: 6291456, sensitive: true });
export const EventResult = structure({
  Payload: OperationPayload,
  Truncated: boolean(),
});
export const CallbackSucceededDetails = structure({
  Result: required(EventResult),
});
export const CallbackTimedOutDetails = structure({
  Error: required(EventError),
});
export const ChainedInvokeFailedDetails = structure({
  Error: required(EventError),
});
export const InputPayload = string({ min: 0, max: 6291456, sensitive: true });
export const EventInput = structure({
  Payload: InputPayload,
  Truncated: boolean(),
});
export const ChainedInvokeStartedDetails = structure({
  FunctionName: required(NamespacedFunctionName),
  TenantId: TenantId,
  Input: EventInput,
  ExecutedVersion: VersionWithLatestPublished,
  DurableExecutionArn: DurableExecutionArn,
});
export const ChainedInvokeStoppedDetails = structure({
  Error: required(EventError),
});
export const ChainedInvokeSucceededDetails = structure({
  Result: required(EventResult),
});
export const ChainedInvokeTimedOutDetails = structure({
  Error: required(EventError),
});
export const ContextFailedDetails = structure({
  Error: required(EventError),
});
export const ContextStartedDetails = structure({});
export const ContextSucceededDetails = structure({
  Result: required(EventResult),
});
export const EventType = enumeration([
  'ExecutionStarted',
  'ExecutionSucceeded',
  'ExecutionFailed',
  'ExecutionTimedOut',
  'ExecutionStopped',
  'ContextStarted',
  'ContextSucceeded',
  'ContextFailed',
  'WaitStarted',
  'WaitSucceeded',
  'WaitCancelled',
  'StepStarted',
  'StepSucceeded',
  'StepFailed',
  'ChainedInvokeStarted',
  'ChainedInvokeSucceeded',
  'ChainedInvokeFailed',
  'ChainedInvokeTimedOut',
  'ChainedInvokeStopped',
  'CallbackStarted',
  'CallbackSucceeded',
  'CallbackFailed',
  'CallbackTimedOut',
  'InvocationCompleted',
]);
export const OperationSubType = string({ min: 1, max: 32, pattern: '[a-zA-Z0-9-_]+' });
export const OperationId = string({ min: 1, max: 64, pattern: '[a-zA-Z0-9-_]+' });
export const OperationName = string({ min: 1, max: 256, pattern: '[\\x20-\\x7E]+' });
export const ExecutionStartedDetails = structure({
  Input: required(EventInput),
  ExecutionTimeout: required(DurationSeconds),
});
export const ExecutionSucceededDetails = structure({
  Result: required(EventResult),
});
export const ExecutionFailedDetails = structure({
  Error: required(EventError),
});
export const ExecutionTimedOutDetails = structure({
  Error: EventError,
});
export const ExecutionStoppedDetails = structure({
  Error: required(EventError),
});
export const WaitStartedDetails = structure({
  Duration: required(DurationSeconds),
  ScheduledEndTimestamp: required(timestamp()),
});
export const WaitSucceededDetails = structure({
  Duration: DurationSeconds,
});
export const WaitCancelledDetails = structure({
  Error: EventError,
});
export const StepStartedDetails = structure({});
export const RetryDetails = structure({
  CurrentAttempt: AttemptCount,
  NextAttemptDelaySeconds: DurationSeconds,
});
export const StepSucceededDetails = structure({
  Result: required(EventResult),
  RetryDetails: required(RetryDetails),
});
export const StepFailedDetails = structure({
  Error: required(EventError),
  RetryDetails: required(RetryDetails),
});
export const InvocationCompletedDetails = structure({
  StartTimestamp: required(timestamp()),
  EndTimestamp: required(timestamp()),
  RequestId: required(string()),
  Error: EventError,
});
export const Event = structure({
  EventType: EventType,
  SubType: OperationSubType,
  EventId: integer({ min: 1 }),
  Id: OperationId,
  Name: OperationName,
  EventTimestamp: timestamp(),
  ParentId: OperationId,
  ExecutionStartedDetails: ExecutionStartedDetails,
  ExecutionSucceededDetails: ExecutionSucceededDetails,
  ExecutionFailedDetails: ExecutionFailedDetails,
  ExecutionTimedOutDetails: ExecutionTimedOutDetails,
  ExecutionStoppedDetails: ExecutionStoppedDetails,
  ContextStartedDetails: ContextStartedDetails,
  ContextSucceededDetails: ContextSucceededDetails,
  ContextFailedDetails: ContextFailedDetails,
  WaitStartedDetails: WaitStartedDetails,
  WaitSucceededDetails: WaitSucceededDetails,
  WaitCancelledDetails: WaitCancelledDetails,
  StepStartedDetails: StepStartedDetails,
  StepSucceededDetails: StepSucceededDetails,
  StepFailedDetails: StepFailedDetails,
  ChainedInvokeStartedDetails: ChainedInvokeStartedDetails,
  ChainedInvokeSucceededDetails: ChainedInvokeSucceededDetails,
  ChainedInvokeFailedDetails: ChainedInvokeFailedDetails,
  ChainedInvokeTimedOutDetails: ChainedInvokeTimedOutDetails,
  ChainedInvokeStoppedDetails: ChainedInvokeStoppedDetails,
  CallbackStartedDetails: CallbackStartedDetails,
  CallbackSucceededDetails: CallbackSucceededDetails,
  CallbackFailedDetails: CallbackFailedDetails,
  CallbackTimedOutDetails: CallbackTimedOutDetails,
  InvocationCompletedDetails: InvocationCompletedDetails,
});
