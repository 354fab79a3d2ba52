import assert from 'node:assert/strict';
import test from 'node:test';
import { minuteMs, secondMs } from '../kernel/units.js';
import { rotateAheadMs } from './options.js';
import { Bench } from './testbench.js';

const lives = { lifetimeMs: 10 * minuteMs, lifetimeSpread: 0, idleMsMax: 60 * minuteMs };

/** One sandbox, last used a minute before its end. */
function oldBench(options: { replacedAhead?: boolean } = {}): Bench {
  const bench = new Bench({ ...lives, ...options });
  bench.warm(1);
  bench.nowMs += 9 * minuteMs;
  bench.acquire('a');
  bench.released('s1', 2);
  return bench;
}

test('the replacement is ready before the old one goes', () => {
  assert.equal(rotateAheadMs, 30 * secondMs);
  const bench = oldBench();
  assert.deepEqual(bench.tick(29 * secondMs), []);
  assert.deepEqual(bench.tick(secondMs), ['place s2 ahead']);
  assert.deepEqual(bench.acquire('b'), ['grant b s1/3 warm']);
  assert.deepEqual(bench.bringUp('s2'), []);
  assert.deepEqual(bench.released('s1', 3), ['stop s1 lifetime']);
  assert.deepEqual(bench.acquire('c'), ['grant c s2/1 proactive(rotation)']);
});

test('an idle old one goes at once when its replacement is ready, and at the latest half a minute after its time', () => {
  const bench = oldBench();
  bench.tick(30 * secondMs);
  assert.deepEqual(bench.bringUp('s2'), ['stop s1 lifetime']);
  const late = oldBench();
  assert.deepEqual(late.tick(30 * secondMs), ['place s2 ahead']);
  late.refused('s2');
  assert.deepEqual(late.tick(59_999), []);
  assert.deepEqual(late.tick(1), ['stop s1 lifetime']);
});

test('what nobody used lately is not replaced', () => {
  const bench = new Bench(lives);
  bench.warm(1);
  assert.deepEqual(bench.tick(9.5 * minuteMs), []);
  assert.deepEqual(bench.tick(30 * secondMs), ['stop s1 lifetime']);
});

test('nothing is replaced ahead where that is off', () => {
  const bench = oldBench({ replacedAhead: false });
  assert.deepEqual(bench.tick(30 * secondMs), []);
  assert.deepEqual(bench.tick(30 * secondMs), ['stop s1 lifetime']);
});

test('provisioned ones are always replaced', () => {
  const bench = new Bench(lives);
  bench.provision(1);
  bench.bringUp('s1');
  assert.deepEqual(bench.tick(9.5 * minuteMs), ['place s2']);
  assert.deepEqual(bench.bringUp('s2'), ['stop s1 lifetime']);
  assert.deepEqual(bench.acquire('a'), ['grant a s2/1 provisioned']);
});
