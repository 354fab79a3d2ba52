import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CreateAliasCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetAccountSettingsCommand,
  GetProvisionedConcurrencyConfigCommand,
  type GetProvisionedConcurrencyConfigCommandOutput,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode } from './hearth.js';
import { zip } from './zip.js';

/** What an invocation tells of its sandbox. Times: epoch milliseconds. */
interface Told {
  readonly text: string;
  readonly type: string;
  readonly version: string;
  readonly bornMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

const source = (text: string) => `
  const bornMs = Date.now();
  export const handler = async ({ ms = 0 }) => {
    const fromMs = Date.now();
    await new Promise((resolve) => setTimeout(resolve, ms));
    const { AWS_LAMBDA_INITIALIZATION_TYPE: type, AWS_LAMBDA_FUNCTION_VERSION: version } = process.env;
    return { text: '${text}', type, version, bornMs, fromMs, toMs: Date.now() };
  };`;

const provisioned = 'provisioned-concurrency';

describe('provisioned concurrency, through the official SDK', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '0');
  });
  after(() => hearth.remove());

  type Of = { readonly FunctionName: string; readonly Qualifier: string };

  const put = (of: Of, count: number) =>
    hearth.lambda().send(new PutProvisionedConcurrencyConfigCommand({ ...of, ProvisionedConcurrentExecutions: count }));
  const get = (of: Of) => hearth.lambda().send(new GetProvisionedConcurrencyConfigCommand(of));
  const remove = (of: Of) => hearth.lambda().send(new DeleteProvisionedConcurrencyConfigCommand(of));

  /** Waits until it no longer says `IN_PROGRESS`. */
  const settled = (of: Of): Promise<GetProvisionedConcurrencyConfigCommandOutput> =>
    eventually(
      async () => {
        const now = await get(of);
        return now.Status === 'IN_PROGRESS' ? null : now;
      },
      `${of.FunctionName}:${of.Qualifier} to be provisioned`,
      120_000,
    );

  async function ready(of: Of, count: number): Promise<void> {
    const now = await settled(of);
    assert.deepEqual(
      [
        now.Status,
        now.StatusReason,
        now.RequestedProvisionedConcurrentExecutions,
        now.AllocatedProvisionedConcurrentExecutions,
        now.AvailableProvisionedConcurrentExecutions,
      ],
      ['READY', undefined, count, count, count],
    );
  }

  async function invoke({ FunctionName, Qualifier }: Of, ms = 0): Promise<Told> {
    const { payload, functionError } = await hearth.invoke(FunctionName, { ms }, { Qualifier });
    assert.equal(functionError, undefined, payload);
    return JSON.parse(payload) as Told;
  }

  /** As many invocations at the same moment as asked for; on a machine that is too slow for that, again. */
  const together = (of: Of, count: number): Promise<readonly Told[]> =>
    eventually(
      async () => {
        const told = await Promise.all(Array.from({ length: count }, () => invoke(of, 3_000)));
        const lastMs = Math.max(...told.map(({ fromMs }) => fromMs));
        return told.every(({ toMs }) => lastMs < toMs) ? told : null;
      },
      `${count} invocations at once`,
      120_000,
    );

  const types = (told: readonly Told[]): readonly string[] => told.map(({ type }) => type).sort();

  it('is READY when the sandboxes are there; they serve without a cold start, and others what is beyond', async () => {
    await hearth.create('f', ownNode, 'index.handler', { 'index.mjs': source('one') }, { Publish: true, Timeout: 60 });
    const one = { FunctionName: 'f', Qualifier: '1' };
    const started = await put(one, 2);
    assert.deepEqual(
      [started.$metadata.httpStatusCode, started.Status, started.RequestedProvisionedConcurrentExecutions],
      [202, 'IN_PROGRESS', 2],
    );
    await ready(one, 2);
    const askedMs = Date.now();
    const told = await invoke(one);
    assert.deepEqual([told.type, told.version, told.text], [provisioned, '1', 'one']);
    assert.ok(told.bornMs < askedMs, 'initialized before anybody asked');
    assert.deepEqual(types(await together(one, 3)), ['on-demand', provisioned, provisioned]);
    await ready(one, 2);
    const settings = await hearth.lambda().send(new GetAccountSettingsCommand({}));
    assert.equal(settings.AccountLimit?.UnreservedConcurrentExecutions, 998);
    // The unpublished version has nothing of it.
    assert.equal((await invoke({ ...one, Qualifier: '$LATEST' })).type, 'on-demand');
  });

  it('is READY again after kill -9', async () => {
    const one = { FunctionName: 'f', Qualifier: '1' };
    await hearth.stop('SIGKILL');
    await hearth.start();
    await ready(one, 2);
    const askedMs = Date.now();
    const told = await invoke(one);
    assert.equal(told.type, provisioned);
    assert.ok(told.bornMs < askedMs);
  });

  it('goes when it is deleted', async () => {
    const one = { FunctionName: 'f', Qualifier: '1' };
    await remove(one);
    await assert.rejects(get(one), { name: 'ProvisionedConcurrencyConfigNotFoundException' });
    await eventually(async () => (await invoke(one)).type === 'on-demand', 'the sandboxes to go');
  });

  it('moves with its alias: the new version is READY, the old one has none', async () => {
    const client = hearth.lambda();
    const live = { FunctionName: 'f', Qualifier: 'live' };
    await client.send(new CreateAliasCommand({ FunctionName: 'f', Name: 'live', FunctionVersion: '1' }));
    await put(live, 1);
    await ready(live, 1);
    assert.equal((await invoke(live)).type, provisioned);
    const ZipFile = await zip({ 'index.mjs': source('two') });
    await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'f', ZipFile, Publish: true }));
    const two = { FunctionName: 'f', Qualifier: '2' };
    await waitUntilPublishedVersionActive({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, two);
    await client.send(new UpdateAliasCommand({ FunctionName: 'f', Name: 'live', FunctionVersion: '2' }));
    await ready(live, 1);
    const told = await invoke(live);
    assert.deepEqual([told.type, told.version, told.text], [provisioned, '2', 'two']);
    const one = { FunctionName: 'f', Qualifier: '1' };
    await eventually(async () => (await invoke(one)).type === 'on-demand', 'version 1 to have none');
    // Half of it for each of two versions.
    await put(live, 2);
    const routing = { RoutingConfig: { AdditionalVersionWeights: { 1: 0.5 } } };
    await client.send(new UpdateAliasCommand({ FunctionName: 'f', Name: 'live', ...routing }));
    await ready(live, 2);
    for (const of of [one, two]) {
      await eventually(async () => (await invoke(of)).type === provisioned, `version ${of.Qualifier} to have one`);
    }
    await remove(live);
  });

  it('FAILED, and why, when the function cannot be initialized', async () => {
    const code = { 'index.mjs': 'throw new Error("not today");' };
    await hearth.create('broken', ownNode, 'index.handler', code, { Publish: true });
    const one = { FunctionName: 'broken', Qualifier: '1' };
    await put(one, 1);
    const failed = await settled(one);
    assert.deepEqual(
      [failed.Status, failed.StatusReason, failed.AvailableProvisionedConcurrentExecutions],
      ['FAILED', 'FUNCTION_ERROR_INIT_FAILURE', 0],
    );
    await remove(one);
  });
});
