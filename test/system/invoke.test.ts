import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CreateAliasCommand,
  DeleteFunctionConcurrencyCommand,
  GetFunctionConcurrencyCommand,
  InvokeCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode } from './hearth.js';
import { zip } from './zip.js';

const waiter = { maxWaitTime: 30, minDelay: 1, maxDelay: 1 };

describe('Invoke, through the official SDK', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start();
    await hearth.create('echo', ownNode, 'index.handler', {
      'index.mjs': `export const handler = async (event, context) => {
        console.log('got', JSON.stringify(event));
        return event.context ? { ...context, remaining: context.getRemainingTimeInMillis() } : event;
      };`,
    });
  });
  after(() => hearth.remove());

  it('answers what the handler returns', async () => {
    const answer = await hearth.invoke('echo', { a: [1, 'ü', null] }, { LogType: 'None' });
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.payload, '{"a":[1,"ü",null]}');
    assert.equal(answer.executedVersion, '$LATEST');
    assert.equal(answer.functionError, undefined);
    assert.equal(answer.log, '');
  });

  it('gives the handler its context, with the client context', async () => {
    const ClientContext = Buffer.from(JSON.stringify({ custom: { k: 'v' } })).toString('base64');
    const context = JSON.parse((await hearth.invoke('echo', { context: true }, { ClientContext })).payload);
    assert.equal(context.functionName, 'echo');
    assert.equal(context.functionVersion, '$LATEST');
    assert.equal(context.memoryLimitInMB, '512');
    assert.equal(context.logGroupName, '/aws/lambda/echo');
    assert.match(context.logStreamName, /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
    assert.match(context.invokedFunctionArn, /:function:echo$/);
    assert.deepEqual(context.clientContext, { custom: { k: 'v' } });
    assert.ok(context.remaining > 0 && context.remaining <= 3_000);
  });

  it('accepts an event with 202 and runs it', async () => {
    const client = hearth.lambda();
    const mark = `mark-${Date.now()}`;
    const accepted = await client.send(
      new InvokeCommand({ FunctionName: 'echo', InvocationType: 'Event', Payload: JSON.stringify({ mark }) }),
    );
    assert.equal(accepted.StatusCode, 202);
    assert.equal(accepted.ExecutedVersion, undefined);
    assert.equal(accepted.Payload?.length ?? 0, 0);
    await eventually(async () => (await hearth.cli('logs', 'echo')).stdout.includes(mark), 'the event in the log');
  });

  it('answers a dry run with 204 and runs nothing', async () => {
    const answer = await hearth.invoke('echo', { dry: 'never-seen' }, { InvocationType: 'DryRun', LogType: 'None' });
    assert.equal(answer.statusCode, 204);
    assert.ok(!(await hearth.cli('logs', 'echo')).stdout.includes('never-seen'));
  });

  it('refuses what is no JSON, too large, or for nobody', async () => {
    const client = hearth.lambda();
    const send = (
      FunctionName: string,
      Payload: string | Buffer,
      InvocationType: 'RequestResponse' | 'Event' = 'RequestResponse',
    ) => client.send(new InvokeCommand({ FunctionName, Payload, InvocationType }));
    await assert.rejects(send('echo', '{nonsense'), { name: 'InvalidRequestContentException' });
    await assert.rejects(send('echo', `"${'x'.repeat(6 * 1024 * 1024)}"`), { name: 'RequestEntityTooLargeException' });
    await assert.rejects(send('echo', `"${'x'.repeat(1024 * 1024)}"`, 'Event'), {
      name: 'RequestEntityTooLargeException',
    });
    await assert.rejects(send('nobody', '{}'), { name: 'ResourceNotFoundException' });
    await assert.rejects(send('echo:9', '{}'), { name: 'ResourceNotFoundException' });
  });

  it('refuses a response that is too large', async () => {
    await hearth.create('large', ownNode, 'index.handler', {
      'index.mjs': 'export const handler = async (event) => "x".repeat(event.bytes);',
    });
    assert.equal((await hearth.invoke('large', { bytes: 6_000_000 })).payload.length, 6_000_002);
    const answer = await hearth.invoke('large', { bytes: 6_291_556 });
    assert.equal(answer.functionError, 'Unhandled');
    assert.equal(JSON.parse(answer.payload).errorType, 'Function.ResponseSizeTooLarge');
    assert.equal((await hearth.invoke('large', { bytes: 1 })).payload, '"x"');
  });

  it('invokes versions and aliases by every name they have', async () => {
    const client = hearth.lambda();
    const code = (text: string) =>
      zip({
        'index.mjs': `export const handler = async (_, context) => [${JSON.stringify(text)}, context.functionVersion, context.invokedFunctionArn];`,
      });
    await hearth.create('many', ownNode, 'index.handler', {}, { Code: { ZipFile: await code('one') } });
    const one = await client.send(new PublishVersionCommand({ FunctionName: 'many' }));
    assert.equal(one.Version, '1');
    const same = await client.send(new PublishVersionCommand({ FunctionName: 'many' }));
    assert.equal(same.Version, '1');
    await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'many', ZipFile: await code('two') }));
    await waitUntilFunctionUpdatedV2({ client, ...waiter }, { FunctionName: 'many' });
    const two = await client.send(new PublishVersionCommand({ FunctionName: 'many' }));
    assert.equal(two.Version, '2');
    await waitUntilPublishedVersionActive({ client, ...waiter }, { FunctionName: 'many', Qualifier: '2' });
    const listed = await client.send(new ListVersionsByFunctionCommand({ FunctionName: 'many' }));
    assert.deepEqual(
      listed.Versions?.map(({ Version }) => Version),
      ['$LATEST', '1', '2'],
    );
    await client.send(new CreateAliasCommand({ FunctionName: 'many', Name: 'live', FunctionVersion: '1' }));

    const arn = `arn:aws:lambda:us-east-1:${hearth.credential.account}:function:many`;
    for (const [name, qualifier, expected, invokedArn] of [
      ['many', undefined, ['two', '$LATEST'], arn],
      ['many', '1', ['one', '1'], `${arn}:1`],
      ['many:2', undefined, ['two', '2'], `${arn}:2`],
      ['many', 'live', ['one', '1'], `${arn}:live`],
      [`${hearth.credential.account}:function:many`, 'live', ['one', '1'], `${arn}:live`],
      [`${arn}:live`, undefined, ['one', '1'], `${arn}:live`],
    ] as const) {
      const answer = await hearth.invoke(name, {}, qualifier === undefined ? {} : { Qualifier: qualifier });
      assert.deepEqual(JSON.parse(answer.payload), [...expected, invokedArn], `${name} ${qualifier}`);
      assert.equal(answer.executedVersion, expected[1]);
    }
    await client.send(new UpdateAliasCommand({ FunctionName: 'many', Name: 'live', FunctionVersion: '2' }));
    assert.equal((await hearth.invoke('many:live')).executedVersion, '2');
  });

  it('holds reserved concurrency', async () => {
    const client = hearth.lambda();
    await hearth.create(
      'reserved',
      ownNode,
      'index.handler',
      {
        'index.mjs':
          'export const handler = (event) => new Promise((resolve) => setTimeout(() => resolve(1), event.ms ?? 0));',
      },
      { Timeout: 30 },
    );
    const reserve = (count: number) =>
      client.send(new PutFunctionConcurrencyCommand({ FunctionName: 'reserved', ReservedConcurrentExecutions: count }));
    await reserve(0);
    await assert.rejects(hearth.invoke('reserved'), {
      name: 'TooManyRequestsException',
      Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      message: 'Rate Exceeded.',
    });
    await reserve(2);
    const got = await client.send(new GetFunctionConcurrencyCommand({ FunctionName: 'reserved' }));
    assert.equal(got.ReservedConcurrentExecutions, 2);
    const answers = await Promise.allSettled(Array.from({ length: 4 }, () => hearth.invoke('reserved', { ms: 2_000 })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), ['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    await assert.rejects(reserve(901), { name: 'InvalidParameterValueException' });
    await client.send(new DeleteFunctionConcurrencyCommand({ FunctionName: 'reserved' }));
    assert.equal((await hearth.invoke('reserved')).payload, '1');
  });
});
