import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { GetProvisionedConcurrencyConfigCommand, PutProvisionedConcurrencyConfigCommand } from '@aws-sdk/client-lambda';
import type { WhyReport } from '../../src/observe/invocations/why.js';
import { readExposition } from '../../src/observe/metrics/testexposition.js';
import { boxProcesses, isThere, killBoxes } from './boxprocesses.js';
import { eventually, Hearth, ownNode } from './hearth.js';

/** Longer than anybody needs to see that one is missing. */
const initMs = 2_000;

const code = {
  'index.mjs': `
  const fromMs = Date.now();
  while (Date.now() - fromMs < Number(process.env.INIT_MS ?? 0));
  const born = Math.random();
  export const handler = async (event, { awsRequestId }) => {
    if (event.exit) process.exit(1);
    return { requestId: awsRequestId, born, type: process.env.AWS_LAMBDA_INITIALIZATION_TYPE };
  };`,
};

describe('sandboxes that are lost', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '0');
  });
  after(() => hearth.remove());

  /** Where frozen processes cannot die, the platform has to find out. */
  const ended = (pids: readonly number[]) => eventually(async () => !pids.some(isThere), 'the processes to end');
  async function told(name: string, Qualifier?: string): Promise<{ born: number; type: string; report: WhyReport }> {
    const { payload, functionError } = await hearth.invoke(name, {}, Qualifier === undefined ? {} : { Qualifier });
    assert.equal(functionError, undefined, payload);
    const { requestId, ...rest } = JSON.parse(payload);
    return { ...rest, report: await hearth.why(requestId) };
  }
  const of = { FunctionName: 'kept', Qualifier: '1' };
  const provisioned = () => hearth.lambda().send(new GetProvisionedConcurrencyConfigCommand(of));
  const isReady = async () => (await provisioned()).Status === 'READY';

  it('provisioned, killed while it waits: counted out, replaced, READY again', { timeout: 180_000 }, async () => {
    const Environment = { Variables: { INIT_MS: String(initMs) } };
    await hearth.create('kept', ownNode, 'index.handler', code, { Publish: true, Environment });
    await hearth
      .lambda()
      .send(new PutProvisionedConcurrencyConfigCommand({ ...of, ProvisionedConcurrentExecutions: 1 }));
    await eventually(isReady, 'the sandbox', 120_000);
    const before = await told('kept', '1');
    assert.equal(before.type, 'provisioned-concurrency');
    killBoxes(hearth.pid);
    const missing = await eventually(async () => {
      const now = await provisioned();
      return now.AvailableProvisionedConcurrentExecutions === 0 ? now : null;
    }, 'it to be missed');
    assert.equal(missing.Status, 'IN_PROGRESS');
    const series = readExposition(await (await fetch(`${hearth.endpoint}/metrics`)).text());
    const available = [...series].filter(([name]) =>
      name.startsWith('hearth_lambda_provisioned_concurrency_available'),
    );
    assert.deepEqual(
      available.map(([, value]) => value),
      [0],
    );
    await eventually(isReady, 'another one', 120_000);
    const now = await told('kept', '1');
    assert.deepEqual([now.type, now.report.start?.kind], ['provisioned-concurrency', 'provisioned']);
    assert.notEqual(now.born, before.born);
    const init = now.report.phases.find(({ name }) => name === 'init');
    assert.ok(init !== undefined && init.startMs + init.durationMs <= 0, 'nobody waited for it');
  });

  it('provisioned, ended by its function: replaced, too', { timeout: 120_000 }, async () => {
    assert.equal((await hearth.invoke('kept', { exit: true }, { Qualifier: '1' })).functionError, 'Unhandled');
    await eventually(async () => (await provisioned()).AvailableProvisionedConcurrentExecutions === 0, 'the loss');
    await eventually(isReady, 'another one', 120_000);
    assert.equal((await told('kept', '1')).report.start?.kind, 'provisioned');
  });

  it('on demand, killed while idle: the next invocation succeeds, and is told as a cold start', {
    timeout: 120_000,
  }, async () => {
    await hearth.create('idle', ownNode, 'index.handler', code);
    const before = await told('idle');
    assert.equal((await told('idle')).report.start?.kind, 'warm');
    await ended(killBoxes(hearth.pid));
    const now = await told('idle');
    assert.notEqual(now.born, before.born);
    assert.deepEqual([now.report.start?.kind, now.report.start?.first], ['cold', false]);
    assert.match(now.report.because, /had lost its runtime/);
    assert.ok(now.report.phases.some(({ name, detail }) => name === 'init' && detail === 'inside the invocation'));
  });

  it('the worker, killed with all of them: nothing is left of them, and all work again', {
    timeout: 180_000,
  }, async () => {
    const pids = boxProcesses(hearth.pid);
    assert.ok(pids.length > 0);
    await hearth.stop('SIGKILL');
    await ended(pids);
    await hearth.start();
    await eventually(isReady, 'what is provisioned', 120_000);
    assert.equal((await told('kept', '1')).report.start?.kind, 'provisioned');
    assert.equal((await told('idle')).report.start?.kind, 'cold');
  });
});
