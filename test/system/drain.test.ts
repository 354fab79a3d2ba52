import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { GetProvisionedConcurrencyConfigCommand, PutProvisionedConcurrencyConfigCommand } from '@aws-sdk/client-lambda';
import type { DrainReport } from '../../src/bin/cli/drain.js';
import { eventually, Hearth, ownNode } from './hearth.js';

const code = {
  'index.mjs': `
  const born = Math.random();
  export const handler = async ({ waitMs = 0 }, { awsRequestId }) => {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    return { requestId: awsRequestId, born };
  };`,
};

describe('hearth drain', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '1');
    await hearth.create('f', ownNode, 'index.handler', code, { Publish: true, Timeout: 30 });
  });
  after(() => hearth.remove());

  async function told(Qualifier?: string, waitMs = 0): Promise<{ readonly born: number; readonly requestId: string }> {
    const { payload, functionError } = await hearth.invoke(
      'f',
      { waitMs },
      Qualifier === undefined ? {} : { Qualifier },
    );
    assert.equal(functionError, undefined, payload);
    return JSON.parse(payload);
  }
  async function drain(...args: string[]): Promise<DrainReport> {
    const { status, stdout, stderr } = await hearth.cli('drain', '--json', ...args);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }

  it('all sandboxes are made anew, and nobody who invokes meanwhile waits for a cold start', {
    timeout: 180_000,
  }, async () => {
    const of = { FunctionName: 'f', Qualifier: '1' };
    const client = hearth.lambda();
    await client.send(new PutProvisionedConcurrencyConfigCommand({ ...of, ProvisionedConcurrentExecutions: 1 }));
    const isReady = async () => (await client.send(new GetProvisionedConcurrencyConfigCommand(of))).Status === 'READY';
    await eventually(isReady, 'the provisioned one', 120_000);
    const provisioned = await told('1');
    await Promise.all([told(undefined, 1_000), told(undefined, 1_000)]);
    const before = await told();
    let draining = true;
    const requests: string[] = [];
    const invoking = (async () => {
      while (draining) requests.push((await told(undefined, 20)).requestId);
    })();
    const report = await drain();
    draining = false;
    await invoking;
    assert.ok(report.drained >= 2, `${report.drained} were drained`);
    assert.deepEqual([report.worker, report.left], ['local', 0]);
    for (const requestId of requests) assert.notEqual((await hearth.why(requestId)).start?.kind, 'cold');
    const now = await told();
    assert.notEqual(now.born, before.born);
    assert.equal((await hearth.why(now.requestId)).sandbox?.origin, 'drain');
    const starts = await Promise.all(requests.map(async (requestId) => (await hearth.why(requestId)).start));
    assert.ok(
      [...starts, (await hearth.why(now.requestId)).start].some((start) => start?.trigger === 'drain'),
      'the first one in a new sandbox is told why that was there',
    );
    assert.ok(await isReady());
    const other = await told('1');
    assert.notEqual(other.born, provisioned.born);
    assert.equal((await hearth.why(other.requestId)).start?.kind, 'provisioned');
  });

  it('one at work goes after it', { timeout: 120_000 }, async () => {
    const working = told(undefined, 4_000);
    await eventually(async () => {
      const { stdout } = await hearth.cli('status', '--json');
      return JSON.parse(stdout).worker.sandboxes > 0;
    }, 'it to work');
    const begun = await drain('--wait', '0');
    assert.ok(begun.left > 0);
    const { requestId } = await working;
    assert.equal((await hearth.why(requestId)).outcome, 'success');
    await eventually(async () => (await drain('--wait', '60')).left === 0, 'all to be gone');
  });

  it('is for the first account, and for workers that there are', { timeout: 60_000 }, async () => {
    const stranger = await hearth.cli('accounts', 'add', '210987654321');
    assert.equal(stranger.status, 0, stranger.stderr);
    const refused = await hearth.cli('drain', '--account', '210987654321');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /first account/);
    assert.equal((await hearth.cli('drain', 'elsewhere')).status, 1);
    assert.equal((await hearth.cli('drain', '--wait', 'x')).status, 64);
    const unsigned = await fetch(`${hearth.endpoint}/_hearth/workers/local/drain`, { method: 'POST' });
    assert.equal(unsigned.status, 403);
  });
});
