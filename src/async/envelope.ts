import type { DestinationMessage } from '../kernel/ports/destinations.js';
import type { AsyncEvent, AttemptEnd, Conclusion, Condition } from './messages.js';

/** Developer guide, "Capturing records": the attribute has the first 1 KB of the message. */
const errorMessageBytesMax = 1024;

/** What the first of a conclusion's destinations is told of the event; `payload` is the event as it came. */
export function messageOf(event: AsyncEvent, payload: Buffer, conclusion: Conclusion): DestinationMessage {
  const [telling] = conclusion.left;
  if (telling === undefined) throw new Error('nobody is left to be told');
  const { requestId, functionName, traceHeader, traced } = event;
  const isDeadLetter = telling.kind === 'dead-letter';
  return {
    arn: telling.arn,
    body: isDeadLetter ? payload.toString('utf8') : recordOf(event, payload, conclusion),
    attributes: isDeadLetter ? attributesOf(event, conclusion) : {},
    traceHeader,
    ...(traced === undefined ? {} : { traced }),
    origin: { functionArn: unqualifiedArn(event), functionName, requestId, atMs: conclusion.atMs },
  };
}

/**
 * The invocation record (developer guide, "Capturing records of Lambda asynchronous invocations"), members in its order.
 * Payloads are put in as they are: read and written again, large numbers would change. What is no JSON becomes a string.
 */
function recordOf(event: AsyncEvent, payload: Buffer, { condition, end, atMs }: Conclusion): string {
  const members: [string, string][] = [
    ['version', '"1.0"'],
    ['timestamp', JSON.stringify(new Date(atMs).toISOString())],
    [
      'requestContext',
      JSON.stringify({
        requestId: event.requestId,
        functionArn: qualifiedArn(event),
        condition,
        approximateInvokeCount: event.attempts,
      }),
    ],
    ['requestPayload', embedded(payload.toString('utf8'))],
  ];
  const context = end === null ? null : responseContext(end);
  if (context !== null) members.push(['responseContext', JSON.stringify(context)]);
  if (end !== null && 'response' in end && end.response !== null) {
    members.push(['responsePayload', embedded(end.response)]);
  }
  return `{${members.map(([name, text]) => `"${name}":${text}`).join(',')}}`;
}

function responseContext(end: AttemptEnd): object {
  switch (end.outcome) {
    case 'success':
      return { statusCode: 200, executedVersion: end.executedVersion };
    case 'function-error':
      return { statusCode: 200, executedVersion: end.executedVersion, functionError: end.functionError };
    default:
      // Not documented. What a synchronous client would have been told.
      return { statusCode: end.status };
  }
}

/** Qualified as it was invoked; `$LATEST` without a qualifier. */
function qualifiedArn(event: AsyncEvent): string {
  return `${unqualifiedArn(event)}:${event.qualifier ?? '$LATEST'}`;
}

function unqualifiedArn({ region, account, functionName }: AsyncEvent): string {
  return `arn:aws:lambda:${region}:${account}:function:${functionName}`;
}

function embedded(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}

/** Of dead letters: developer guide, "Adding a dead-letter queue". */
function attributesOf(event: AsyncEvent, { condition, end }: Conclusion): DestinationMessage['attributes'] {
  const status = end === null ? null : 'status' in end ? end.status : 200;
  return {
    RequestID: { type: 'String', value: event.requestId },
    ...(status === null ? {} : { ErrorCode: { type: 'Number', value: String(status) } }),
    ErrorMessage: { type: 'String', value: shortened(errorMessage(condition, end)) },
  };
}

/** Recorded of the service, spelling and all; AWS says nothing of events that nobody attempted lately. */
const zeroReserved = 'Function not invoked. Function isconfigured with zero reserved concurrent executions';

function errorMessage(condition: Condition, end: AttemptEnd | null): string {
  if (condition === 'ZeroReservedConcurrency') return zeroReserved;
  if (end === null) return 'The event exceeded its maximum age.';
  if (!('response' in end)) return end.message;
  try {
    const { errorMessage } = JSON.parse(end.response ?? '') as { errorMessage?: unknown };
    if (typeof errorMessage === 'string' && errorMessage !== '') return errorMessage;
  } catch {
    // Not what runtimes say of errors.
  }
  // Attributes of SQS and SNS must not be empty.
  return end.response || 'The function failed.';
}

/** At most 1 KB, and no half of a character. */
function shortened(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.byteLength <= errorMessageBytesMax) return text;
  let end = errorMessageBytesMax;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
