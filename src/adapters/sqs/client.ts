import { Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as SecureAgent } from 'node:https';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { noSuchQueue, QueueError, type QueueMessage, type QueueService } from '../../eventsources/queue.js';
import { mib, secondMs } from '../../kernel/units.js';

export interface SqsOptions {
  readonly endpoint: URL;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  /** Certificates to believe besides Node's own, PEM. */
  readonly extraCa?: readonly string[];
}

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
export class SqsClient implements QueueService {
  readonly #options: SqsOptions;
  readonly #signers = new Map<string, SignatureV4>();
  readonly #urls = new Map<string, string>();
  readonly #agent: Agent;

  constructor(options: SqsOptions) {
    this.#options = options;
    const { endpoint, extraCa } = options;
    const ca = extraCa === undefined ? {} : { ca: [...extraCa] };
    const shared = { keepAlive: true, keepAliveMsecs: secondMs };
    this.#agent = endpoint.protocol === 'https:' ? new SecureAgent({ ...shared, ...ca }) : new Agent(shared);
  }

  /** Closes what is kept open. */
  close(): void {
    this.#agent.destroy();
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
    const { endpoint } = this.#options;
    const body = JSON.stringify(input);
    const signed = await this.#signer(region).sign({
      method: 'POST',
      protocol: endpoint.protocol,
      hostname: endpoint.hostname,
      path: endpoint.pathname,
      headers: {
        host: endpoint.host,
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${action}`,
      },
      body,
    });
    let answer: IncomingMessage;
    let text: string;
    try {
      answer = await this.#send(signed.headers, body, AbortSignal.timeout(waitMs + patienceMs));
      text = await boundedText(answer);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const late = (error as Error).name === 'TimeoutError' || code === 'ABORT_ERR';
      throw new QueueError('ConnectionError', late ? 'it did not answer in time' : message || code || 'unknown error');
    }
    const json = parse(text);
    if (answer.statusCode === 200 && json !== null) return json;
    throw failureOf(answer, json);
  }

  #send(headers: Record<string, string>, body: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { hostname, port, protocol, pathname: path } = this.#options.endpoint;
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const options = {
      host,
      port,
      path,
      method: 'POST',
      headers: { ...headers, ...length },
      signal,
      agent: this.#agent,
    };
    return new Promise((resolve, reject) => {
      const request = (protocol === 'https:' ? requestHttps : requestHttp)(options, resolve);
      request.on('error', reject).end(body);
    });
  }

  #signer(region: string): SignatureV4 {
    let signer = this.#signers.get(region);
    if (signer === undefined) {
      signer = new SignatureV4({ service: 'sqs', region, credentials: this.#options.credentials, sha256: Sha256 });
      this.#signers.set(region, signer);
    }
    return signer;
  }
}

function failureOf(answer: IncomingMessage, json: Json | null): QueueError {
  // The older code, which Lambda's texts show, travels in a header for clients of the older protocol.
  const older = String(answer.headers['x-amzn-query-error'] ?? '').split(';')[0];
  const type = String(json?.__type ?? '')
    .split('#')
    .at(-1);
  const code = older || (type === 'QueueDoesNotExist' ? noSuchQueue : type) || `HTTP ${answer.statusCode}`;
  return new QueueError(code, String(json?.message ?? json?.Message ?? answer.statusMessage));
}

function parse(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : null;
  } catch {
    return null;
  }
}

async function boundedText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new Error(`the answer is larger than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
