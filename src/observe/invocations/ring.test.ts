import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId } from '../../kernel/ids.js';
import { InvocationRing, notableMax, recordsMax } from './ring.js';
import { starts, testId, testRecord, testRun, testSpec } from './testrecord.js';

const account = '123456789012' as AccountId;
const warm = { start: starts.warm };

test('ten thousand invocations are remembered, and two thousand that were not warm', () => {
  assert.deepEqual([recordsMax, notableMax], [10_000, 2_000]);
  const ring = new InvocationRing();
  for (let i = 0; i <= notableMax; i += 1) ring.add(testRecord(`cold-${i}`));
  for (let i = 0; i <= recordsMax; i += 1) ring.add(testRecord(`warm-${i}`, warm));
  assert.equal(ring.find(account, testId('warm-0')), null);
  assert.equal(ring.find(account, testId('warm-1'))?.requestId, testId('warm-1'));
  assert.equal(ring.find(account, testId('cold-0')), null);
  assert.equal(ring.find(account, testId('cold-1'))?.requestId, testId('cold-1'));
  assert.equal(ring.notable(account, 10_000).length, notableMax);
});

test('the latest that were not warm come first; each account sees its own', () => {
  const ring = new InvocationRing({ recordsMax: 3, notableMax: 3 });
  const foreign = { spec: testSpec('f', '1', '999999999999') };
  ring.add(testRecord('a'));
  ring.add(testRecord('b', { start: starts.proactive }));
  ring.add(testRecord('c', warm));
  ring.add(testRecord('d', { start: starts.provisioned }));
  ring.add(testRecord('e', { start: null, run: null, outcome: 'throttled' }));
  const ids = (of: AccountId, countMax: number) => ring.notable(of, countMax).map(({ requestId }) => requestId);
  assert.deepEqual(ids(account, 10), ['b', 'a'].map(testId));
  assert.deepEqual(ids(account, 1), [testId('b')]);
  ring.add(testRecord('f', foreign));
  ring.add(testRecord('g', { start: null, run: null, outcome: 'refused' }));
  assert.deepEqual(ids(account, 10), ['g', 'b'].map(testId));
  assert.deepEqual(ids('999999999999' as AccountId, 10), [testId('f')]);
  assert.equal(ring.find(account, testId('f')), null);
  for (const id of ['c', 'd', 'e']) assert.equal(ring.find(account, testId(id))?.requestId, testId(id));
});

test('of the attempts of one event the last is told', () => {
  const ring = new InvocationRing();
  ring.add(testRecord('a', { ...warm, problem: 'Error', outcome: 'function-error' }));
  ring.add(testRecord('a', warm));
  assert.equal(ring.find(account, testId('a'))?.outcome, 'success');
  ring.add(testRecord('b'));
  ring.add(testRecord('b', { ...warm, arrivedMs: testRecord('b').arrivedMs + 1 }));
  assert.equal(ring.find(account, testId('b'))?.start?.kind, 'warm');
});

test('what is remembered is what was told, also in a slot that is used again', () => {
  const ring = new InvocationRing({ recordsMax: 1, notableMax: 1 });
  for (const record of [
    testRecord('a', { ...warm, type: 'url', attempts: 3, run: { ...testRun, initInsideMs: 7, memoryPeakMib: null } }),
    testRecord('b', { start: null, run: null, grantedMs: null, outcome: 'throttled', problem: 'Why', attempts: 0 }),
    testRecord('c', {
      ...warm,
      run: { ...testRun, initInsideMs: null, status: 'error', errorType: 'E', restoreMs: 2 },
    }),
    testRecord('d', { run: { ...testRun, initInsideMs: null } }),
  ]) {
    ring.add(record);
    assert.deepEqual(ring.find(account, record.requestId), record);
  }
});
