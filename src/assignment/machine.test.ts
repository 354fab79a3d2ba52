import assert from 'node:assert/strict';
import test from 'node:test';
import type { PoolKey, SandboxId, WorkerId } from '../kernel/ids.js';
import type { AssignmentEntry } from './messages.js';
import { Bench, line } from './testbench.js';

test('golden trace: cold start, warm start, update, drain', () => {
  const bench = new Bench();
  assert.deepEqual(bench.acquire('r1'), ['place s1']);
  assert.deepEqual(bench.placed('s1'), ['persist 1 created s1']);
  assert.deepEqual(bench.ready('s1'), [], 'ready before it was started: not ours');
  assert.deepEqual(bench.persisted(1), ['start s1 on w1']);
  assert.deepEqual(bench.ready('s1'), ['grant r1 s1/1 cold']);
  assert.deepEqual(bench.ready('s1'), [], 'said twice');
  assert.deepEqual(bench.released('s1', 1), []);
  assert.deepEqual(bench.released('s1', 1), [], 'said twice');
  assert.deepEqual(bench.acquire('r2'), ['grant r2 s1/2 warm']);
  assert.deepEqual(bench.released('s1', 1), [], 'a stale release');
  assert.deepEqual(bench.supersede(), ['persist 2 superseded p@1']);
  assert.deepEqual(bench.acquire('r3', 'p@2'), ['place s2']);
  assert.deepEqual(bench.released('s1', 2), ['stop s1 superseded']);
  assert.deepEqual(bench.gone('s1'), ['persist 3 gone s1']);
  assert.deepEqual(bench.gone('s1'), [], 'said twice');
});

test('eager assignment: the freed one wins, the loser is proactive', () => {
  const bench = new Bench();
  bench.warm(1);
  assert.deepEqual(bench.acquire('r1'), ['grant r1 s1/2 warm']);
  assert.deepEqual(bench.acquire('r2'), ['place s2']);
  bench.placed('s2');
  bench.persisted(2);
  assert.deepEqual(bench.released('s1', 2), ['grant r2 s1/3 warm']);
  assert.deepEqual(bench.ready('s2'), []);
  assert.deepEqual(bench.acquire('r3'), ['grant r3 s2/1 proactive(eager-assignment)']);
});

test('not eager: each waits for the one started for him, newcomers take what is idle; without one on its way he takes that', () => {
  const bench = new Bench({ eager: false });
  bench.warm(1);
  bench.acquire('r1');
  assert.deepEqual(bench.acquire('r2'), ['place s2']);
  assert.deepEqual(bench.released('s1', 2), []);
  assert.deepEqual(bench.acquire('r3'), ['grant r3 s1/3 warm']);
  assert.deepEqual(bench.bringUp('s2'), ['grant r2 s2/1 cold']);
  assert.deepEqual(bench.acquire('r4'), ['place s3']);
  bench.released('s1', 3);
  assert.deepEqual(bench.refused('s3'), []);
  assert.deepEqual(bench.tick(1_000), ['grant r4 s1/4 warm']);
});

test('waiters are served in their order, one new sandbox each', () => {
  const bench = new Bench();
  assert.deepEqual(bench.acquire('r1'), ['place s1']);
  assert.deepEqual(bench.acquire('r2'), ['place s2']);
  bench.placed('s1');
  bench.placed('s2');
  assert.deepEqual(bench.persisted(2), ['start s1 on w1', 'start s2 on w1']);
  assert.deepEqual(bench.ready('s2'), ['grant r1 s2/1 cold']);
  assert.deepEqual(bench.ready('s1'), ['grant r2 s1/1 cold']);
});

test('the most recently used idle sandbox is taken; those idle too long go', () => {
  const bench = new Bench({ idleMsMax: 10_000 });
  bench.acquire('r1');
  bench.acquire('r2');
  bench.placed('s1');
  bench.placed('s2');
  bench.persisted(2);
  bench.ready('s1');
  bench.ready('s2');
  bench.released('s1', 1);
  bench.nowMs += 5_000;
  bench.released('s2', 1);
  assert.deepEqual(bench.tick(5_000), ['stop s1 idle']);
  assert.deepEqual(bench.acquire('r3'), ['grant r3 s2/2 warm']);
});

test('the bounds: waiting invocations, starts at once, waiting time', () => {
  const bench = new Bench({ waitersMax: 2, startingMax: 1 });
  assert.deepEqual(bench.acquire('r1'), ['place s1']);
  assert.deepEqual(bench.acquire('r2', 'q@1', 9_000), []);
  assert.deepEqual(bench.acquire('r3'), ['refuse r3 no-capacity']);
  bench.placed('s1');
  bench.persisted(1);
  assert.deepEqual(bench.ready('s1'), ['grant r1 s1/1 cold', 'place s2'], 'a start slot is free again');
  assert.deepEqual(bench.tick(8_999), []);
  assert.deepEqual(bench.tick(1), ['refuse r2 wait-expired']);
});

