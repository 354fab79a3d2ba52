import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  CreateFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type InvokeCommandInput,
  InvokeWithResponseStreamCommand,
  LambdaServiceException,
  PublishLayerVersionCommand,
  PutFunctionConcurrencyCommand,
  type Runtime,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { cleanEnvironment } from './childprocess.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { zip } from './zip.js';

const role = 'arn:aws:iam::123456789012:role/test';
const arn = (rest: string) => `arn:aws:lambda:us-east-1:123456789012:function:${rest}`;
const says = (text: string) => ({ 'index.mjs': `export const handler = async () => ${JSON.stringify(text)};` });

interface Refusal {
  readonly name: string;
  readonly status: number | undefined;
  readonly message: string;
  readonly error: Record<string, unknown>;
}

async function refusal(sent: Promise<unknown>): Promise<Refusal> {
  try {
    await sent;
  } catch (error) {
    assert.ok(error instanceof LambdaServiceException, String(error));
    const { name, message, $metadata } = error;
    assert.match($metadata.requestId ?? '', /^[0-9a-f-]{36}$/);
    return { name, status: $metadata.httpStatusCode, message, error: error as unknown as Record<string, unknown> };
  }
  return assert.fail('nothing was refused');
}

/** Every error of the model's Invoke that can arise here; docs/limitations.md lists the others with their reasons. */
describe('errors of Invoke, through the official SDK', () => {
  let hearth: Hearth;
  const codes = new Map<string, string>();

  before(async () => {
    hearth = await Hearth.start('--spares', '0');
    await hearth.create('f', ownNode, 'index.handler', says('f'));
  });
  after(() => hearth.remove());

  const invoke = (input: Partial<InvokeCommandInput> = {}) =>
    hearth.lambda().send(new InvokeCommand({ FunctionName: 'f', ...input }));

  const cases: readonly (readonly [
    what: string,
    input: Partial<InvokeCommandInput>,
    name: string,
    status: number,
    message: string | RegExp,
  ])[] = [
    [
      'no such function',
      { FunctionName: 'nobody' },
      'ResourceNotFoundException',
      404,
      `Function not found: ${arn('nobody:$LATEST')}`,
    ],
    ['no such version', { Qualifier: '9' }, 'ResourceNotFoundException', 404, `Function not found: ${arn('f:9')}`],
    [
      'another region',
      { FunctionName: 'arn:aws:lambda:eu-west-1:123456789012:function:f' },
      'ResourceNotFoundException',
      404,
      "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    ],
    [
      'two qualifiers',
      { FunctionName: 'f:1', Qualifier: '2' },
      'InvalidParameterValueException',
      400,
      'The derived qualifier from the function name does not match the specified qualifier.',
    ],
    [
      'a tenant',
      { TenantId: 'blue' },
      'InvalidParameterValueException',
      400,
      'The invoked function is not enabled with tenancy configuration.',
    ],
    [
      'a durable execution',
      { DurableExecutionName: 'once' },
      'InvalidParameterValueException',
      400,
      'The invoked function is not enabled with durable execution configuration.',
    ],
    [
      'the latest published version',
      { Qualifier: '$LATEST.PUBLISHED' },
      'NoPublishedVersionException',
      400,
      'The function has no published versions available.',
    ],
    [
      'no JSON',
      { Payload: '{"a":' },
      'InvalidRequestContentException',
      400,
      /^Could not parse request body into json: /,
    ],
    [
      'no client context',
      { ClientContext: 'e30' + '!' },
      'InvalidRequestContentException',
      400,
      'Client context must be a valid Base64-encoded JSON object.',
    ],
    [
      'more than 6 MiB',
      { Payload: Buffer.alloc(6 * 2 ** 20 + 1, '1') },
      'RequestEntityTooLargeException',
      413,
      'Request must be smaller than 6291456 bytes for the InvokeFunction operation',
    ],
    [
      'an event of more than 1 MiB',
      { Payload: Buffer.alloc(2 ** 20 + 1, '1'), InvocationType: 'Event' },
      'RequestEntityTooLargeException',
      413,
      '1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)',
    ],
    [
      'several wrong values',
      { FunctionName: 'f', InvocationType: 'Sometime' as never, LogType: 'Head' as never },
      'ValidationException',
      400,
      /^2 validation errors detected: Value 'Sometime' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: \[.*\]; Value 'Head' at 'logType' failed/,
    ],
  ];

  for (const [what, input, name, status, message] of cases) {
    it(`${name}: ${what}`, async () => {
      const refused = await refusal(invoke(input));
      assert.deepEqual([refused.name, refused.status], [name, status]);
      if (typeof message === 'string') assert.equal(refused.message, message);
      else assert.match(refused.message, message);
    });
  }

  it('checks in the order authentication, values, existence, content', async () => {
    const nobody = { FunctionName: 'nobody' };
    const wrongKey = hearth.lambda({ ...hearth.credential, secretAccessKey: 'wrong' });
    const values = { ...nobody, LogType: 'Head' as never };
    assert.equal((await refusal(wrongKey.send(new InvokeCommand(values)))).name, 'InvalidSignatureException');
    assert.equal((await refusal(invoke(values))).name, 'ValidationException');
    assert.equal((await refusal(invoke({ ...nobody, Payload: '{' }))).name, 'ResourceNotFoundException');
    assert.equal((await refusal(invoke({ Payload: '{' }))).name, 'InvalidRequestContentException');
  });

  it('a streamed invocation is refused with the same errors', async () => {
    const stream = (FunctionName: string, more = {}) =>
      refusal(hearth.lambda().send(new InvokeWithResponseStreamCommand({ FunctionName, ...more })));
    assert.equal((await stream('nobody')).name, 'ResourceNotFoundException');
    assert.equal((await stream('f', { Payload: '{' })).name, 'InvalidRequestContentException');
    assert.equal((await stream('f', { TenantId: 'blue' })).name, 'InvalidParameterValueException');
    assert.match((await stream('f', { InvocationType: 'Event' })).message, /'invocationType' failed to satisfy/);
  });

  it('UnsupportedMediaTypeException: a payload that says it is no JSON', async () => {
    const client = hearth.lambda();
    let contentType = 'text/html';
    client.middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers['content-type'] = contentType;
        return next(args);
      },
      { step: 'build', priority: 'low' },
    );
    const send = () => client.send(new InvokeCommand({ FunctionName: 'f', Payload: '{}' }));
    const refused = await refusal(send());
    assert.deepEqual(
      [refused.name, refused.status, refused.error.Type],
      ['UnsupportedMediaTypeException', 415, 'User'],
    );
    assert.equal(refused.message, 'Unsupported content type: text/html');
    contentType = 'application/x-www-form-urlencoded';
    assert.equal((await send()).StatusCode, 200, 'what curl says');
  });

  it('TooManyRequestsException says why, and when to come again', async () => {
    const client = hearth.lambda();
    await client.send(new PutFunctionConcurrencyCommand({ FunctionName: 'f', ReservedConcurrentExecutions: 0 }));
    const { name, status, message, error } = await refusal(invoke());
    assert.deepEqual([name, status, message], ['TooManyRequestsException', 429, 'Rate Exceeded.']);
    assert.deepEqual(
      [error.Type, error.Reason, error.retryAfterSeconds],
      ['User', 'ReservedFunctionConcurrentInvocationLimitExceeded', '1'],
    );
    await client.send(new DeleteFunctionConcurrencyCommand({ FunctionName: 'f' }));
    assert.equal((await invoke()).StatusCode, 200);
  });

  it('ResourceConflictException: a function that could not be created', async (context) => {
    // In the environment of the platform, whose home folder may have runtimes.
    const command = [
      join(projectRoot, 'bin', 'hearth'),
      'runtimes',
      'list',
      '--json',
      '--data',
      hearth.folder,
    ] as const;
    const stdout = execFileSync(command[0], command.slice(1), { env: cleanEnvironment(), encoding: 'utf8' });
    const runtimes = JSON.parse(stdout) as { name: string; status: string }[];
    const missing = runtimes.find(({ status }) => status === 'missing')?.name;
    if (missing === undefined) return context.skip('this machine has every runtime');
    const client = hearth.lambda();
    const made = await client.send(
      new CreateFunctionCommand({
        FunctionName: 'failed',
        Runtime: missing as Runtime,
        Handler: 'index.handler',
        Role: role,
        Code: { ZipFile: await zip(says('never')) },
      }),
    );
    assert.equal(made.State, 'Pending');
    const state = async () => {
      const now = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'failed' }));
      return now.State === 'Pending' ? null : now;
    };
    const failed = await eventually(state, 'the function to fail');
    assert.deepEqual([failed.State, failed.StateReasonCode], ['Failed', 'InvalidRuntime']);
    const refused = await refusal(invoke({ FunctionName: 'failed' }));
    assert.deepEqual([refused.name, refused.status, refused.error.Type], ['ResourceConflictException', 409, 'User']);
    assert.equal(
      refused.message,
      'The operation cannot be performed at this time. The function is currently in the following state: Failed',
    );
    // The same for an update: it fails, and the function runs on as it did.
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', Runtime: missing as Runtime }));
    const update = async () => {
      const now = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'f' }));
      return now.LastUpdateStatus === 'InProgress' ? null : now;
    };
    const updated = await eventually(update, 'the update to fail');
    assert.deepEqual(
      [updated.State, updated.LastUpdateStatus, updated.LastUpdateStatusReasonCode],
      ['Active', 'Failed', 'InvalidRuntime'],
    );
    assert.equal(Buffer.from((await invoke()).Payload ?? []).toString(), '"f"');
    return undefined;
  });

  it('InvalidZipFileException and ServiceException: code or layer that is gone from the disk', async () => {
    const client = hearth.lambda();
    const create = async (name: string, more = {}) => {
      const ZipFile = await zip(says(name));
      codes.set(name, createHash('sha256').update(ZipFile).digest('hex'));
      await hearth.create(name, ownNode, 'index.handler', {}, { Code: { ZipFile }, ...more });
    };
    await create('damaged');
    const ZipFile = await zip({ 'library.txt': 'x' });
    codes.set('layer', createHash('sha256').update(ZipFile).digest('hex'));
    const layer = await client.send(new PublishLayerVersionCommand({ LayerName: 'l', Content: { ZipFile } }));
    await create('layered', { Layers: [layer.LayerVersionArn ?? ''] });
    await hearth.stop();
    for (const name of ['damaged', 'layer']) {
      rmSync(join(hearth.folder, 'code', codes.get(name)!), { recursive: true, force: true });
    }
    rmSync(join(hearth.folder, 'blobs'), { recursive: true });
    rmSync(join(hearth.folder, 'layers'), { recursive: true, force: true });
    await hearth.start();
    const broken = await refusal(invoke({ FunctionName: 'damaged' }));
    assert.deepEqual([broken.name, broken.status, broken.error.Type], ['InvalidZipFileException', 502, 'Server']);
    assert.equal(broken.message, 'Lambda could not unzip the deployment package.');
    const internal = await refusal(invoke({ FunctionName: 'layered' }));
    assert.deepEqual([internal.name, internal.status, internal.error.Type], ['ServiceException', 500, 'Server']);
    assert.match(internal.message, /^The execution environment could not be started: /);
    assert.equal((await invoke()).StatusCode, 200, 'all others run');
  });
});
