import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateEventSourceMappingCommand,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import { SqsClient } from '../../src/adapters/sqs/client.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { MotoServer, missingMoto, motoPython } from './motoserver.js';

/** Sends what it was invoked with to a queue that the test reads: its log. */
const code = {
  'index.mjs': `
    export const handler = async (event) => {
      console.log('EVENT' + JSON.stringify(event));
      const bodies = event.Records.map((record) => record.body);
      if (bodies.includes('fail') && Number(event.Records[0].attributes.ApproximateReceiveCount) < 2) throw new Error('no');
      const failed = event.Records.filter(({ body, attributes }) => body === 'partly' && attributes.ApproximateReceiveCount === '1');
      return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    };`,
};

interface Seen {
  readonly Records: readonly Readonly<Record<string, unknown>>[];
}

describe('event source mappings', { skip: motoPython === null ? missingMoto : false }, () => {
  let moto: MotoServer;
  let hearth: Hearth;
  let sqs: Sqs;
  before(async () => {
    moto = await MotoServer.start();
    hearth = await Hearth.start('--spares', '0', '--sqs-endpoint', moto.endpoint);
    sqs = new Sqs(moto.endpoint);
    await hearth.create('worker', ownNode, 'index.handler', code);
  });
  after(async () => {
    sqs?.client.close();
    await hearth?.remove();
    await moto?.stop();
  });

  /** Every event that the function has logged. */
  const seen = async (): Promise<Seen[]> => {
    const wanted = { logGroupName: '/aws/lambda/worker', filterPattern: 'EVENT' };
    const told = await hearth
      .logs()
      .send(new FilterLogEventsCommand(wanted))
      .catch(() => null);
    const events = (told?.events ?? []) as readonly { message: string }[];
    return events.map(({ message }) => JSON.parse(message.slice(message.indexOf('EVENT') + 5)) as Seen);
  };
  const bodies = async () => (await seen()).flatMap(({ Records }) => Records.map(({ body }) => body as string));
  const map = async (more: object) => {
    const lambda = hearth.lambda();
    const made = await lambda.send(new CreateEventSourceMappingCommand({ FunctionName: 'worker', ...more }));
    const UUID = made.UUID!;
    await eventually(
      async () => (await lambda.send(new GetEventSourceMappingCommand({ UUID }))).State === 'Enabled',
      'the mapping to be enabled',
    );
    return UUID;
  };
  const unmap = async (UUID: string) => {
    const lambda = hearth.lambda();
    const gone = await lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
    assert.equal(gone.State, 'Deleting');
    await eventually(
      async () => (await lambda.send(new ListEventSourceMappingsCommand({}))).EventSourceMappings?.length === 0,
      'the mapping to be gone',
    );
  };

  it('gives a function the messages of a queue, as Lambda does, and deletes them', async () => {
    const arn = await sqs.create('plain');
    const UUID = await map({ EventSourceArn: arn });
    const sent = await sqs.send('plain', 'hello', {
      Title: { DataType: 'String', StringValue: 'The Whistler' },
      Bytes: { DataType: 'Binary', BinaryValue: 'AAEC' },
    });
    const events = await eventually(async () => {
      const all = await seen();
      return all.length > 0 ? all : null;
    }, 'an invocation');
    assert.equal(events.length, 1);
    const [record] = events[0]!.Records;
    assert.equal(record!.messageId, sent.MessageId);
    assert.deepEqual(Object.keys(record!), [
      'messageId',
      'receiptHandle',
      'body',
      'attributes',
      'messageAttributes',
      'md5OfMessageAttributes',
      'md5OfBody',
      'eventSource',
      'eventSourceARN',
      'awsRegion',
    ]);
    assert.deepEqual(record!.messageAttributes, {
      Title: { stringValue: 'The Whistler', stringListValues: [], binaryListValues: [], dataType: 'String' },
      Bytes: { binaryValue: 'AAEC', stringListValues: [], binaryListValues: [], dataType: 'Binary' },
    });
    assert.equal(record!.md5OfBody, sent.MD5OfMessageBody);
    assert.deepEqual([record!.eventSource, record!.eventSourceARN, record!.awsRegion], ['aws:sqs', arn, 'us-east-1']);
    const attributes = record!.attributes as Record<string, string>;
    assert.equal(attributes.ApproximateReceiveCount, '1');
    assert.match(attributes.SentTimestamp!, /^\d{13}$/);
    await eventually(async () => (await sqs.count('plain')) === 0, 'the message to be deleted');
    await unmap(UUID);
  });

  it('brings failed messages back after their visibility timeout, of a batch only those reported', async () => {
    const arn = await sqs.create('failing', { VisibilityTimeout: '3' });
    const UUID = await map({ EventSourceArn: arn, FunctionResponseTypes: ['ReportBatchItemFailures'] });
    await sqs.send('failing', 'fail');
    await sqs.send('failing', 'partly');
    await sqs.send('failing', 'well');
    await eventually(async () => (await sqs.count('failing')) === 0, 'all to be deleted');
    const all = await bodies();
    const times = (body: string) => all.filter((one) => one === body).length;
    assert.deepEqual([times('fail'), times('partly')], [2, 2]);
    assert.ok(times('well') >= 1);
    await unmap(UUID);
  });

  it('deletes what no filter wants, gathers a batch for its window, and stops when disabled', async () => {
    const arn = await sqs.create('filtered');
    const Filters = [{ Pattern: JSON.stringify({ body: { colour: ['red'] } }) }];
    const UUID = await map({
      EventSourceArn: arn,
      FilterCriteria: { Filters },
      BatchSize: 20,
      MaximumBatchingWindowInSeconds: 2,
    });
    for (const colour of ['red', 'green', 'red', 'blue']) await sqs.send('filtered', JSON.stringify({ colour, at: 1 }));
    await eventually(async () => (await sqs.count('filtered')) === 0, 'all to be deleted');
    const coloured = (await bodies()).filter((body) => body.includes('colour'));
    assert.deepEqual(
      coloured.map((body) => JSON.parse(body).colour),
      ['red', 'red'],
    );

    const lambda = hearth.lambda();
    const disabling = await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));
    assert.equal(disabling.State, 'Disabling');
    await eventually(
      async () => (await lambda.send(new GetEventSourceMappingCommand({ UUID }))).State === 'Disabled',
      'the mapping to be disabled',
    );
    await sqs.send('filtered', JSON.stringify({ colour: 'red', at: 2 }));
    const enabling = await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: true }));
    assert.equal(enabling.State, 'Enabling');
    await eventually(
      async () => (await bodies()).some((body) => body.includes('"at":2')),
      'the message after enabling',
    );
    await unmap(UUID);
  });

  it('loses no message when the platform is killed while it polls, and goes on with its mappings', async () => {
    const arn = await sqs.create('killed', { VisibilityTimeout: '3' });
    const UUID = await map({ EventSourceArn: arn, BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } });
    const sent = Array.from({ length: 12 }, (_, at) => `killed ${at}`);
    for (const body of sent) await sqs.send('killed', body);
    await eventually(async () => (await bodies()).some((body) => body.startsWith('killed')), 'the first of them');
    await hearth.stop('SIGKILL');
    await hearth.start();
    await eventually(async () => (await sqs.count('killed')) === 0, 'all to be deleted');
    const all = new Set(await bodies());
    assert.deepEqual(
      sent.filter((body) => !all.has(body)),
      [],
    );
    await unmap(UUID);
  });

  it('refuses a queue that is not there or hides messages for too short, and sources it cannot poll', async () => {
    const lambda = hearth.lambda();
    const refused = async (more: object) =>
      await lambda.send(new CreateEventSourceMappingCommand({ FunctionName: 'worker', ...more })).then(
        () => 'created',
        (error: Error) => `${error.name}: ${error.message}`,
      );
    const name = 'InvalidParameterValueException';
    assert.equal(
      await refused({ EventSourceArn: 'arn:aws:sqs:us-east-1:123456789012:nowhere' }),
      `${name}: Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist for this wsdl version.`,
    );
    const hasty = await sqs.create('hasty', { VisibilityTimeout: '1' });
    assert.equal(
      await refused({ EventSourceArn: hasty }),
      `${name}: Queue visibility timeout: 1 seconds is less than Function timeout: 3 seconds`,
    );
    assert.equal(
      await refused({ EventSourceArn: 'arn:aws:kinesis:us-east-1:123456789012:stream/s', StartingPosition: 'LATEST' }),
      `${name}: Amazon Kinesis event sources cannot be polled by this installation. Create the mapping with Enabled set to false to keep its configuration.`,
    );
  });
});

