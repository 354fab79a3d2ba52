import type { AccountId, Region } from '../kernel/ids.js';
import type { Result } from '../kernel/result.js';

/** Every operation of CloudWatch Logs that Hearth answers; the part of `X-Amz-Target` after `Logs_20140328.`. */
export const logsOperations = [
  'CreateLogGroup',
  'CreateLogStream',
  'DeleteLogGroup',
  'DeleteLogStream',
  'DeleteMetricFilter',
  'DeleteRetentionPolicy',
  'DeleteSubscriptionFilter',
  'DescribeLogGroups',
  'DescribeLogStreams',
  'DescribeMetricFilters',
  'DescribeQueries',
  'DescribeSubscriptionFilters',
  'FilterLogEvents',
  'GetLogEvents',
  'GetQueryResults',
  'ListLogGroups',
  'ListTagsForResource',
  'ListTagsLogGroup',
  'PutLogEvents',
  'PutLogGroupDeletionProtection',
  'PutMetricFilter',
  'PutRetentionPolicy',
  'PutSubscriptionFilter',
  'StartQuery',
  'StopQuery',
  'TagLogGroup',
  'TagResource',
  'TestMetricFilter',
  'UntagLogGroup',
  'UntagResource',
] as const;
/** Known, checked, and then refused: there is nowhere to deliver to. */
export const refusedLogsOperations: readonly string[] = ['PutMetricFilter', 'PutSubscriptionFilter'];
export type LogsOperation = (typeof logsOperations)[number];

/** Before the dot in `X-Amz-Target`. */
export const logsTargetPrefix = 'Logs_20140328';

/** Errors of the Logs service and their HTTP status (service model 2014-03-28). The door's own errors are not here. */
export const logsErrorStatus = {
  InvalidOperationException: 400,
  InvalidParameterException: 400,
  InvalidSequenceTokenException: 400,
  LimitExceededException: 400,
  MalformedQueryException: 400,
  ResourceAlreadyExistsException: 400,
  ResourceNotFoundException: 400,
  SerializationException: 400,
  ServiceUnavailableException: 500,
  TooManyTagsException: 400,
  ValidationException: 400,
} as const;
export type LogsErrorCode = keyof typeof logsErrorStatus;

/**
 * A refused Logs operation. On the wire (JSON 1.1): status `logsErrorStatus[code]`, content type
 * `application/x-amz-json-1.1`, header `x-amzn-ErrorType: CODE`, body `{"__type":CODE,"message":MESSAGE,…members}`.
 */
export interface LogsFailure {
  readonly code: LogsErrorCode;
  readonly message: string;
  readonly members?: Readonly<Record<string, unknown>>;
}

/** Who asks: taken from the verified credential and its scope. Groups of other accounts and regions do not exist. */
export interface LogsCaller {
  readonly account: AccountId;
  readonly region: Region;
}

/**
 * Performs one operation. `input` is the parsed JSON body (anything: it is validated inside); an absent body is `{}`.
 * The value is the response body; operations without output give `{}` (the service sends an empty body).
 */
export type LogsHandler = (caller: LogsCaller, input: unknown) => Promise<Result<object, LogsFailure>>;

/** The whole Logs API; made by `createLogsApi` in `./logsoperations.ts`. */
export type LogsApi = Readonly<Record<LogsOperation, LogsHandler>>;
