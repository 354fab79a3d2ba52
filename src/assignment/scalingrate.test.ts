import assert from 'node:assert/strict';
import test from 'node:test';
import type { PoolKey, RequestId } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import { ScalingRate } from './scalingrate.js';
import { Bench } from './testbench.js';

test('a thousand environments in ten seconds, refilled continuously, never accrued', () => {
  const rate = new ScalingRate(limits.scalingEnvironmentsMax, limits.scalingPeriodMs);
  const takeAll = (nowMs: number, functionKey = 'f') => {
    let taken = 0;
    while (rate.take(functionKey, nowMs)) taken += 1;
    return taken;
  };
  assert.equal(takeAll(5_000), 1_000);
  assert.equal(takeAll(5_010), 1, 'a hundred a second');
  assert.equal(takeAll(6_010), 100);
  assert.equal(takeAll(6_010, 'g'), 1_000, 'each function its own');
  assert.equal(takeAll(3_600_000), 1_000, 'an hour saves up no more');
  rate.give('f');
  assert.equal(takeAll(3_600_000), 1, 'what came to nothing is given back');
  assert.equal(rate.size, 1, 'those that are full are forgotten');
});

test('an invocation beyond the scaling rate is refused, unless somebody else can serve it', () => {
  const bench = new Bench({ scalingEnvironmentsMax: 2, scalingPeriodMs: 10_000 });
  const ask = (request: string, version: string) =>
    bench.step({
      kind: 'acquire',
      requestId: request as RequestId,
      pool: `1/r/f/${version}@1` as PoolKey,
      memoryMib: 128,
      waitUntilMs: 60_000,
    });
  assert.deepEqual(ask('r1', '1'), ['place s1']);
  assert.deepEqual(ask('r2', '2'), ['place s2'], 'versions share the rate of their function');
  assert.deepEqual(ask('r3', '2'), ['refuse r3 scaling-rate']);
  bench.bringUp('s1');
  bench.released('s1', 1);
  assert.deepEqual(ask('r4', '1'), ['grant r4 s1/2 warm']);
  bench.bringUp('s2');
  bench.nowMs += 5_000;
  assert.deepEqual(ask('r5', '2'), ['place s3']);
  assert.deepEqual(bench.refused('s3'), [], 'no room: that does not count');
  assert.deepEqual(bench.tick(1_000), ['place s4']);
});
