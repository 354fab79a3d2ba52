import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { noSuchQueue, QueueError } from '../../eventsources/queue.js';
import { SqsClient } from './client.js';

const arn = 'arn:aws:sqs:eu-west-1:123456789012:q';

interface Asked {
  readonly action: string;
  readonly input: Record<string, unknown>;
  readonly authorization: string;
}

/** A service that answers as told, and a client of it. */
async function withService(
  answer: (asked: Asked, res: ServerResponse) => void,
  body: (client: SqsClient, asked: Asked[]) => Promise<void>,
): Promise<void> {
  const all: Asked[] = [];
  const server: Server = createServer(async (req: IncomingMessage, res) => {
    let text = '';
    for await (const chunk of req) text += chunk;
    const action = String(req.headers['x-amz-target']).replace('AmazonSQS.', '');
    const asked = { action, input: JSON.parse(text), authorization: String(req.headers.authorization) };
    all.push(asked);
    if (action === 'GetQueueUrl') res.end(JSON.stringify({ QueueUrl: `http://elsewhere/${asked.input.QueueName}` }));
    else answer(asked, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const client = new SqsClient({ endpoint, credentials: { accessKeyId: 'AK', secretAccessKey: 's' } });
  try {
    await body(client, all);
  } finally {
    client.close();
    server.closeAllConnections();
    server.close();
  }
}

const failureOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(error instanceof QueueError, String(error));
  return `${error.code}: ${error.message}`;
};

test('receives by ARN, signed for its region, and asks for a queue URL once', async () =>
  await withService(
    (_, res) =>
      res.end(JSON.stringify({ Messages: [{ MessageId: 'm', ReceiptHandle: 'h', Body: 'b', MD5OfBody: 'd' }] })),
    async (client, asked) => {
      assert.equal((await client.receive(arn, 7, 0))[0]?.MessageId, 'm');
      await client.receive(arn, 7, 0);
      assert.deepEqual(
        asked.map(({ action }) => action),
        ['GetQueueUrl', 'ReceiveMessage', 'ReceiveMessage'],
      );
      assert.deepEqual(asked[0]?.input, { QueueName: 'q', QueueOwnerAWSAccountId: '123456789012' });
      assert.match(asked[1]!.authorization, /Credential=AK\/\d{8}\/eu-west-1\/sqs\/aws4_request/);
      const { QueueUrl, MaxNumberOfMessages, WaitTimeSeconds } = asked[1]!.input;
      assert.deepEqual([QueueUrl, MaxNumberOfMessages, WaitTimeSeconds], ['http://elsewhere/q', 7, 0]);
    },
  ));

test('deletes and releases ten at a time; one that fails is told', async () =>
  await withService(
    ({ action }, res) =>
      res.end(
        JSON.stringify(action === 'DeleteMessageBatch' ? {} : { Failed: [{ Id: '0', Code: 'C', Message: 'why' }] }),
      ),
    async (client, asked) => {
      await client.delete(
        arn,
        Array.from({ length: 23 }, (_, at) => `h${at}`),
      );
      const sizes = asked.slice(1).map(({ input }) => (input.Entries as unknown[]).length);
      assert.deepEqual(sizes, [10, 10, 3]);
      assert.equal(await failureOf(client.release(arn, ['h'])), 'C: why');
      assert.deepEqual(asked.at(-1)?.input.Entries, [{ Id: '0', ReceiptHandle: 'h', VisibilityTimeout: 0 }]);
    },
  ));

test('errors: by name, by the older code, without JSON, too long, broken off, and of the connection', async () => {
  const answers: [(res: ServerResponse) => void, RegExp][] = [
    [
      (res) =>
        res.writeHead(400).end(JSON.stringify({ __type: 'com.amazonaws.sqs#QueueDoesNotExist', message: 'gone' })),
      new RegExp(`^${noSuchQueue}: gone$`),
    ],
    [
      (res) =>
        res.writeHead(403, { 'x-amzn-query-error': 'AccessDenied;Sender' }).end('{"__type":"x#Y","Message":"no"}'),
      /^AccessDenied: no$/,
    ],
    [(res) => res.writeHead(502).end('<html>'), /^HTTP 502: Bad Gateway$/],
    [(res) => res.end('null'), /^HTTP 200/],
    [(res) => res.destroy(), /^ConnectionError: /],
    [(res) => res.writeHead(302, { location: '/elsewhere' }).end(), /^HTTP 302/],
    [(res) => res.end(Buffer.alloc(33 * 2 ** 20, 'x')), /^ConnectionError: the answer is larger than 33554432 bytes$/],
  ];
  let now = 0;
  await withService(
    (_, res) => answers[now]![0](res),
    async (client) => {
      for (now = 0; now < answers.length; now += 1) {
        assert.match(await failureOf(client.visibilitySeconds(arn)), answers[now]![1]);
      }
    },
  );
  const credentials = { accessKeyId: 'AK', secretAccessKey: 's' };
  const nobody = new SqsClient({ endpoint: new URL('http://127.0.0.1:1'), credentials });
  assert.match(await failureOf(nobody.receive(arn, 1, 0)), /^ConnectionError: /);
  nobody.close();
});

const letter = {
  arn,
  body: '{"a":1}',
  attributes: { ErrorCode: { type: 'Number', value: '200' } },
  traceHeader: 'Root=1-2-3',
  origin: {
    functionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:f',
    functionName: 'f',
    requestId: 'r',
    atMs: 0,
  },
} as const;

test('sends a message with its attributes and its trace', async () =>
  await withService(
    (_, res) => res.end(JSON.stringify({ MessageId: 'm' })),
    async (client, asked) => {
      assert.ok(client.accepts(arn));
      assert.equal(client.accepts('arn:aws:sns:eu-west-1:123456789012:sqs'), false);
      assert.deepEqual(await client.deliver(letter), { kind: 'delivered' });
      await client.deliver({ ...letter, attributes: {} });
      const [, first, second] = asked;
      assert.deepEqual(first?.input, {
        QueueUrl: 'http://elsewhere/q',
        MessageBody: '{"a":1}',
        MessageAttributes: { ErrorCode: { DataType: 'Number', StringValue: '200' } },
        MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1-2-3' } },
      });
      assert.equal('MessageAttributes' in second!.input, false);
    },
  ));

test('a message that is not taken: why, and whether another try may fare better', async () => {
  const cases: [number, string, boolean][] = [
    [400, 'InvalidMessageContents', false],
    [400, 'ThrottlingException', true],
    [500, 'InternalError', true],
  ];
  for (const [status, code, again] of cases) {
    await withService(
      (_, res) => res.writeHead(status).end(JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: 'why' })),
      async (client) =>
        assert.deepEqual(await client.deliver(letter), { kind: 'failed', again, reason: `${code}: why` }),
    );
  }
});
