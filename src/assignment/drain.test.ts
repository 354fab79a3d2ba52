import assert from 'node:assert/strict';
import test from 'node:test';
import type { WorkerId } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import { secondMs } from '../kernel/units.js';
import { handoverMsMax } from './options.js';
import { Bench } from './testbench.js';

const workerId = 'w1' as WorkerId;
const drain = { kind: 'worker-drain', workerId } as const;
const renew = { ...drain, renew: true } as const;

const leaving = (bench: Bench) => bench.machine.standing(workerId)?.leaving;

/** Two sandboxes that were lately at work at once, idle. */
function pair(): Bench {
  const bench = new Bench();
  for (const request of ['a', 'b']) bench.acquire(request);
  for (const sandbox of ['s1', 's2']) bench.bringUp(sandbox);
  for (const sandbox of ['s1', 's2']) bench.released(sandbox, 1);
  return bench;
}

test('renewed: new ones on the same worker first, then the old ones go; those that came since stay', () => {
  const bench = pair();
  assert.deepEqual(bench.step(renew), ['place s3 ahead', 'place s4 ahead']);
  assert.deepEqual(bench.machine.standing(workerId), { workerId, sandboxes: 2, busy: 0, leaving: 2 });
  assert.deepEqual(bench.step(renew), [], 'said twice');
  bench.bringUp('s3');
  assert.deepEqual(bench.tick(secondMs), [], 'not before the others are ready');
  bench.bringUp('s4');
  assert.deepEqual(bench.tick(secondMs), ['stop s1 drain', 'stop s2 drain']);
  assert.equal(leaving(bench), 2, 'until they are gone');
  for (const sandbox of ['s1', 's2']) bench.gone(sandbox);
  assert.equal(leaving(bench), 0);
  assert.deepEqual(bench.acquire('c'), ['grant c s4/1 proactive(drain)']);
  assert.deepEqual(bench.released('s4', 1), [], 'it stays');
  bench.tick(handoverMsMax);
  assert.deepEqual(bench.step(renew).length, 2, 'until it is asked for again');
});

test('renewed: one at work goes after it, and is replaced meanwhile', () => {
  const bench = pair();
  bench.acquire('c');
  assert.deepEqual(bench.step(renew), ['place s3 ahead', 'place s4 ahead']);
  for (const sandbox of ['s3', 's4']) bench.bringUp(sandbox);
  assert.deepEqual(bench.tick(secondMs), ['stop s1 drain']);
  bench.tick(10 * handoverMsMax);
  assert.equal(leaving(bench), 2);
  assert.deepEqual(bench.released('s2', 2), ['stop s2 drain']);
});

test('renewed: what nobody used lately is not replaced, and what cannot be had is not waited for', () => {
  const unused = pair();
  unused.tick(6 * 60 * secondMs);
  assert.deepEqual(unused.step(renew), []);
  assert.deepEqual(unused.tick(secondMs), ['stop s1 drain', 'stop s2 drain']);
  const full = pair();
  full.step(renew);
  full.refused('s3');
  full.refused('s4');
  assert.deepEqual(full.tick(secondMs), ['stop s1 drain', 'stop s2 drain']);
  const slow = pair();
  slow.step(renew);
  assert.deepEqual(slow.tick(handoverMsMax - 1), []);
  assert.deepEqual(slow.tick(1), ['stop s1 drain', 'stop s2 drain']);
});

test('renewed: provisioned ones wait as long as an init of theirs may take', () => {
  const bench = new Bench();
  bench.provision(1);
  bench.bringUp('s1');
  assert.deepEqual(bench.step(renew), ['place s2']);
  assert.deepEqual(bench.tick(handoverMsMax), []);
  assert.deepEqual(bench.bringUp('s2'), ['stop s1 lifetime'], 'as in a rotation');
  bench.gone('s1');
  assert.deepEqual([bench.machine.provisioned('p@1' as never)?.available, leaving(bench)], [1, 0]);
  bench.step(renew);
  assert.deepEqual(bench.tick(limits.provisionedInitMsMin - 1), []);
  assert.deepEqual(bench.tick(1), ['stop s2 drain']);
});

test('drained: nothing stays idle there, also what was on its way', () => {
  const bench = pair();
  bench.acquire('c', 'q@1');
  bench.step(drain);
  assert.equal(leaving(bench), 2);
  assert.deepEqual(bench.bringUp('s3'), ['grant c s3/1 cold']);
  bench.tick(handoverMsMax);
  assert.deepEqual(bench.released('s3', 1), ['stop s3 drain']);
});
