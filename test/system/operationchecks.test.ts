import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionUrlConfigCommand,
  DeleteAliasCommand,
  DeleteFunctionCodeSigningConfigCommand,
  DeleteFunctionCommand,
  DeleteLayerVersionCommand,
  GetFunctionCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  LambdaServiceException,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  UntagResourceCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { attachedRefusals } from './attachedrefusals.js';
import { functionRefusals } from './functionrefusals.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { arn, create, f, role } from './refusal.js';
import { zip } from './zip.js';

// biome-ignore lint/suspicious/noExplicitAny: answers of many commands, each looked at by name
type Answer = Record<string, any>;
type Command = Parameters<ReturnType<Hearth['lambda']>['send']>[0];

/**
 * What the service was recorded to answer, in public test suites that compare emulators with it (their recordings of
 * 2023 to 2025). Regular expressions of the model have changed since: where one is in a text, only its beginning counts.
 */
describe('checks, texts and defaults of the operations, as recorded from the service', () => {
  let hearth: Hearth;
  let code: Buffer;
  const send = <C>(command: C) => hearth.lambda().send(command as Command) as Promise<Answer>;
  const settled = (FunctionName: string, Qualifier?: string) =>
    eventually(async () => {
      const query = Qualifier === undefined ? { FunctionName } : { FunctionName, Qualifier };
      const now = await send(new GetFunctionConfigurationCommand(query));
      return now.State !== 'Pending' && now.LastUpdateStatus !== 'InProgress' ? now : null;
    }, `${FunctionName} to settle`);

  before(async () => {
    hearth = await Hearth.start('--spares', '0');
    code = await zip({ 'index.mjs': 'export const handler = async () => 1;' });
    await hearth.create('f', ownNode, 'index.handler', {}, { Code: { ZipFile: code } });
    await send(new PublishVersionCommand({ FunctionName: 'f' }));
    await send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', Timeout: 5 }));
    await settled('f');
    await send(new PublishVersionCommand({ FunctionName: 'f' }));
    await send(new CreateAliasCommand({ FunctionName: 'f', Name: 'live', FunctionVersion: '1' }));
    await send(new CreateFunctionUrlConfigCommand({ FunctionName: 'f', AuthType: 'NONE' }));
    const allow = { Action: 'lambda:InvokeFunction', Principal: 's3.amazonaws.com' };
    await send(new AddPermissionCommand({ FunctionName: 'f', StatementId: 's3', ...allow }));
  });
  after(() => hearth.remove());

  const weights = (AdditionalVersionWeights: Record<string, number>) => ({
    RoutingConfig: { AdditionalVersionWeights },
  });

  for (const [what, command, name, status, message, type] of [...functionRefusals, ...attachedRefusals]) {
    it(what, async () => {
      const error = await send(command(code)).then(
        () => assert.fail('nothing was refused'),
        (cause: unknown) => cause,
      );
      assert.ok(error instanceof LambdaServiceException, String(error));
      assert.deepEqual([error.name, error.$metadata.httpStatusCode], [name, status], error.message);
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
      assert.equal((error as { Type?: string }).Type, type === null ? undefined : 'User');
    });
  }

  it('what is not there is deleted all the same', async () => {
    for (const command of [
      new DeleteFunctionCommand({ ...f, Qualifier: '1233' }),
      new DeleteAliasCommand({ ...f, Name: 'non-existent' }),
      new DeleteLayerVersionCommand({ LayerName: 'l', VersionNumber: 1 }),
      new UntagResourceCommand({ Resource: arn('f'), TagKeys: ['none'] }),
      new DeleteFunctionCodeSigningConfigCommand(f),
    ]) {
      assert.equal((await send(command)).$metadata.httpStatusCode, 204, command.constructor.name);
    }
  });

  it('defaults: what a new function answers, and what it does not', async () => {
    const named = { FunctionName: 'plain' };
    const { $metadata, ...made } = await send(create(code, { ...named, Publish: true }));
    assert.equal($metadata.httpStatusCode, 201);
    const { RevisionId, LastModified, CodeSha256, RuntimeVersionConfig, ...rest } = made;
    assert.match(LastModified, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
    assert.match(RuntimeVersionConfig.RuntimeVersionArn, /^arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}$/);
    const settings = {
      FunctionName: 'plain',
      Runtime: ownNode,
      Role: role,
      Handler: 'index.handler',
      CodeSize: code.length,
      Description: '',
      Timeout: 3,
      MemorySize: 128,
      TracingConfig: { Mode: 'PassThrough' },
      PackageType: 'Zip',
      Architectures: ['x86_64'],
      EphemeralStorage: { Size: 512 },
      SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
      LoggingConfig: { LogFormat: 'Text', LogGroup: '/aws/lambda/plain' },
    };
    // Version 1 is answered, under the function's own ARN.
    assert.deepEqual(rest, {
      ...settings,
      FunctionArn: arn('plain'),
      Version: '1',
      State: 'Pending',
      StateReason: 'The function is being created.',
      StateReasonCode: 'Creating',
    });
    await settled('plain');
    const { $metadata: _, ...one } = await settled('plain', '1');
    assert.notEqual(one.RevisionId, RevisionId);
    const lasting = { ...settings, FunctionArn: arn('plain:1'), Version: '1', CodeSha256, LastModified };
    const now = { RuntimeVersionConfig, State: 'Active', LastUpdateStatus: 'Successful' };
    assert.deepEqual(one, { ...lasting, ...now, RevisionId: one.RevisionId });
    const { Versions } = await send(new ListVersionsByFunctionCommand(named));
    assert.deepEqual(Versions[1], { ...lasting, RevisionId: one.RevisionId }, 'lists have no states');
    assert.equal(Versions[0].FunctionArn, arn('plain:$LATEST'));
    const { Configuration, Tags, Concurrency, Code } = await send(
      new GetFunctionCommand({ ...named, Qualifier: '$LATEST' }),
    );
    assert.equal(Configuration.FunctionArn, arn('plain:$LATEST'));
    assert.deepEqual([Tags, Concurrency, Code.RepositoryType], [undefined, undefined, 'S3']);
    const concurrency = await send(new GetFunctionConcurrencyCommand(named));
    assert.equal(concurrency.ReservedConcurrentExecutions, undefined);
  });

  it('an environment that was given as empty is answered as empty', async () => {
    const made = await send(create(code, { FunctionName: 'empty', Environment: { Variables: {} } }));
    assert.deepEqual(made.Environment, { Variables: {} });
    assert.deepEqual((await settled('empty')).Environment, { Variables: {} });
  });

  it('revisions: of each change, of its completion, and of $LATEST when a version is published', async () => {
    const named = { FunctionName: 'revised' };
    const seen = new Set<string>();
    const fresh = (revisionId: string) => {
      assert.ok(!seen.has(revisionId));
      seen.add(revisionId);
    };
    fresh((await send(create(code, named))).RevisionId);
    fresh((await settled('revised')).RevisionId);
    const updated = await send(new UpdateFunctionConfigurationCommand({ ...named, Description: 'x' }));
    assert.deepEqual(
      [updated.State, updated.LastUpdateStatus, updated.LastUpdateStatusReason, updated.LastUpdateStatusReasonCode],
      ['Active', 'InProgress', 'The function is being created.', 'Creating'],
    );
    fresh(updated.RevisionId);
    const before = await settled('revised');
    fresh(before.RevisionId);
    const { RevisionId } = before;
    const one = await send(new PublishVersionCommand({ ...named, RevisionId }));
    assert.deepEqual([one.$metadata.httpStatusCode, one.Version, one.FunctionArn], [201, '1', arn('revised:1')]);
    fresh(one.RevisionId);
    const after = await settled('revised');
    fresh(after.RevisionId);
    const again = await send(new PublishVersionCommand(named));
    assert.deepEqual([again.Version, again.RevisionId], ['1', one.RevisionId], 'nothing changed: the same version');
    assert.equal((await settled('revised')).RevisionId, after.RevisionId);
    const two = await send(
      new UpdateFunctionCodeCommand({
        ...named,
        ZipFile: await zip({ 'index.mjs': 'export const handler = 2;' }),
        Publish: true,
      }),
    );
    assert.deepEqual(
      [two.$metadata.httpStatusCode, two.Version, two.FunctionArn, two.State, two.LastUpdateStatus],
      [200, '2', arn('revised:2'), 'Pending', undefined],
    );
    await settled('revised', '2');
  });

  it('aliases have a description, and a routing only where there is one', async () => {
    const made = await send(new CreateAliasCommand({ ...f, Name: '2024-01-02', FunctionVersion: '1', ...weights({}) }));
    const { $metadata, RevisionId, ...rest } = made;
    assert.equal($metadata.httpStatusCode, 201);
    assert.deepEqual(rest, {
      AliasArn: arn('f:2024-01-02'),
      Description: '',
      FunctionVersion: '1',
      Name: '2024-01-02',
    });
    const changed = await send(
      new UpdateAliasCommand({ ...f, Name: '2024-01-02', RevisionId, Description: 'd', ...weights({ 2: 0.5 }) }),
    );
    assert.notEqual(changed.RevisionId, RevisionId);
    assert.deepEqual(changed.RoutingConfig, { AdditionalVersionWeights: { 2: 0.5 } });
  });
});
