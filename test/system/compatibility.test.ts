import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import * as sdk from '@aws-sdk/client-lambda';
import { type OperationName, operationNames } from '../../src/wire/lambda/operations.js';
import { promises } from '../spec/compatibility.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { zip } from './zip.js';

/** What an earlier answer of the walk said: ids, ARNs. */
type Memory = Record<string, string>;
type Answer = Record<string, unknown>;
type Call = readonly [OperationName, (memory: Memory) => object, ((answer: Answer, memory: Memory) => void)?];

const F = { FunctionName: 'walk' };
const role = 'arn:aws:iam::123456789012:role/walk';
const statement = { StatementId: 's', Action: 'lambda:InvokeFunction', Principal: '123456789012' };
const signer = 'arn:aws:signer:us-east-1:123456789012:/signing-profiles/p/0123456789';

/** A walk through all operations that work, in an order in which each can succeed. */
function policyOf(Resource: string | undefined): string {
  const Statement = [{ Effect: 'Allow', Principal: '*', Action: 'lambda:InvokeFunction', Resource }];
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

async function walk(): Promise<Call[]> {
  const code = await zip({ 'index.mjs': 'export const handler = async () => 1;' });
  const other = await zip({ 'index.mjs': 'export const handler = async () => 2;' });
  const Qualifier = 'live';
  const layer = { LayerName: 'walk-layer', VersionNumber: 1 };
  return [
    [
      'CreateFunction',
      () => ({ ...F, Runtime: ownNode, Role: role, Handler: 'index.handler', Code: { ZipFile: code } }),
    ],
    ['GetFunction', () => F],
    [
      'GetFunctionConfiguration',
      () => F,
      (answer, memory) => {
        memory.arn = String(answer.FunctionArn);
      },
    ],
    ['ListFunctions', () => ({})],
    ['GetAccountSettings', () => ({})],
    ['UpdateFunctionCode', () => ({ ...F, ZipFile: other })],
    ['UpdateFunctionConfiguration', () => ({ ...F, Timeout: 5 })],
    ['PublishVersion', () => F],
    ['ListVersionsByFunction', () => F],
    ['CreateAlias', () => ({ ...F, Name: Qualifier, FunctionVersion: '1' })],
    ['GetAlias', () => ({ ...F, Name: Qualifier })],
    ['UpdateAlias', () => ({ ...F, Name: Qualifier, Description: 'd' })],
    ['ListAliases', () => F],
    ['PutRuntimeManagementConfig', () => ({ ...F, UpdateRuntimeOn: 'FunctionUpdate' })],
    ['GetRuntimeManagementConfig', () => F],
    ['PutFunctionRecursionConfig', () => ({ ...F, RecursiveLoop: 'Allow' })],
    ['GetFunctionRecursionConfig', () => F],
    ['Invoke', () => F],
    ['InvokeAsync', () => ({ ...F, InvokeArgs: '{}' })],
    ['InvokeWithResponseStream', () => F],
    ['PutFunctionEventInvokeConfig', () => ({ ...F, MaximumRetryAttempts: 1 })],
    ['UpdateFunctionEventInvokeConfig', () => ({ ...F, MaximumEventAgeInSeconds: 60 })],
    ['GetFunctionEventInvokeConfig', () => F],
    ['ListFunctionEventInvokeConfigs', () => F],
    ['DeleteFunctionEventInvokeConfig', () => F],
    ['PutFunctionConcurrency', () => ({ ...F, ReservedConcurrentExecutions: 5 })],
    ['GetFunctionConcurrency', () => F],
    ['DeleteFunctionConcurrency', () => F],
    ['PutProvisionedConcurrencyConfig', () => ({ ...F, Qualifier, ProvisionedConcurrentExecutions: 1 })],
    ['GetProvisionedConcurrencyConfig', () => ({ ...F, Qualifier })],
    ['ListProvisionedConcurrencyConfigs', () => F],
    ['DeleteProvisionedConcurrencyConfig', () => ({ ...F, Qualifier })],
    ['AddPermission', () => ({ ...F, ...statement })],
    ['GetPolicy', () => F],
    ['GetResourcePolicy', ({ arn }) => ({ ResourceArn: arn })],
    ['RemovePermission', () => ({ ...F, StatementId: 's' })],
    ['PutResourcePolicy', ({ arn }) => ({ ResourceArn: arn, Policy: policyOf(arn) })],
    ['DeleteResourcePolicy', ({ arn }) => ({ ResourceArn: arn })],
    ['TagResource', ({ arn }) => ({ Resource: arn, Tags: { a: 'b' } })],
    ['ListTags', ({ arn }) => ({ Resource: arn })],
    ['UntagResource', ({ arn }) => ({ Resource: arn, TagKeys: ['a'] })],
    ['CreateFunctionUrlConfig', () => ({ ...F, AuthType: 'NONE' })],
    ['GetFunctionUrlConfig', () => F],
    ['UpdateFunctionUrlConfig', () => ({ ...F, AuthType: 'AWS_IAM' })],
    ['ListFunctionUrlConfigs', () => F],
    ['DeleteFunctionUrlConfig', () => F],
    [
      'PublishLayerVersion',
      () => ({ LayerName: 'walk-layer', Content: { ZipFile: code } }),
      (answer, memory) => {
        memory.layer = String(answer.LayerVersionArn);
      },
    ],
    ['GetLayerVersion', () => layer],
    ['GetLayerVersionByArn', ({ layer: arn }) => ({ Arn: arn })],
    ['ListLayerVersions', () => layer],
    ['ListLayers', () => ({})],
    [
      'AddLayerVersionPermission',
      () => ({ ...layer, StatementId: 's', Action: 'lambda:GetLayerVersion', Principal: '*' }),
    ],
    ['GetLayerVersionPolicy', () => layer],
    ['RemoveLayerVersionPermission', () => ({ ...layer, StatementId: 's' })],
    ['DeleteLayerVersion', () => layer],
    [
      'CreateEventSourceMapping',
      () => ({ ...F, EventSourceArn: 'arn:aws:sqs:us-east-1:123456789012:q', Enabled: false }),
      (answer, memory) => {
        memory.mapping = String(answer.UUID);
      },
    ],
    ['GetEventSourceMapping', ({ mapping }) => ({ UUID: mapping })],
    ['ListEventSourceMappings', () => F],
    ['UpdateEventSourceMapping', ({ mapping }) => ({ UUID: mapping, BatchSize: 5 })],
    ['DeleteEventSourceMapping', ({ mapping }) => ({ UUID: mapping })],
    [
      'CreateCodeSigningConfig',
      () => ({ AllowedPublishers: { SigningProfileVersionArns: [signer] } }),
      (answer, memory) => {
        memory.signing = String((answer.CodeSigningConfig as Answer).CodeSigningConfigArn);
      },
    ],
    ['GetCodeSigningConfig', ({ signing }) => ({ CodeSigningConfigArn: signing })],
    ['UpdateCodeSigningConfig', ({ signing }) => ({ CodeSigningConfigArn: signing, Description: 'd' })],
    ['ListCodeSigningConfigs', () => ({})],
    ['PutFunctionCodeSigningConfig', ({ signing }) => ({ ...F, CodeSigningConfigArn: signing })],
    ['GetFunctionCodeSigningConfig', () => F],
    ['ListFunctionsByCodeSigningConfig', ({ signing }) => ({ CodeSigningConfigArn: signing })],
    ['DeleteFunctionCodeSigningConfig', () => F],
    ['DeleteCodeSigningConfig', ({ signing }) => ({ CodeSigningConfigArn: signing })],
    ['ListCapacityProviders', () => ({})],
    ['GetFunctionScalingConfig', () => ({ ...F, Qualifier: '1' })],
    ['ListDurableExecutionsByFunction', () => ({ ...F, Qualifier: '1' })],
    ['DeleteAlias', () => ({ ...F, Name: Qualifier })],
    ['DeleteFunction', () => F],
  ];
}

const execution = {
  DurableExecutionArn: 'arn:aws:lambda:us-east-1:123456789012:function:walk:1/durable-execution/n/0',
};
const provider = { CapacityProviderName: 'p' };

/** Valid requests for the operations that are refused. */
const refusedCalls: Partial<Record<OperationName, object>> = {
  CreateCapacityProvider: {
    ...provider,
    VpcConfig: { SubnetIds: ['subnet-00000000'], SecurityGroupIds: ['sg-00000000'] },
    PermissionsConfig: { CapacityProviderOperatorRoleArn: role },
  },
  GetCapacityProvider: provider,
  UpdateCapacityProvider: provider,
  DeleteCapacityProvider: provider,
  ListFunctionVersionsByCapacityProvider: provider,
  PutFunctionScalingConfig: { FunctionName: 'none', Qualifier: '1' },
  GetDurableExecution: execution,
  GetDurableExecutionHistory: execution,
  GetDurableExecutionState: { ...execution, CheckpointToken: 'dG9rZW4=' },
  CheckpointDurableExecution: { ...execution, CheckpointToken: 'dG9rZW4=' },
  StopDurableExecution: execution,
  SendDurableExecutionCallbackSuccess: { CallbackId: 'aWQ=' },
  SendDurableExecutionCallbackFailure: { CallbackId: 'aWQ=' },
  SendDurableExecutionCallbackHeartbeat: { CallbackId: 'aWQ=' },
};

suite('docs/compatibility.md', () => {
  let hearth: Hearth;
  let client: sdk.LambdaClient;
  const call = async (operation: OperationName, input: object): Promise<Answer> => {
    const Command = (sdk as unknown as Record<string, new (input: object) => never>)[`${operation}Command`]!;
    return (await client.send(new Command(input))) as unknown as Answer;
  };
  before(async () => {
    hearth = await Hearth.start();
    client = hearth.lambda();
  });
  after(() => hearth.remove());

  test('what works, whole or in part, succeeds', async () => {
    const memory: Memory = {};
    const succeeded = new Set<OperationName>();
    // A change while the one before takes effect is refused, here as there.
    const settled = async () => {
      const now = await client.send(new sdk.GetFunctionConfigurationCommand(F)).catch(() => null);
      return now === null || (now.State === 'Active' && now.LastUpdateStatus === 'Successful');
    };
    for (const [operation, input, learn] of await walk()) {
      const answer = await call(operation, input(memory)).catch((error: Error) =>
        assert.fail(`${operation}: ${error.name}: ${error.message}`),
      );
      learn?.(answer, memory);
      succeeded.add(operation);
      if (/^(Create|Update)Function/.test(operation)) await eventually(settled, `${operation} to take effect`);
    }
    const promised = operationNames.filter((name) => promises.get(name)!.state !== 'refused');
    assert.deepEqual([...succeeded].sort(), [...promised].sort());
  });

  test('what is refused says so with an error that clients do not repeat', async () => {
    const refused = operationNames.filter((name) => promises.get(name)!.state === 'refused');
    assert.deepEqual(Object.keys(refusedCalls).sort(), [...refused].sort());
    for (const operation of refused) {
      const error = await call(operation, refusedCalls[operation]!).then(
        () => assert.fail(`${operation} succeeded`),
        (caught: sdk.LambdaServiceException) => caught,
      );
      const { httpStatusCode, attempts } = error.$metadata;
      assert.ok(httpStatusCode! >= 400 && httpStatusCode! < 500, `${operation}: ${httpStatusCode} ${error.message}`);
      assert.equal(attempts, 1, operation);
      assert.notEqual(error.name, 'ValidationException', `${operation}: ${error.message}`);
      assert.match(error.message, /\S/, operation);
    }
  });
});