/** The queues of the test, through the client under test and plain calls of the same protocol. */
class Sqs {
  readonly client: SqsClient;
  constructor(private readonly endpoint: string) {
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    this.client = new SqsClient({ endpoint: new URL(endpoint), credentials });
  }

  async #call(action: string, input: object): Promise<Readonly<Record<string, unknown>>> {
    const answer = await fetch(this.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${action}`,
        authorization:
          'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0',
      },
      body: JSON.stringify(input),
    });
    const text = await answer.text();
    assert.ok(answer.ok, text);
    return JSON.parse(text || '{}');
  }

  async create(QueueName: string, Attributes: object = {}): Promise<string> {
    await this.#call('CreateQueue', { QueueName, Attributes });
    return `arn:aws:sqs:us-east-1:123456789012:${QueueName}`;
  }

  async send(queue: string, MessageBody: string, MessageAttributes: object = {}) {
    return (await this.#call('SendMessage', { QueueUrl: this.#url(queue), MessageBody, MessageAttributes })) as {
      readonly MessageId: string;
      readonly MD5OfMessageBody: string;
    };
  }

  /** Messages in the queue, visible or not. */
  async count(queue: string): Promise<number> {
    const { Attributes } = await this.#call('GetQueueAttributes', {
      QueueUrl: this.#url(queue),
      AttributeNames: ['All'],
    });
    const { ApproximateNumberOfMessages: a, ApproximateNumberOfMessagesNotVisible: b } = Attributes as Record<
      string,
      string
    >;
    return Number(a) + Number(b);
  }

  #url(queue: string): string {
    return `${this.endpoint}/123456789012/${queue}`;
  }
}
