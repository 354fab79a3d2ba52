import type { EventMatcher } from './eventpattern.js';
import type { QueueMessage, QueueMessageAttribute } from './queue.js';

/** A message as a function gets it. */
export type SqsRecord = Readonly<Record<string, unknown>> & {
  readonly messageId: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
};

/**
 * One member of `Records`, as Lambda makes it (AWS documentation, "Using Lambda with Amazon SQS"; recorded). `isGathered`:
 * the mapping has a batching window; then, and only then, Lambda says that there are no attributes to have a digest of.
 */
export function recordOf(message: QueueMessage, arn: string, isGathered: boolean): SqsRecord {
  const { MD5OfMessageAttributes = isGathered ? null : undefined } = message;
  return {
    messageId: message.MessageId,
    receiptHandle: message.ReceiptHandle,
    body: message.Body,
    attributes: message.Attributes ?? {},
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, attributeOf(value)]),
    ),
    ...(MD5OfMessageAttributes === undefined ? {} : { md5OfMessageAttributes: MD5OfMessageAttributes }),
    md5OfBody: message.MD5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: arn,
    awsRegion: arn.split(':')[3],
  };
}

function attributeOf({ DataType, StringValue, BinaryValue }: QueueMessageAttribute): object {
  return {
    ...(StringValue === undefined ? {} : { stringValue: StringValue }),
    ...(BinaryValue === undefined ? {} : { binaryValue: BinaryValue }),
    stringListValues: [],
    binaryListValues: [],
    dataType: DataType,
  };
}

/**
 * Whether any of the filters wants the record; no filters want all. A body that is JSON is matched as such, and plain
 * text as text, so that a pattern of the other kind does not match (AWS documentation, "Lambda event filtering").
 */
export function isWanted(filters: readonly EventMatcher[], record: SqsRecord): boolean {
  if (filters.length === 0) return true;
  const event = { ...record, body: parsedBody(record.body) };
  return filters.some((matches) => matches(event));
}

function parsedBody(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : body;
  } catch {
    return body;
  }
}
