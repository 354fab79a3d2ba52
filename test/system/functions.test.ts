import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetAccountSettingsCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  ListFunctionsCommand,
  paginateListFunctions,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { Hearth, ownNode } from './hearth.js';
import { zip } from './zip.js';

const role = 'arn:aws:iam::123456789012:role/test';
const waiter = { maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
const says = (text: string) => `export const handler = async () => ${JSON.stringify(text)};`;

describe('the life of a function, through the official SDK', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start();
  });
  after(() => hearth.remove());

  it('creates: Pending, then Active, and every field that clients read', async () => {
    const client = hearth.lambda();
    const ZipFile = await zip({ 'index.mjs': says('one') });
    const created = await client.send(
      new CreateFunctionCommand({
        FunctionName: 'life',
        Runtime: ownNode,
        Handler: 'index.handler',
        Role: role,
        Code: { ZipFile },
        Description: 'a life',
        Environment: { Variables: { GREETING: 'hi' } },
      }),
    );
    assert.equal(created.$metadata.httpStatusCode, 201);
    assert.equal(created.State, 'Pending');
    assert.equal(created.StateReasonCode, 'Creating');
    assert.equal(created.StateReason, 'The function is being created.');
    assert.equal(created.LastUpdateStatus, undefined);
    assert.equal(created.FunctionArn, `arn:aws:lambda:us-east-1:${hearth.credential.account}:function:life`);
    assert.equal(created.CodeSha256, createHash('sha256').update(ZipFile).digest('base64'));
    assert.equal(created.CodeSize, ZipFile.length);
    assert.equal(created.Version, '$LATEST');
    assert.equal(created.Timeout, 3);
    assert.equal(created.MemorySize, 128);
    assert.equal(created.EphemeralStorage?.Size, 512);
    assert.equal(created.PackageType, 'Zip');
    assert.deepEqual(created.Architectures, ['x86_64']);
    assert.deepEqual(created.SnapStart, { ApplyOn: 'None', OptimizationStatus: 'Off' });
    assert.deepEqual(created.LoggingConfig, { LogFormat: 'Text', LogGroup: '/aws/lambda/life' });
    assert.match(created.LastModified ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);

    await waitUntilFunctionActiveV2({ client, ...waiter }, { FunctionName: 'life' });
    const active = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'life' }));
    assert.equal(active.State, 'Active');
    assert.equal(active.LastUpdateStatus, 'Successful');
    assert.notEqual(active.RevisionId, created.RevisionId);
    assert.equal((await hearth.invoke('life')).payload, '"one"');

    const got = await client.send(new GetFunctionCommand({ FunctionName: 'life' }));
    assert.equal(got.Code?.RepositoryType, 'S3');
    const download = await fetch(got.Code?.Location ?? '');
    assert.deepEqual(Buffer.from(await download.arrayBuffer()), ZipFile);
  });

  it('refuses a second function of the same name and changes nothing', async () => {
    const client = hearth.lambda();
    const again = client.send(
      new CreateFunctionCommand({
        FunctionName: 'life',
        Runtime: ownNode,
        Handler: 'index.handler',
        Role: role,
        Code: { ZipFile: await zip({ 'index.mjs': says('two') }) },
      }),
    );
    await assert.rejects(again, { name: 'ResourceConflictException', message: 'Function already exist: life' });
    assert.equal((await hearth.invoke('life')).payload, '"one"');
  });

  it('updates code: new invocations get the new code, RevisionId is a precondition', async () => {
    const client = hearth.lambda();
    const ZipFile = await zip({ 'index.mjs': says('two') });
    const stale = client.send(new UpdateFunctionCodeCommand({ FunctionName: 'life', ZipFile, RevisionId: 'x' }));
    await assert.rejects(stale, { name: 'PreconditionFailedException' });
    const { RevisionId } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'life' }));
    const updated = await client.send(
      new UpdateFunctionCodeCommand({ FunctionName: 'life', ZipFile, ...(RevisionId ? { RevisionId } : {}) }),
    );
    assert.equal(updated.LastUpdateStatus, 'InProgress');
    assert.notEqual(updated.RevisionId, RevisionId);
    await waitUntilFunctionUpdatedV2({ client, ...waiter }, { FunctionName: 'life' });
    assert.equal((await hearth.invoke('life')).payload, '"two"');
  });

  it('updates configuration: the environment of the next invocation', async () => {
    const client = hearth.lambda();
    await hearth.create(
      'env',
      ownNode,
      'index.handler',
      {
        'index.mjs':
          'export const handler = async () => ({ a: process.env.VAR_A, b: process.env.VAR_B, m: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE });',
      },
      { Environment: { Variables: { VAR_A: '1' } } },
    );
    assert.equal((await hearth.invoke('env')).payload, '{"a":"1","m":"512"}');
    await client.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: 'env',
        Environment: { Variables: { VAR_B: '2' } },
        MemorySize: 256,
      }),
    );
    await waitUntilFunctionUpdatedV2({ client, ...waiter }, { FunctionName: 'env' });
    assert.equal((await hearth.invoke('env')).payload, '{"b":"2","m":"256"}');
  });

  it('lists in pages', async () => {
    const client = hearth.lambda();
    for (const name of ['list-a', 'list-b', 'list-c']) {
      await hearth.create(name, ownNode, 'index.handler', { 'index.mjs': says(name) });
    }
    const first = await client.send(new ListFunctionsCommand({ MaxItems: 2 }));
    assert.equal(first.Functions?.length, 2);
    assert.ok(first.NextMarker);
    const names: (string | undefined)[] = [];
    for await (const page of paginateListFunctions({ client, pageSize: 2 }, {})) {
      names.push(...(page.Functions ?? []).map((one) => one.FunctionName));
    }
    assert.deepEqual([...names].sort(), ['env', 'life', 'list-a', 'list-b', 'list-c']);
  });

  it('counts code and functions in the account settings', async () => {
    const settings = await hearth.lambda().send(new GetAccountSettingsCommand({}));
    assert.equal(settings.AccountLimit?.ConcurrentExecutions, 1_000);
    assert.equal(settings.AccountUsage?.FunctionCount, 5);
    assert.ok((settings.AccountUsage?.TotalCodeSize ?? 0) > 0);
  });

  it('deletes; afterwards the function is not found', async () => {
    const client = hearth.lambda();
    const deleted = await client.send(new DeleteFunctionCommand({ FunctionName: 'life' }));
    assert.ok([200, 204].includes(deleted.$metadata.httpStatusCode ?? 0));
    const arn = `arn:aws:lambda:us-east-1:${hearth.credential.account}:function:life`;
    await assert.rejects(client.send(new GetFunctionCommand({ FunctionName: 'life' })), {
      name: 'ResourceNotFoundException',
      message: `Function not found: ${arn}`,
    });
    await assert.rejects(hearth.invoke('life'), { name: 'ResourceNotFoundException' });
  });
});
