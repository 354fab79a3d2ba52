import { noSuchQueue, QueueError, type QueueMessage, type QueueService } from '../../eventsources/queue.js';
import type { DeliveryEnd, Destination, DestinationMessage } from '../../kernel/ports/destinations.js';
import { mib, secondMs } from '../../kernel/units.js';
import { type Answer, SignedService, type SignedServiceOptions } from '../aws/signedservice.js';

/** Beyond the time that was asked to wait: a server that does not answer costs this much patience. */
const patienceMs = 10 * secondMs;
/** Ten messages of 1 MiB, with all characters escaped at worst twice, and their attributes. */
const answerBytesMax = 32 * mib;
/** Entries of one batch request (Amazon SQS API). */
const batchEntriesMax = 10;
/** Queue URLs are asked for once; forgotten beyond so many. */
const urlsMax = 10_000;

type Json = Readonly<Record<string, unknown>>;

/** SQS over its JSON protocol, as real SQS, ElasticMQ and moto speak it. Signed with Signature Version 4. */
export class SqsClient implements QueueService, Destination {
  readonly #service: SignedService;
  readonly #urls = new Map<string, string>();

  constructor(options: SignedServiceOptions) {
    this.#service = new SignedService('sqs', options, answerBytesMax);
  }

  /** Closes what is kept open. */
  close(): void {
    this.#service.close();
  }

  accepts(arn: string): boolean {
    return arn.split(':')[2] === 'sqs';
  }

  async deliver({ arn, body, attributes, traceHeader }: DestinationMessage): Promise<DeliveryEnd> {
    const said = Object.entries(attributes).map(([name, { type, value }]) => [
      name,
      { DataType: type, StringValue: value },
    ]);
    const AWSTraceHeader = { DataType: 'String', StringValue: traceHeader };
    try {
      await this.#about(arn, 'SendMessage', {
        MessageBody: body,
        ...(said.length === 0 ? {} : { MessageAttributes: Object.fromEntries(said) }),
        MessageSystemAttributes: { AWSTraceHeader },
      });
      return { kind: 'delivered' };
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      return { kind: 'failed', again: error.mayPass, reason: `${error.code}: ${error.message}` };
    }
  }

  async receive(arn: string, count: number, waitSeconds: number): Promise<readonly QueueMessage[]> {
    const answer = await this.#about(
      arn,
      'ReceiveMessage',
      {
        MaxNumberOfMessages: count,
        WaitTimeSeconds: waitSeconds,
        // The older name, which every server knows.
        AttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      },
      waitSeconds * secondMs,
    );
    return (answer.Messages ?? []) as readonly QueueMessage[];
  }

  async delete(arn: string, receiptHandles: readonly string[]): Promise<void> {
    await this.#batches(arn, 'DeleteMessageBatch', receiptHandles, {});
  }

  async release(arn: string, receiptHandles: readonly string[]): Promise<void> {
    await this.#batches(arn, 'ChangeMessageVisibilityBatch', receiptHandles, { VisibilityTimeout: 0 });
  }

  async visibilitySeconds(arn: string): Promise<number> {
    const answer = await this.#about(arn, 'GetQueueAttributes', { AttributeNames: ['VisibilityTimeout'] });
    return Number((answer.Attributes as Json | undefined)?.VisibilityTimeout ?? 0);
  }

  async #batches(arn: string, action: string, handles: readonly string[], more: Json): Promise<void> {
    for (let at = 0; at < handles.length; at += batchEntriesMax) {
      const entries = handles.slice(at, at + batchEntriesMax);
      const Entries = entries.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle, ...more }));
      const answer = await this.#about(arn, action, { Entries });
      const failed = (answer.Failed ?? []) as readonly { readonly Code?: string; readonly Message?: string }[];
      const first = failed[0];
      if (first !== undefined) throw new QueueError(first.Code ?? 'Failed', first.Message ?? action);
    }
  }

  async #about(arn: string, action: string, input: Json, waitMs = 0): Promise<Json> {
    const region = arn.split(':')[3] ?? '';
    try {
      return await this.#call(region, action, { QueueUrl: await this.#url(arn), ...input }, waitMs);
    } catch (error) {
      // Deleted and made again, a queue may have another URL.
      if (error instanceof QueueError && error.code === noSuchQueue) this.#urls.delete(arn);
      throw error;
    }
  }

  async #url(arn: string): Promise<string> {
    const known = this.#urls.get(arn);
    if (known !== undefined) return known;
    const [, , , region = '', account, name] = arn.split(':');
    const found = await this.#call(region, 'GetQueueUrl', { QueueName: name, QueueOwnerAWSAccountId: account }, 0);
    const url = String(found.QueueUrl);
    if (this.#urls.size >= urlsMax) this.#urls.clear();
    this.#urls.set(arn, url);
    return url;
  }

  async #call(region: string, action: string, input: Json, waitMs: number): Promise<Json> {
    const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` };
    let answer: Answer;
    try {
      answer = await this.#service.post(region, headers, JSON.stringify(input), waitMs + patienceMs);
    } catch (error) {
      throw new QueueError('ConnectionError', (error as Error).message, true);
    }
    const json = parse(answer.text);
    if (answer.status === 200 && json !== null) return json;
    throw failureOf(answer, json);
  }
}

function failureOf(answer: Answer, json: Json | null): QueueError {
  // The older code, which Lambda's texts show, travels in a header for clients of the older protocol.
  const older = String(answer.headers['x-amzn-query-error'] ?? '').split(';')[0];
  const type = String(json?.__type ?? '')
    .split('#')
    .at(-1);
  const code = older || (type === 'QueueDoesNotExist' ? noSuchQueue : type) || `HTTP ${answer.status}`;
  const mayPass = answer.status >= 500 || answer.status === 429 || /Throttl/.test(code);
  return new QueueError(code, String(json?.message ?? json?.Message ?? answer.statusMessage), mayPass);
}

function parse(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : null;
  } catch {
    return null;
  }
}
