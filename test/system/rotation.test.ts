import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { WhyReport } from '../../src/observe/invocations/why.js';
import { readExposition } from '../../src/observe/metrics/testexposition.js';
import { eventually, Hearth, ownNode } from './hearth.js';

/**
 * Its replacement is asked for in the last quarter, and has until a quarter after it to get ready: eight seconds, of which an
 * init needs a part.
 */
const lifetime = '16s..16s';

describe('sandboxes with short lives', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '0', '--sandbox-lifetime', lifetime);
    await hearth.create('f', ownNode, 'index.handler', {
      'index.mjs': 'export const handler = async (event, { awsRequestId }) => awsRequestId;',
    });
  });
  after(() => hearth.remove());

  async function report(): Promise<WhyReport> {
    const { payload, functionError } = await hearth.invoke('f');
    assert.equal(functionError, undefined, payload);
    return hearth.why(JSON.parse(payload));
  }

  async function metric(series: string): Promise<number> {
    const answer = await fetch(`${hearth.endpoint}/metrics`);
    return readExposition(await answer.text()).get(series) ?? 0;
  }

  it('are replaced before they go: the next invocation meets one that was initialized ahead', {
    timeout: 120_000,
  }, async () => {
    const first = await report();
    assert.equal(first.start?.kind, 'cold', first.because);
    const isReady = async () => (await metric('hearth_lambda_environments_ready_total{init="initialized"}')) >= 2;
    await eventually(isReady, 'the replacement', 60_000);
    // The old one serves until it has gone.
    const next = await eventually(async () => {
      const one = await report();
      return one.start?.kind === 'warm' && one.sandbox?.id === first.sandbox?.id ? null : one;
    }, 'the replacement to serve');
    assert.deepEqual(next.start, { kind: 'proactive', trigger: 'rotation', first: true, spilled: false }, next.because);
    assert.match(next.because, /another one came to the end of its life/);
    assert.deepEqual([next.sandbox?.origin, next.sandbox?.id === first.sandbox?.id], ['rotation', false]);
    const init = next.phases.find(({ name }) => name === 'init');
    assert.ok(init !== undefined && init.startMs + init.durationMs <= 0, 'it was over before the invocation arrived');
    await eventually(async () => (await metric('hearth_sandboxes')) === 1, 'the old one to go');
  });
});