test('placement refuses: eviction of the least recently used makes room', () => {
  const bench = new Bench();
  bench.warm(1, 'old@1');
  bench.nowMs += 1;
  bench.warm(2, 'young@1');
  assert.deepEqual(bench.acquire('r1'), ['place s3']);
  assert.deepEqual(bench.step({ kind: 'placement-refused', sandboxId: 's3' as SandboxId }), []);
  const pressure = { kind: 'memory-pressure', workerId: 'w1' as WorkerId, memoryMib: 100 } as const;
  assert.deepEqual(bench.step(pressure), ['stop s1 memory-pressure']);
  assert.deepEqual(bench.step(pressure), [], 'what is already going counts');
  assert.deepEqual(bench.gone('s1'), ['persist 3 gone s1', 'place s4', 'pool gone old@1']);
});

test('a starting sandbox that goes is replaced, until its waiter pays', () => {
  const bench = new Bench({ startFailuresMax: 2 });
  bench.acquire('r1');
  bench.placed('s1');
  bench.persisted(1);
  assert.deepEqual(bench.gone('s1'), ['persist 2 gone s1', 'place s2']);
  bench.placed('s2');
  bench.persisted(3);
  assert.deepEqual(bench.gone('s2'), ['persist 4 gone s2', 'refuse r1 start-failed', 'pool gone p@1']);
});

test('a lost worker: waiters get sandboxes elsewhere, releases from there mean nothing', () => {
  const bench = new Bench();
  bench.warm(1);
  bench.acquire('r1');
  assert.deepEqual(bench.acquire('r2'), ['place s2']);
  bench.placed('s2');
  bench.persisted(2);
  const lost = { kind: 'worker-lost', workerId: 'w1' as WorkerId } as const;
  assert.deepEqual(
    bench.step(lost),
    ['persist 3 gone s1, gone s2', 'place s3', 'place s4 ahead'],
    'and one in place of what was at work',
  );
  assert.deepEqual(bench.released('s1', 2), []);
  assert.deepEqual(bench.placed('s3', 'w2'), ['persist 5 created s3']);
});

test('superseded while starting: the waiter is served, then the sandbox goes; late askers are served, too', () => {
  const bench = new Bench();
  bench.acquire('r1');
  bench.placed('s1');
  bench.persisted(1);
  assert.deepEqual(bench.supersede(), ['persist 2 superseded p@1']);
  assert.deepEqual(bench.ready('s1'), ['grant r1 s1/1 cold']);
  assert.deepEqual(bench.acquire('r2'), ['place s2']);
  assert.deepEqual(bench.released('s1', 1), ['grant r2 s1/2 warm']);
  assert.deepEqual(bench.released('s1', 2), ['stop s1 superseded']);
  bench.placed('s2');
  bench.persisted(3);
  assert.deepEqual(bench.ready('s2'), ['stop s2 superseded']);
});

test('superseded before anybody asked: a late asker does not leave an old sandbox behind', () => {
  const bench = new Bench();
  assert.deepEqual(bench.supersede(), []);
  bench.acquire('r1');
  bench.placed('s1');
  bench.persisted(1);
  assert.deepEqual(bench.ready('s1'), ['grant r1 s1/1 cold']);
  assert.deepEqual(bench.released('s1', 1), ['stop s1 superseded']);
});

test('old age: stopped when idle or released, not in the middle of its work', () => {
  const bench = new Bench({ lifetimeMs: 10_000, lifetimeSpread: 0 });
  bench.warm(1);
  bench.acquire('r1');
  assert.deepEqual(bench.tick(10_000), []);
  assert.deepEqual(bench.released('s1', 2), ['stop s1 lifetime']);
});

test('reports repair what lost messages left behind', () => {
  const bench = new Bench({ reportGraceMs: 1_000 });
  bench.acquire('r1');
  bench.placed('s1');
  bench.persisted(1);
  assert.deepEqual(bench.report(['s1', 'idle', 0]), ['grant r1 s1/1 cold'], 'ready was lost');
  assert.deepEqual(bench.report(['s1', 'idle', 0]), [], 'the invocation may be on its way');
  assert.deepEqual(bench.report(['s1', 'idle', 1]), [], 'released was lost');
  assert.deepEqual(bench.acquire('r2'), ['grant r2 s1/2 warm']);
  bench.nowMs += 1_001;
  assert.deepEqual(bench.report(['s1', 'idle', 1], ['s9', 'busy', 4]), ['stop s9 orphaned']);
  assert.deepEqual(bench.acquire('r3'), ['grant r3 s1/3 warm'], 'the invocation never arrived');
  bench.nowMs += 1_001;
  assert.deepEqual(bench.report(), ['persist 2 gone s1', 'forget s1', 'pool gone p@1']);
});

