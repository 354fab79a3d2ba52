import assert from 'node:assert/strict';
import test from 'node:test';
import type { PoolKey, WorkerId } from '../kernel/ids.js';
import { minuteMs } from '../kernel/units.js';
import { assignmentDefaults } from './options.js';
import { Bench } from './testbench.js';

test('ahead starts keep to their bound, and wait for those that somebody waits for', () => {
  assert.equal(assignmentDefaults.aheadStartingMax, 4);
  const bench = new Bench({ startingMax: 5 });
  assert.deepEqual(bench.want(6), ['place s1 ahead', 'place s2 ahead', 'place s3 ahead', 'place s4 ahead']);
  assert.deepEqual(bench.acquire('a', 'q@1'), ['place s5']);
  assert.deepEqual(bench.acquire('b', 'q@1'), [], 'five at once');
  assert.deepEqual(bench.bringUp('s1'), ['place s6'], 'for b');
  assert.deepEqual(bench.bringUp('s2'), ['place s7 ahead']);
  assert.deepEqual(bench.want(6), [], 'they are on their way');
});

test('somebody who comes while one is started ahead waits for that one; later ones meet it proactive', () => {
  const bench = new Bench();
  assert.deepEqual(bench.want(2), ['place s1 ahead', 'place s2 ahead']);
  assert.deepEqual(bench.acquire('a'), []);
  assert.deepEqual(bench.bringUp('s1'), ['grant a s1/1 cold(forecast)']);
  assert.deepEqual(bench.bringUp('s2'), []);
  assert.deepEqual(bench.acquire('b'), ['grant b s2/1 proactive(forecast)']);
});

test('without room nothing is evicted for it, and it is not tried again; who counted on it gets one of his own', () => {
  const bench = new Bench();
  bench.warm(1, 'old@1');
  assert.deepEqual(bench.want(1), ['place s2 ahead']);
  assert.deepEqual(bench.acquire('a'), []);
  assert.deepEqual(bench.refused('s2'), ['place s3']);
  bench.refused('s3');
  assert.deepEqual(bench.tick(1_000), ['place s4']);
});

test('a failed init: served last, as a cold one; nothing more ahead until one succeeds', () => {
  const bench = new Bench();
  bench.want(2);
  assert.deepEqual(bench.bringUp('s1', false), []);
  assert.deepEqual(bench.bringUp('s2', false), []);
  assert.deepEqual(bench.want(9), []);
  assert.deepEqual(bench.acquire('a'), ['grant a s2/1 cold(forecast)']);
  assert.deepEqual(bench.acquire('b'), ['grant b s1/1 cold(forecast)']);
  bench.acquire('c');
  bench.bringUp('s3');
  assert.deepEqual(bench.want(4), ['place s4 ahead']);
});

test('keep: idle ones of a pool are kept so long, also those that come later; null is as configured', () => {
  const bench = new Bench({ idleMsMax: 60_000 });
  bench.warm(1);
  const keep = (idleMsMax: number | null) => bench.step({ kind: 'keep', pool: 'p@1' as PoolKey, idleMsMax });
  keep(2_000);
  assert.deepEqual(bench.tick(1_999), []);
  assert.deepEqual(bench.tick(1), ['stop s1 idle']);
  assert.deepEqual(bench.gone('s1'), ['persist 2 gone s1', 'pool gone p@1']);
  bench.warm(3);
  assert.deepEqual(bench.tick(2_000), ['stop s2 idle'], 'the pool was forgotten, this not');
  bench.gone('s2');
  keep(null);
  bench.warm(5);
  assert.deepEqual(bench.tick(59_999), []);
  assert.deepEqual(bench.tick(1), ['stop s3 idle']);
});

test('let go: so many idle ones of a pool, those idle longest, and never a busy or a provisioned one', () => {
  const bench = new Bench();
  bench.warm(1);
  bench.acquire('a');
  bench.acquire('b');
  bench.bringUp('s2');
  bench.step({ kind: 'provision', pool: 'p@1' as PoolKey, memoryMib: 128, count: 1 });
  bench.bringUp('s3');
  const letGo = (count: number) => bench.step({ kind: 'let-go', pool: 'p@1' as PoolKey, count });
  assert.deepEqual(letGo(5), []);
  bench.released('s2', 1);
  bench.released('s1', 2);
  assert.deepEqual(letGo(1), ['stop s2 memory-pressure']);
  assert.deepEqual(letGo(5), ['stop s1 memory-pressure']);
});

test('samples: what is there, what asked and waited since the last', () => {
  const bench = new Bench();
  const sample = () => bench.machine.samples()[0]!;
  bench.nowMs += 10;
  bench.acquire('a');
  bench.acquire('b');
  bench.nowMs += 250;
  bench.bringUp('s1');
  const provisioned = { requested: 0, allocated: 0, available: 0, busy: 0, failed: false };
  const first = { pool: 'p@1', version: 'p', memoryMib: 128, busy: 1, peak: 2, arrivals: 2, idle: 0, starting: 1 };
  assert.deepEqual(sample(), { ...first, provisioned, startMs: 250 });
  bench.released('s1', 1);
  bench.bringUp('s2');
  assert.equal(sample().arrivals, 0);
  bench.step({ kind: 'pool-superseded', pool: 'p@1' as PoolKey, reason: 'superseded' });
  for (const sandbox of ['s1', 's2']) bench.gone(sandbox);
  bench.tick(minuteMs);
  assert.deepEqual(bench.machine.samples(), []);
  assert.equal(bench.machine.knows('p@1' as PoolKey), false);
});

test('a worker that is emptied: replacements elsewhere first, then its idle ones go; nothing stays idle there', () => {
  const bench = new Bench();
  bench.warm(1);
  bench.acquire('a');
  const drain = { kind: 'worker-drain', workerId: 'w1' as WorkerId } as const;
  assert.deepEqual(bench.step(drain), ['place s2 ahead']);
  bench.released('s1', 2);
  assert.deepEqual(bench.tick(1_000), [], 'not before the other is ready');
  assert.deepEqual(bench.bringUp('s2', true, 'w2'), []);
  assert.deepEqual(bench.tick(1_000), ['stop s1 drain']);
  assert.deepEqual(bench.acquire('b'), ['grant b s2/1 proactive(drain)']);
});

test('a forecast starts no more sandboxes for short work than are of use', () => {
  const bench = new Bench({ patienceMs: 5, busyMin: 2 });
  bench.warm(1);
  bench.acquire('a');
  assert.deepEqual(bench.want(1), [], 'nothing is known of its work');
  // At once: short.
  bench.released('s1', 1);
  assert.deepEqual(bench.want(10), ['place s2 ahead']);
});
