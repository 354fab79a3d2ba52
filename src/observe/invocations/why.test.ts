import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InvocationRecord } from './record.js';
import { arrivedMs, starts, testLife, testRecord, testRun } from './testrecord.js';
import { whyReport } from './why.js';

const told = (more: Partial<InvocationRecord>) => {
  const { because, phases, totalMs } = whyReport(testRecord('r', more));
  return { because, totalMs, phases: phases.map(({ name, startMs, durationMs }) => [name, startMs, durationMs]) };
};

test('a cold start: placement, box, init, what was waited for besides, handler, response', () => {
  assert.deepEqual(told({}), {
    because: 'cold: no sandbox was idle; a new one was made from a spare and initialized',
    totalMs: 124,
    phases: [
      ['placement', 0, 5],
      ['spare', 5, 10],
      ['init', 15, 85],
      ['waiting', 100, 2],
      ['invoke', 102, 20],
      ['response', 122, 2],
    ],
  });
  assert.equal(whyReport(testRecord('r')).phases[2]?.detail, 'REPORT: init 84.2 ms');
});

test('a restore that was waited for names the tiers that its bytes came from', () => {
  const life = { ...testLife, box: 'restore', tierBytes: { memory: 2048, l2: 100 } } as const;
  const start = { ...starts.cold, kind: 'restored' } as const;
  const { because, phases } = whyReport(testRecord('r', { start, run: { ...testRun, life, restoreMs: 9 } }));
  assert.equal(because, 'restored: no sandbox was idle; a new one was restored from a snapshot');
  assert.deepEqual([phases[1]?.name, phases[1]?.detail], ['restore', 'memory 2 KiB, l2 1 KiB']);
  const shared = testRecord('r', { start, run: { ...testRun, life: { ...life, tierBesides: 2 }, restoreMs: 9 } });
  assert.equal(whyReport(shared).phases[1]?.detail, 'memory 2 KiB, l2 1 KiB (with 2 other starts)');
});

test('an init inside the invocation is where it ran', () => {
  const life = { ...testLife, initializedMs: arrivedMs + 90 };
  const run = { ...testRun, life, startedMs: arrivedMs + 90, durationMs: 70, initMs: null, initInsideMs: 60 };
  assert.deepEqual(told({ run, grantedMs: arrivedMs + 30, endedMs: arrivedMs + 100 }).phases, [
    ['placement', 0, 5],
    ['spare', 5, 10],
    ['waiting', 15, 15],
    ['init', 30, 60],
    ['invoke', 90, 10],
    ['response', 100, 0],
  ]);
});

test('what was initialized ahead began before the invocation arrived; what serves again shows no start', () => {
  const life = {
    ...testLife,
    origin: 'deploy',
    startedMs: arrivedMs - 900,
    boxedMs: arrivedMs - 890,
    initializedMs: arrivedMs - 800,
  } as const;
  const served = { run: { ...testRun, life, startedMs: arrivedMs + 1 }, endedMs: arrivedMs + 21, grantedMs: arrivedMs };
  const ahead = told({ ...served, start: starts.proactive });
  assert.equal(ahead.because, 'proactive: a sandbox had been initialized ahead, because the code changed');
  assert.deepEqual(ahead.phases.slice(0, 3), [
    ['spare', -900, 10],
    ['init', -890, 90],
    ['waiting', 0, 1],
  ]);
  for (const [start, because] of [
    [starts.warm, 'warm: a sandbox was idle'],
    [{ ...starts.warm, spilled: true }, 'warm: a sandbox was idle; all provisioned ones were busy'],
    [starts.provisioned, 'provisioned: a sandbox was idle'],
  ] as const) {
    const again = told({ ...served, start });
    assert.deepEqual([again.because, again.phases[0]], [because, ['waiting', 0, 1]]);
  }
});

test('a cold start that was on its way already says what for', () => {
  const start = { ...starts.cold, trigger: 'rotation' } as const;
  const life = { ...testLife, startedMs: arrivedMs - 30, boxedMs: arrivedMs - 20 };
  const { because, phases } = told({ start, run: { ...testRun, life } });
  assert.match(because, /^cold: a sandbox was on its way already, because another one came to the end of its life; it/);
  assert.deepEqual(phases[0], ['spare', -30, 10]);
});

test('what never ran says why', () => {
  const none = { start: null, run: null, grantedMs: null } as const;
  const throttled = told({ ...none, attempts: 0, outcome: 'throttled', problem: 'CallerRateLimitExceeded' });
  assert.deepEqual([throttled.because, throttled.phases], ['throttled: CallerRateLimitExceeded', []]);
  const refused = told({ ...none, outcome: 'refused', problem: 'ServiceException' });
  assert.deepEqual([refused.because, refused.phases], ['refused: ServiceException', [['waiting', 0, 124]]]);
});
