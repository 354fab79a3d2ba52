import assert from 'node:assert/strict';
import test from 'node:test';
import { minuteMs, secondMs } from '../kernel/units.js';
import { handoverMax, handoverMsMax } from './options.js';
import { Bench } from './testbench.js';

const over = 'handed over p@1 to p@2';

/** Two of p@1 at work. */
function busyBench(): Bench {
  const bench = new Bench();
  for (const [request, sandbox] of [
    ['a', 's1'],
    ['b', 's2'],
  ] as const) {
    bench.acquire(request);
    bench.bringUp(sandbox);
  }
  return bench;
}

test('a hand-over ends when the new ones are ready, or after 15 s', () => {
  assert.equal(handoverMsMax, 15 * secondMs);
  const bench = busyBench();
  assert.deepEqual(bench.handover(), ['place s3 ahead', 'place s4 ahead']);
  assert.deepEqual(bench.handover(), [], 'said twice');
  assert.deepEqual(bench.bringUp('s3'), []);
  assert.deepEqual(bench.bringUp('s4'), [over]);
  bench.supersede();
  assert.deepEqual(bench.acquire('c', 'p@2'), ['grant c s4/1 proactive(deploy)']);
  const slow = busyBench();
  slow.handover();
  slow.bringUp('s3');
  assert.deepEqual(slow.tick(14_999), []);
  assert.deepEqual(slow.tick(1), [over]);
});

test('what was not used in the last five minutes hands over at once', () => {
  const bench = busyBench();
  bench.released('s1', 1);
  bench.released('s2', 1);
  bench.nowMs += 7 * minuteMs;
  assert.deepEqual(bench.handover(), [over]);
  assert.deepEqual(bench.handover('x@1'), ['handed over x@1 to p@2']);
});

test('a hand-over ends when the new ones cannot be had: no room, a failed init, superseded meanwhile', () => {
  const full = busyBench();
  full.handover();
  full.placed('s4');
  assert.deepEqual(full.refused('s3'), []);
  full.persisted(3);
  assert.deepEqual(full.ready('s4'), [over]);
  const broken = busyBench();
  broken.handover();
  assert.deepEqual(broken.bringUp('s3', false), []);
  assert.deepEqual(broken.bringUp('s4', false), [over]);
  const changed = busyBench();
  changed.handover();
  assert.deepEqual(changed.supersede('p@2'), ['persist 3 superseded p@2', over]);
});

test('two versions that hand over to one wait together', () => {
  const bench = busyBench();
  bench.handover();
  bench.acquire('c', 'q@1');
  bench.bringUp('s5');
  assert.deepEqual(bench.handover('q@1'), []);
  bench.bringUp('s3');
  assert.deepEqual(bench.bringUp('s4'), [over, 'handed over q@1 to p@2']);
});

test('at most a hundred', () => {
  assert.equal(handoverMax, 100);
  const bench = new Bench({ startingMax: 1_000, aheadStartingMax: 1_000 });
  for (let request = 0; request < 120; request += 1) bench.acquire(`r${request}`);
  for (let sandbox = 1; sandbox <= 120; sandbox += 1) bench.bringUp(`s${sandbox}`);
  assert.equal(bench.handover().length, 100);
});
