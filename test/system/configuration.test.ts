import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CreateAliasCommand,
  CreateCodeSigningConfigCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCodeSigningConfigCommand,
  GetFunctionEventInvokeConfigCommand,
  GetFunctionRecursionConfigCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  ListTagsCommand,
  PublishVersionCommand,
  PutFunctionEventInvokeConfigCommand,
  PutFunctionRecursionConfigCommand,
  PutProvisionedConcurrencyConfigCommand,
  TagResourceCommand,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode } from './hearth.js';
import { zip } from './zip.js';

const version = {
  'index.mjs': 'export const handler = async () => process.env.AWS_LAMBDA_FUNCTION_VERSION;',
};

describe('what is configured beside functions', () => {
  let hearth: Hearth;
  const arn = (rest: string) => `arn:aws:lambda:us-east-1:123456789012:function:${rest}`;

  before(async () => {
    hearth = await Hearth.start('--spares', '0');
    await hearth.create('routed', ownNode, 'index.handler', version, { Publish: true });
  });
  after(() => hearth.remove());

  it('an alias with weights runs both versions, and says which', async () => {
    const client = hearth.lambda();
    const changed = { FunctionName: 'routed', Timeout: 5 };
    await client.send(new UpdateFunctionConfigurationCommand(changed));
    await eventually(
      async () => (await client.send(new PublishVersionCommand({ FunctionName: 'routed' })).catch(() => null)) !== null,
      'the second version',
    );
    const live = { FunctionName: 'routed', Name: 'live' };
    const routing = { RoutingConfig: { AdditionalVersionWeights: { 2: 0.5 } } };
    await client.send(new CreateAliasCommand({ ...live, FunctionVersion: '1', ...routing }));
    const invoke = async () => {
      const { ExecutedVersion, Payload } = await client.send(
        new InvokeCommand({ FunctionName: 'routed', Qualifier: 'live' }),
      );
      assert.equal(JSON.parse(Buffer.from(Payload!).toString()), ExecutedVersion, 'what ran is what is said');
      return ExecutedVersion;
    };
    const seen = new Set<string | undefined>();
    // By chance alone one of the two would be missing once in 10^18 runs.
    for (let i = 0; i < 60; i++) seen.add(await invoke());
    assert.deepEqual([...seen].sort(), ['1', '2']);
    await client.send(new UpdateAliasCommand({ ...live, RoutingConfig: { AdditionalVersionWeights: { 2: 1 } } }));
    for (let i = 0; i < 5; i++) assert.equal(await invoke(), '2');
    await client.send(new UpdateAliasCommand({ ...live, RoutingConfig: { AdditionalVersionWeights: {} } }));
    for (let i = 0; i < 5; i++) assert.equal(await invoke(), '1');
    await assert.rejects(
      client.send(new UpdateAliasCommand({ ...live, RoutingConfig: { AdditionalVersionWeights: { 2: 1.5 } } })),
      { name: 'ValidationException' },
    );
  });

  it('configurations survive a restart, and go with their function', async () => {
    const client = hearth.lambda();
    const named = { FunctionName: 'routed' };
    await client.send(
      new PutFunctionEventInvokeConfigCommand({
        ...named,
        MaximumRetryAttempts: 1,
        DestinationConfig: { OnFailure: { Destination: 'arn:aws:sqs:us-east-1:123456789012:q' } },
      }),
    );
    const provisioned = { ...named, Qualifier: '1' };
    const started = await client.send(
      new PutProvisionedConcurrencyConfigCommand({ ...provisioned, ProvisionedConcurrentExecutions: 3 }),
    );
    assert.deepEqual([started.Status, started.AllocatedProvisionedConcurrentExecutions], ['IN_PROGRESS', 0]);
    await client.send(new PutFunctionRecursionConfigCommand({ ...named, RecursiveLoop: 'Allow' }));
    await client.send(new TagResourceCommand({ Resource: arn('routed'), Tags: { team: 'a' } }));
    await hearth.stop('SIGKILL');
    await hearth.start();
    const again = hearth.lambda();
    const invoke = await again.send(new GetFunctionEventInvokeConfigCommand(named));
    assert.equal(invoke.MaximumRetryAttempts, 1);
    assert.equal(invoke.DestinationConfig?.OnFailure?.Destination, 'arn:aws:sqs:us-east-1:123456789012:q');
    assert.ok(Math.abs(invoke.LastModified!.getTime() - Date.now()) < 600_000);
    const isReady = async () => {
      const now = await again.send(new GetProvisionedConcurrencyConfigCommand(provisioned));
      assert.equal(now.RequestedProvisionedConcurrentExecutions, 3);
      return now.Status === 'READY';
    };
    await eventually(isReady, 'the provisioned sandboxes', 120_000);
    assert.equal((await again.send(new GetFunctionRecursionConfigCommand(named))).RecursiveLoop, 'Allow');
    assert.deepEqual((await again.send(new ListTagsCommand({ Resource: arn('routed') }))).Tags, { team: 'a' });
    await again.send(new DeleteFunctionCommand(named));
    await hearth.create('routed', ownNode, 'index.handler', version, { Publish: true });
    await assert.rejects(again.send(new GetFunctionEventInvokeConfigCommand(named)), {
      name: 'ResourceNotFoundException',
      message: `The function ${arn('routed:$LATEST')} doesn't have an EventInvokeConfig`,
    });
    await assert.rejects(again.send(new GetProvisionedConcurrencyConfigCommand(provisioned)), {
      name: 'ProvisionedConcurrencyConfigNotFoundException',
    });
  });

  it('code signing refuses what it cannot verify, and says so', async () => {
    const client = hearth.lambda();
    const made = await client.send(
      new CreateCodeSigningConfigCommand({
        AllowedPublishers: {
          SigningProfileVersionArns: ['arn:aws:signer:us-east-1:123456789012:/signing-profiles/p/abcdefghij'],
        },
        CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
        Tags: { team: 'a' },
      }),
    );
    const configuration = made.CodeSigningConfig!.CodeSigningConfigArn!;
    const create = new CreateFunctionCommand({
      FunctionName: 'signed',
      Runtime: ownNode,
      Handler: 'index.handler',
      Role: 'arn:aws:iam::123456789012:role/test',
      Code: { ZipFile: await zip(version) },
      CodeSigningConfigArn: configuration,
    });
    await assert.rejects(client.send(create), {
      name: 'CodeVerificationFailedException',
      message: `Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not configured to accept. Check the provided signature for ${arn('signed')}.`,
    });
    const unsigned = await client.send(new GetFunctionCodeSigningConfigCommand({ FunctionName: 'routed' }));
    assert.equal(unsigned.CodeSigningConfigArn, undefined);
    const tags = await client.send(new ListTagsCommand({ Resource: configuration }));
    assert.deepEqual(tags.Tags, { team: 'a' });
  });

  it('the AWS CLI puts, lists and deletes', async () => {
    const put = await hearth.aws(
      ...['lambda', 'put-function-event-invoke-config', '--function-name', 'routed', '--qualifier', '1'],
      ...['--maximum-event-age-in-seconds', '3600'],
    );
    assert.equal(JSON.parse(put.stdout).FunctionArn, arn('routed:1'), put.stderr);
    const [list, wrong, tagged] = await Promise.all([
      hearth.aws('lambda', 'list-function-event-invoke-configs', '--function-name', 'routed'),
      hearth.aws(
        ...['lambda', 'put-provisioned-concurrency-config', '--function-name', 'routed', '--qualifier', '$LATEST'],
        ...['--provisioned-concurrent-executions', '1'],
      ),
      hearth.aws('lambda', 'tag-resource', '--resource', arn('routed'), '--tags', 'aws:x=1'),
    ]);
    const configs = JSON.parse(list.stdout).FunctionEventInvokeConfigs;
    assert.deepEqual(
      configs.map((one: { MaximumEventAgeInSeconds: number }) => one.MaximumEventAgeInSeconds),
      [3_600],
    );
    assert.match(wrong.stderr, /InvalidParameterValueException.*cannot be applied to unpublished function versions/);
    assert.match(tagged.stderr, /InvalidParameterValueException.*aws: prefixed tag key names are not allowed/);
  });
});
