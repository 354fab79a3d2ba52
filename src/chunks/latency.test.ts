import assert from 'node:assert/strict';
import test from 'node:test';
import { TierCounters } from './latency.js';

test('answers are counted by kind, and their times below every bound that they are below', () => {
  const counters = new TierCounters();
  counters.hit(100, 0.005);
  counters.hit(200, 0.01);
  counters.miss(0.3);
  counters.corrupt(60_000);
  const { hits, misses, bytes, corrupt, latency } = counters.metrics();
  assert.deepEqual({ hits, misses, bytes, corrupt }, { hits: 2, misses: 1, bytes: 300, corrupt: 1 });
  const within = (us: number) => latency.find((each) => each.us === us)?.count;
  assert.deepEqual([within(10), within(200), within(500), within(5_000_000)], [2, 2, 3, 3]);
  assert.deepEqual(latency.at(-1), { us: Number.POSITIVE_INFINITY, count: 4 });
});