test('recovery without survivors: everything is forgotten in one checkpoint', () => {
  const bench = new Bench();
  const entries = [created('s1')];
  const effects = bench.machine.recover({ entries, nextSequence: 8, nowMs: 0, survivors: false });
  assert.deepEqual(effects.map(line), ['persist 8 checkpoint 1']);
  assert.deepEqual(bench.persisted(8), ['trim 8']);
  assert.equal(bench.machine.sandboxes, 0);
});

test('recovery with survivors: usable once the worker reports, with epochs above all old ones', () => {
  const bench = new Bench();
  const entries: AssignmentEntry[] = [
    created('s0'),
    { kind: 'checkpoint', term: 4 },
    created('s1'),
    created('s2'),
    { kind: 'sandbox-gone', sandboxId: 's2' as SandboxId },
  ];
  const effects = bench.machine.recover({ entries, nextSequence: 6, nowMs: bench.nowMs, survivors: true });
  assert.deepEqual(effects.map(line), ['persist 6 checkpoint 5, created s1']);
  assert.deepEqual(bench.report(['s1', 'idle', 3 * 2 ** 32]), []);
  assert.deepEqual(bench.acquire('r1'), [`grant r1 s1/${5 * 2 ** 32 + 1} warm`]);
});

function created(sandbox: string): AssignmentEntry {
  return {
    kind: 'sandbox-created',
    sandboxId: sandbox as SandboxId,
    pool: 'p@1' as PoolKey,
    workerId: 'w1' as WorkerId,
    memoryMib: 128,
    createdMs: 0,
  };
}

/** s1 and s2 have served one invocation each; s2 was used last. */
function twoIdle(bench: Bench, runMs: number): void {
  bench.acquire('first');
  bench.acquire('second');
  for (const sandbox of ['s1', 's2']) bench.placed(sandbox);
  bench.persisted(2);
  for (const sandbox of ['s1', 's2']) bench.ready(sandbox);
  bench.nowMs += runMs;
  for (const sandbox of ['s1', 's2']) bench.released(sandbox, 1);
}

test('patience: short work waits for a busy sandbox, and takes an idle one when that is late', () => {
  const bench = new Bench({ patienceMs: 2, busyMin: 1 });
  twoIdle(bench, 0);
  assert.deepEqual(bench.acquire('a'), ['grant a s2/2 warm']);
  assert.deepEqual(bench.acquire('b'), ['arm 1002'], 's1 is idle, but s2 will be free in a moment');
  assert.deepEqual(bench.acquire('c'), []);
  assert.deepEqual(bench.released('s2', 2), ['grant b s2/3 warm']);
  bench.nowMs = 1_002;
  assert.deepEqual(bench.step({ kind: 'patience-over' }), ['grant c s1/2 warm', 'arm 1004']);
  bench.nowMs = 1_004;
  assert.deepEqual(bench.step({ kind: 'patience-over' }), [], 'nobody waits');
});

test('patience: while sandboxes come back, none is started; when none does for long, the work has become long', () => {
  const bench = new Bench({ patienceMs: 2, busyMin: 1 });
  twoIdle(bench, 0);
  bench.acquire('a');
  bench.acquire('b');
  bench.nowMs = 1_002;
  assert.deepEqual(bench.step({ kind: 'patience-over' }), ['grant b s1/2 warm', 'arm 1004']);
  assert.deepEqual(bench.acquire('c'), []);
  bench.nowMs = 1_010;
  assert.deepEqual(bench.step({ kind: 'patience-over' }), ['arm 1012'], 'no idle one, and they came back lately');
  for (let quiet = 3; quiet < 10; quiet += 1) {
    bench.nowMs += 2;
    assert.deepEqual(bench.step({ kind: 'patience-over' }), [`arm ${bench.nowMs + 2}`]);
  }
  bench.nowMs += 2;
  assert.deepEqual(bench.step({ kind: 'patience-over' }), ['place s3']);
  assert.deepEqual(bench.acquire('d'), ['place s4'], 'and from now on nobody is patient');
});

test('patience: time in which this process itself was held up says nothing about the work', () => {
  const bench = new Bench({ patienceMs: 2, busyMin: 1 });
  twoIdle(bench, 0);
  for (const request of ['a', 'b', 'c']) bench.acquire(request);
  bench.nowMs += 2;
  bench.step({ kind: 'patience-over' });
  // Both were given back long ago: it is heard after the alarm, which was due before.
  bench.nowMs += 500;
  assert.deepEqual(bench.step({ kind: 'patience-over' }), [`arm ${bench.nowMs + 2}`]);
  assert.deepEqual(bench.released('s2', 2), ['grant c s2/3 warm']);
});

test('patience: long work never waits for a busy sandbox', () => {
  const bench = new Bench({ patienceMs: 2, busyMin: 1 });
  twoIdle(bench, 100);
  assert.deepEqual(bench.acquire('b'), ['grant b s2/2 warm']);
  assert.deepEqual(bench.acquire('c'), ['grant c s1/2 warm']);
});
