/** A message as the queue gives it; names as in the SQS API. */
export interface QueueMessage {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly Body: string;
  readonly MD5OfBody: string;
  readonly MD5OfMessageAttributes?: string;
  /** System attributes: `SentTimestamp`, `ApproximateReceiveCount` and so on. */
  readonly Attributes?: Readonly<Record<string, string>>;
  readonly MessageAttributes?: Readonly<Record<string, QueueMessageAttribute>>;
}

export interface QueueMessageAttribute {
  readonly DataType: string;
  readonly StringValue?: string;
  /** Base64. */
  readonly BinaryValue?: string;
}

/** Why the queue did not do it: SQS's code and text, or a connection's trouble. */
export class QueueError extends Error {
  override readonly name = 'QueueError';
  constructor(
    readonly code: string,
    message: string,
    /** Another try may fare better. */
    readonly mayPass = false,
  ) {
    super(message);
  }
}

/** The code of a queue that is not there. */
export const noSuchQueue = 'AWS.SimpleQueueService.NonExistentQueue';

/** An SQS-compatible service. Queues go by ARN. Every call has a deadline, and rejects with QueueError. */
export interface QueueService {
  /** Up to `count` messages (1–10), waiting up to `waitSeconds` for the first. */
  receive(arn: string, count: number, waitSeconds: number): Promise<readonly QueueMessage[]>;
  delete(arn: string, receiptHandles: readonly string[]): Promise<void>;
  /** Makes messages visible to others at once. */
  release(arn: string, receiptHandles: readonly string[]): Promise<void>;
  /** The queue's visibility timeout, in seconds. */
  visibilitySeconds(arn: string): Promise<number>;
}
