import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { DestinationMessage } from '../../kernel/ports/destinations.js';
import { SnsClient } from './client.js';

const message: DestinationMessage = {
  arn: 'arn:aws:sns:eu-west-1:123456789012:topic',
  body: '{"a":"b&c=é"}',
  attributes: {
    RequestID: { type: 'String', value: 'r' },
    ErrorCode: { type: 'Number', value: '200' },
  },
  traceHeader: 'Root=1-2-3',
  origin: {
    functionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:f',
    functionName: 'f',
    requestId: 'r',
    atMs: 0,
  },
};

async function service(t: TestContext, status: number, answer: string) {
  const asked: { form: URLSearchParams; authorization: string; trace: unknown }[] = [];
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    const { authorization = '', 'x-amzn-trace-id': trace } = req.headers;
    asked.push({ form: new URLSearchParams(body), authorization, trace });
    res.writeHead(status).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const client = new SnsClient({ endpoint, credentials: { accessKeyId: 'AK', secretAccessKey: 's' } });
  t.after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return { client, asked };
}

test('publishes to the topic, signed for its region', async (t) => {
  const { client, asked } = await service(t, 200, '<PublishResponse/>');
  assert.ok(client.accepts(message.arn));
  assert.equal(client.accepts('arn:aws:sqs:eu-west-1:123456789012:sns'), false);
  assert.deepEqual(await client.deliver(message), { kind: 'delivered' });
  const { form, authorization, trace } = asked[0]!;
  assert.deepEqual(Object.fromEntries(form), {
    Action: 'Publish',
    Version: '2010-03-31',
    TopicArn: message.arn,
    Message: message.body,
    'MessageAttributes.entry.1.Name': 'RequestID',
    'MessageAttributes.entry.1.Value.DataType': 'String',
    'MessageAttributes.entry.1.Value.StringValue': 'r',
    'MessageAttributes.entry.2.Name': 'ErrorCode',
    'MessageAttributes.entry.2.Value.DataType': 'Number',
    'MessageAttributes.entry.2.Value.StringValue': '200',
  });
  assert.match(authorization, /Credential=AK\/\d{8}\/eu-west-1\/sns\/aws4_request/);
  assert.equal(trace, 'Root=1-2-3');
});

test('what went wrong, and whether another try may fare better', async (t) => {
  const xml = (code: string) =>
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>why</Message></Error></ErrorResponse>`;
  const cases: [number, string, boolean, string][] = [
    [404, xml('NotFound'), false, 'NotFound: why'],
    [400, xml('Throttling'), true, 'Throttling: why'],
    [500, 'no XML', true, 'HTTP 500: Internal Server Error'],
    [200 + 1, '', false, 'HTTP 201: Created'],
  ];
  for (const [status, answer, again, reason] of cases) {
    const { client } = await service(t, status, answer);
    assert.deepEqual(await client.deliver(message), { kind: 'failed', again, reason });
  }
  const endpoint = new URL('http://127.0.0.1:1');
  const nobody = new SnsClient({ endpoint, credentials: { accessKeyId: 'AK', secretAccessKey: 's' } });
  const end = await nobody.deliver(message);
  assert.ok(end.kind === 'failed' && end.again && /^ConnectionError/.test(end.reason));
});
