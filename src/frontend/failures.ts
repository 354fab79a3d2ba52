import { type ApiFailure, errorKinds } from '../kernel/errors.js';
import { xmlText } from '../wire/xml.js';

/** How a service spells its answers. */
export type Protocol = 'rest-json' | 'json-1.1' | 'query';

export interface FailureText {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export function failureText(protocol: Protocol, failure: ApiFailure, requestId: string): FailureText {
  switch (protocol) {
    case 'rest-json':
      return restJson(failure);
    case 'json-1.1':
      return json11(failure.code, failure.message, errorKinds[failure.code].status);
    case 'query':
      return query(failure, requestId);
  }
}

/** Lambda: `{"Type":"User","message":"…"}`; the code travels in x-amzn-ErrorType. */
function restJson(failure: ApiFailure): FailureText {
  const kind = errorKinds[failure.code];
  const body: Record<string, unknown> = {};
  if (kind.type !== null && failure.omitType !== true) body.Type = kind.type;
  body[kind.messageKey] = failure.message;
  Object.assign(body, failure.members);
  return { status: kind.status, contentType: 'application/json', body: JSON.stringify(body) };
}

/** CloudWatch Logs: whatever the client did wrong is 400, even a wrong signature. */
export function json11(code: string, message: string, status: number, members: object = {}): FailureText {
  return {
    status: status < 500 && status !== 413 ? 400 : status,
    contentType: 'application/x-amz-json-1.1',
    body: JSON.stringify({ __type: code, message, ...members }),
  };
}

/** STS drops `Exception`, and has names of its own for wrong keys and signatures. */
const queryCodes: Readonly<Partial<Record<ApiFailure['code'], string>>> = {
  ExpiredTokenException: 'ExpiredToken',
  IncompleteSignatureException: 'IncompleteSignature',
  InvalidSignatureException: 'SignatureDoesNotMatch',
  MissingAuthenticationTokenException: 'MissingAuthenticationToken',
  RequestEntityTooLargeException: 'RequestEntityTooLarge',
  ServiceUnavailableException: 'ServiceUnavailable',
  UnknownOperationException: 'InvalidAction',
  UnrecognizedClientException: 'InvalidClientTokenId',
  ValidationException: 'ValidationError',
};

export const stsNamespace = 'https://sts.amazonaws.com/doc/2011-06-15/';

function query(failure: ApiFailure, requestId: string): FailureText {
  const kind = errorKinds[failure.code];
  const status = failure.code === 'UnknownOperationException' ? 400 : kind.status;
  const text =
    failure.code === 'MissingAuthenticationTokenException'
      ? 'Request is missing Authentication Token'
      : failure.message;
  const body = `<ErrorResponse xmlns="${stsNamespace}">
  <Error>
    <Type>${status < 500 ? 'Sender' : 'Receiver'}</Type>
    <Code>${queryCodes[failure.code] ?? failure.code}</Code>
    <Message>${xmlText(text)}</Message>
  </Error>
  <RequestId>${requestId}</RequestId>
</ErrorResponse>
`;
  return { status, contentType: 'text/xml', body };
}
