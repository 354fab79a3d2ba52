/**
 * The one table of errors that users see: AWS's code, HTTP status, who is to blame, and how the body spells it.
 * Sources: the Lambda service model (statuses), recorded responses (body spelling), AWS documentation (auth errors).
 * `messageKey`: as the model names the member, which is how the recorded ones spell it; auth errors of the front door
 * say `message` and have no `Type`.
 */
export interface ErrorKind {
  readonly status: number;
  readonly type: 'User' | 'Server' | null;
  readonly messageKey: 'message' | 'Message';
}

const user = (status: number): ErrorKind => ({ status, type: 'User', messageKey: 'message' });
const server = (status: number): ErrorKind => ({ status, type: 'Server', messageKey: 'message' });
/** Errors of the request's envelope (signature, routing, JSON): no `Type` member. */
const door = (status: number): ErrorKind => ({ status, type: null, messageKey: 'message' });
const userCapital = (status: number): ErrorKind => ({ status, type: 'User', messageKey: 'Message' });
const serverCapital = (status: number): ErrorKind => ({ status, type: 'Server', messageKey: 'Message' });

export const errorKinds = {
  AccessDeniedException: { status: 403, type: null, messageKey: 'Message' },
  CodeSigningConfigNotFoundException: userCapital(404),
  CodeStorageExceededException: user(400),
  CodeVerificationFailedException: userCapital(400),
  EC2AccessDeniedException: serverCapital(502),
  ENILimitReachedException: serverCapital(502),
  ExpiredTokenException: door(403),
  IncompleteSignatureException: door(403),
  InvalidParameterValueException: user(400),
  InvalidRequestContentException: user(400),
  InvalidRuntimeException: serverCapital(502),
  InvalidSignatureException: door(403),
  InvalidZipFileException: serverCapital(502),
  InternalFailure: door(500),
  MissingAuthenticationTokenException: door(403),
  NoPublishedVersionException: userCapital(400),
  PolicyLengthExceededException: user(400),
  PreconditionFailedException: user(412),
  ProvisionedConcurrencyConfigNotFoundException: user(404),
  RecursiveInvocationException: userCapital(400),
  RequestEntityTooLargeException: door(413),
  RequestTimeoutException: door(408),
  RequestTooLargeException: user(413),
  ResourceConflictException: user(409),
  ResourceInUseException: userCapital(400),
  ResourceNotFoundException: userCapital(404),
  ResourceNotReadyException: server(502),
  SerializationException: door(400),
  ServiceException: serverCapital(500),
  ServiceUnavailableException: door(503),
  SignatureDoesNotMatchException: door(403),
  SnapStartException: userCapital(400),
  SnapStartNotReadyException: userCapital(409),
  SnapStartTimeoutException: userCapital(408),
  TooManyRequestsException: user(429),
  UnknownOperationException: door(404),
  UnrecognizedClientException: door(403),
  UnsupportedMediaTypeException: user(415),
  ValidationException: door(400),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

/** An error on its way to a client. Plain data: machines may make it, only the front end turns it into HTTP. */
export interface ApiFailure {
  readonly code: ErrorCode;
  readonly message: string;
  /** Further members of the body, such as `Reason` of TooManyRequestsException. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** Further response headers, such as `Retry-After` (seconds). */
  readonly headers?: Readonly<Record<string, string>>;
  /** Recorded exceptions to the table: a few bodies have no `Type`. */
  readonly omitType?: true;
}

export function apiFailure(
  code: ErrorCode,
  message: string,
  more: Omit<ApiFailure, 'code' | 'message'> = {},
): ApiFailure {
  return { code, message, ...more };
}
