import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { SnsClient } from '../../src/adapters/sns/client.js';
import { SqsClient } from '../../src/adapters/sqs/client.js';
import type { DestinationMessage } from '../../src/kernel/ports/destinations.js';
import { MotoServer, missingMoto, motoPython } from '../system/motoserver.js';

const account = '123456789012';
const queueArn = `arn:aws:sqs:us-east-1:${account}:letters`;
const topicArn = `arn:aws:sns:us-east-1:${account}:topic`;

const message: DestinationMessage = {
  arn: queueArn,
  body: '{"text":"é & <b>"}',
  attributes: { RequestID: { type: 'String', value: 'r' }, ErrorCode: { type: 'Number', value: '200' } },
  traceHeader: 'Root=1-5e1b4151-5ac6c58f0a1d2c3b4e5f6071;Parent=0102030405060708;Sampled=1;Lineage=01234567:3',
  origin: { functionArn: `arn:aws:lambda:us-east-1:${account}:function:f`, functionName: 'f', requestId: 'r', atMs: 0 },
};

/** moto (a Python package) is the SQS- and SNS-compatible service of these tests: somebody else's idea of the protocols. */
describe('destinations at services of others', { skip: motoPython === null ? missingMoto : false }, () => {
  let moto: MotoServer;
  let sqs: SqsClient;
  let sns: SnsClient;
  before(async () => {
    moto = await MotoServer.start();
    const options = {
      endpoint: new URL(moto.endpoint),
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    };
    sqs = new SqsClient(options);
    sns = new SnsClient(options);
  });
  after(async () => {
    sqs?.close();
    sns?.close();
    await moto?.stop();
  });

  const ask = async (service: string, form: Record<string, string>): Promise<void> => {
    const answer = await fetch(moto.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
      },
      body: new URLSearchParams(form),
    });
    assert.ok(answer.ok, await answer.text());
  };

  it('a queue that is not there is given up; one that is gets the message, its attributes and its trace', async () => {
    const missing = await sqs.deliver(message);
    assert.ok(missing.kind === 'failed' && !missing.again, JSON.stringify(missing));
    assert.match(missing.reason, /^AWS\.SimpleQueueService\.NonExistentQueue: /);
    await ask('sqs', { Action: 'CreateQueue', QueueName: 'letters', Version: '2012-11-05' });
    assert.deepEqual(await sqs.deliver(message), { kind: 'delivered' });
    const [got] = await sqs.receive(queueArn, 1, 1);
    assert.equal(got?.Body, message.body);
    assert.equal(got?.MD5OfBody, createHash('md5').update(message.body).digest('hex'));
    assert.equal(got?.Attributes?.AWSTraceHeader, message.traceHeader);
    const { RequestID, ErrorCode } = got?.MessageAttributes ?? {};
    assert.deepEqual([RequestID?.DataType, RequestID?.StringValue], ['String', 'r']);
    assert.deepEqual([ErrorCode?.DataType, ErrorCode?.StringValue], ['Number', '200']);
    await sqs.delete(queueArn, [got!.ReceiptHandle]);
  });

  it('a topic that is not there is given up; one that is passes it to its queue', async () => {
    const published = { ...message, arn: topicArn };
    const missing = await sns.deliver(published);
    assert.ok(missing.kind === 'failed' && !missing.again, JSON.stringify(missing));
    await ask('sns', { Action: 'CreateTopic', Name: 'topic', Version: '2010-03-31' });
    await ask('sns', {
      Action: 'Subscribe',
      TopicArn: topicArn,
      Protocol: 'sqs',
      Endpoint: queueArn,
      Version: '2010-03-31',
    });
    assert.deepEqual(await sns.deliver(published), { kind: 'delivered' });
    const [got] = await sqs.receive(queueArn, 1, 5);
    const note = JSON.parse(got?.Body ?? '{}');
    assert.equal(note.Message, message.body);
    assert.deepEqual(note.MessageAttributes, {
      RequestID: { Type: 'String', Value: 'r' },
      ErrorCode: { Type: 'Number', Value: '200' },
    });
  });
});
