import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ReceivingServer, received } from './receivingserver.js';

/** Something that arrived. `to`: name of the queue or topic, or path of the URL. */
export interface Arrived {
  readonly kind: 'sqs' | 'sns' | 'http';
  readonly to: string;
  readonly body: string;
  /** Attributes as `TYPE:VALUE`; of HTTP the headers. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly traceHeader: string;
}

/** What the server does with a message: takes it, refuses it with a status, or never says a word. */
export type Manner = (message: Arrived) => 'take' | 'hang' | number | Promise<'take' | 'hang' | number>;

/** Amazon's form of a signature, for the service and any region. */
const signature = (service: string) =>
  new RegExp(
    `^AWS4-HMAC-SHA256 Credential=[^/]+/\\d{8}/[a-z0-9-]+/${service}/aws4_request, SignedHeaders=[^,]+, Signature=[0-9a-f]{64}$`,
  );

/**
 * SQS (its JSON protocol), SNS (its Query protocol) and plain HTTP at one address, as far as senders need them, kept in
 * memory. What is no proper request is refused as the services would.
 */
export class MessageServer extends ReceivingServer {
  readonly arrived: Arrived[] = [];
  manner: Manner = () => 'take';

  private constructor() {
    super((error, res) => res.writeHead(500).end(error.message));
  }

  static async start(): Promise<MessageServer> {
    const one = new MessageServer();
    await one.listen();
    return one;
  }

  to(name: string): Arrived[] {
    return this.arrived.filter(({ to }) => to === name);
  }

  protected async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const text = (await received(req)).toString('utf8');
    const target = String(req.headers['x-amz-target'] ?? '');
    if (target.startsWith('AmazonSQS.')) await this.#sqs(target.slice(10), req, text, res);
    else if (req.headers['content-type']?.startsWith('application/x-www-form-urlencoded'))
      await this.#sns(req, text, res);
    else {
      const attributes = Object.fromEntries(Object.entries(req.headers).map(([name, value]) => [name, String(value)]));
      const traceHeader = String(req.headers['x-amzn-trace-id']);
      await this.#take({ kind: 'http', to: req.url ?? '', body: text, attributes, traceHeader }, res, () => res.end());
    }
  }

  async #take(message: Arrived, res: ServerResponse, accept: () => void): Promise<void> {
    this.arrived.push(message);
    const how = await this.manner(message);
    if (how === 'take') accept();
    else if (how !== 'hang') res.writeHead(how).end('{}');
  }

  async #sqs(action: string, req: IncomingMessage, text: string, res: ServerResponse): Promise<void> {
    const input = JSON.parse(text);
    if (!signature('sqs').test(req.headers.authorization ?? '')) {
      res
        .writeHead(403)
        .end(JSON.stringify({ __type: 'com.amazonaws.sqs#SignatureDoesNotMatch', message: 'unsigned' }));
    } else if (action === 'GetQueueUrl' && /^[\w-]{1,80}$/.test(input.QueueName) && input.QueueName !== 'missing') {
      const QueueUrl = `${this.endpoint}/${input.QueueOwnerAWSAccountId}/${input.QueueName}`;
      res.end(JSON.stringify({ QueueUrl }));
    } else if (action === 'SendMessage' && typeof input.MessageBody === 'string' && input.MessageBody !== '') {
      const given: [string, { DataType: string; StringValue: string }][] = Object.entries(
        input.MessageAttributes ?? {},
      );
      const attributes = Object.fromEntries(given.map(([name, one]) => [name, `${one.DataType}:${one.StringValue}`]));
      const traceHeader = input.MessageSystemAttributes?.AWSTraceHeader?.StringValue ?? '';
      const to = String(input.QueueUrl).split('/').at(-1)!;
      const MD5OfMessageBody = createHash('md5').update(input.MessageBody).digest('hex');
      await this.#take({ kind: 'sqs', to, body: input.MessageBody, attributes, traceHeader }, res, () =>
        res.end(JSON.stringify({ MessageId: randomUUID(), MD5OfMessageBody })),
      );
    } else {
      res.writeHead(400).end(JSON.stringify({ __type: 'com.amazonaws.sqs#QueueDoesNotExist', message: action }));
    }
  }

  async #sns(req: IncomingMessage, text: string, res: ServerResponse): Promise<void> {
    const form = new URLSearchParams(text);
    const to = form.get('TopicArn')?.split(':')[5] ?? '';
    if (!signature('sns').test(req.headers.authorization ?? '') || form.get('Action') !== 'Publish' || to === '') {
      res.writeHead(400).end('<ErrorResponse><Error><Code>InvalidParameter</Code></Error></ErrorResponse>');
      return;
    }
    const attributes: Record<string, string> = {};
    for (let at = 1; form.has(`MessageAttributes.entry.${at}.Name`); at += 1) {
      const entry = `MessageAttributes.entry.${at}`;
      attributes[form.get(`${entry}.Name`)!] =
        `${form.get(`${entry}.Value.DataType`)}:${form.get(`${entry}.Value.StringValue`)}`;
    }
    const traceHeader = String(req.headers['x-amzn-trace-id']);
    await this.#take({ kind: 'sns', to, body: form.get('Message') ?? '', attributes, traceHeader }, res, () =>
      res.end(
        `<PublishResponse><PublishResult><MessageId>${randomUUID()}</MessageId></PublishResult></PublishResponse>`,
      ),
    );
  }
}
