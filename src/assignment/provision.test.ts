import assert from 'node:assert/strict';
import test from 'node:test';
import type { PoolKey, SandboxId, WorkerId } from '../kernel/ids.js';
import { lossMsMin, lossPauseMsMax, provisionFailuresMax } from './options.js';
import { Bench } from './testbench.js';

const pool = 'p@1' as PoolKey;

test('provision: started at once, used first, replaced when they go, never idle too long', () => {
  const bench = new Bench({ idleMsMax: 5_000 });
  assert.deepEqual(bench.provision(2), ['place s1', 'place s2']);
  assert.deepEqual(bench.provision(2), [], 'said twice');
  bench.bringUp('s1');
  assert.deepEqual(bench.machine.provisioned(pool), {
    requested: 2,
    allocated: 2,
    available: 1,
    busy: 0,
    failed: false,
  });
  bench.bringUp('s2');
  assert.deepEqual(bench.machine.provisioned(pool), {
    requested: 2,
    allocated: 2,
    available: 2,
    busy: 0,
    failed: false,
  });
  assert.deepEqual(bench.acquire('a'), ['grant a s2/1 provisioned']);
  assert.deepEqual(bench.acquire('b'), ['grant b s1/1 provisioned']);
  assert.deepEqual(bench.acquire('c'), ['place s3']);
  assert.deepEqual(bench.bringUp('s3'), ['grant c s3/1 cold spilled']);
  assert.equal(bench.machine.provisioned(pool)?.busy, 2, 'and not the one that is not provisioned');
  bench.released('s3', 1);
  bench.released('s1', 1);
  assert.deepEqual(bench.acquire('d'), ['grant d s1/2 provisioned'], 'before the one that was used later');
  assert.equal(bench.machine.provisioned(pool)?.busy, 2, 's2 and s1 again');
  bench.released('s1', 2);
  assert.equal(bench.machine.provisioned(pool)?.busy, 1);
  assert.deepEqual(bench.tick(5_000), ['stop s3 idle']);
  const pressure = { kind: 'memory-pressure', workerId: 'w1' as WorkerId, memoryMib: 1_000 } as const;
  assert.deepEqual(bench.step(pressure), []);
  assert.deepEqual(bench.gone('s1'), ['persist 4 gone s1', 'place s4']);
});

test('provision: what is lost is replaced; what is lost right after its init, again and again, ever later', () => {
  assert.deepEqual([lossMsMin, lossPauseMsMax], [60_000, 60_000]);
  const bench = new Bench();
  const places = (effects: readonly string[]) => effects.filter((effect) => effect.startsWith('place'));
  const available = () => bench.machine.provisioned(pool)?.available;
  bench.provision(1);
  bench.bringUp('s1');
  assert.deepEqual(places(bench.gone('s1')), ['place s2'], 'the first at once');
  assert.equal(available(), 0);
  bench.bringUp('s2');
  assert.equal(available(), 1);
  assert.deepEqual(places(bench.gone('s2')), []);
  assert.deepEqual(places(bench.tick(999)), []);
  assert.deepEqual(places(bench.tick(1)), ['place s3']);
  for (let lost = 3; lost < 12; lost += 1) {
    bench.bringUp(`s${lost}`);
    assert.deepEqual(places(bench.gone(`s${lost}`)), []);
    const pauseMs = Math.min(lossPauseMsMax, 1_000 * 2 ** (lost - 2));
    assert.deepEqual(places(bench.tick(pauseMs - 1)), []);
    assert.deepEqual(places(bench.tick(1)), [`place s${lost + 1}`]);
  }
  bench.bringUp('s12');
  bench.acquire('a');
  bench.released('s12', 1);
  assert.deepEqual(places(bench.gone('s12')), ['place s13'], 'what has served was no failure');
  bench.bringUp('s13');
  bench.tick(lossMsMin);
  assert.deepEqual(places(bench.gone('s13')), ['place s14'], 'nor what waited for long');
});

test('provision: on the way, they serve nobody who waits: he gets one of his own', () => {
  const bench = new Bench();
  bench.provision(1);
  assert.deepEqual(bench.acquire('a'), ['place s2']);
  assert.deepEqual(bench.bringUp('s1'), ['grant a s1/1 provisioned'], 'but the first that is ready');
  assert.deepEqual(bench.bringUp('s2'), []);
  assert.deepEqual(bench.acquire('b'), ['grant b s2/1 proactive(eager-assignment) spilled']);
});

test('provision: a lower number stops idle ones, and busy ones once they answered', () => {
  const bench = new Bench();
  bench.provision(3);
  for (const sandbox of ['s1', 's2', 's3']) bench.bringUp(sandbox);
  bench.acquire('a');
  assert.deepEqual(bench.provision(1), ['stop s1 unprovisioned', 'stop s2 unprovisioned']);
  assert.deepEqual(bench.provision(0), []);
  assert.deepEqual(bench.machine.provisioned(pool), {
    requested: 0,
    allocated: 0,
    available: 0,
    busy: 0,
    failed: false,
  });
  assert.deepEqual(bench.released('s3', 1), ['stop s3 unprovisioned']);
  assert.deepEqual(bench.acquire('b'), ['place s4']);
});

test('provision: one that is ready after the number was lowered serves who waits, once', () => {
  const bench = new Bench();
  bench.provision(2);
  bench.provision(0);
  bench.acquire('a');
  assert.deepEqual(bench.bringUp('s1'), ['grant a s1/1 provisioned']);
  assert.deepEqual(bench.bringUp('s2'), ['stop s2 unprovisioned']);
  assert.deepEqual(bench.released('s1', 1), ['stop s1 unprovisioned']);
});

test('provision: without room it is not yet there, and tried again', () => {
  const bench = new Bench();
  bench.provision(1);
  assert.deepEqual(bench.refused('s1'), []);
  assert.deepEqual(bench.machine.provisioned(pool), {
    requested: 1,
    allocated: 0,
    available: 0,
    busy: 0,
    failed: false,
  });
  assert.deepEqual(bench.tick(1_000), ['place s2']);
});

test('three failed inits end it', () => {
  assert.equal(provisionFailuresMax, 3);
  const bench = new Bench();
  bench.provision(1);
  assert.deepEqual(bench.bringUp('s1', false), ['stop s1 init-failed', 'place s2']);
  bench.bringUp('s2', false);
  assert.deepEqual(bench.bringUp('s3', false), ['stop s3 init-failed']);
  assert.deepEqual(bench.machine.provisioned(pool), {
    requested: 1,
    allocated: 0,
    available: 0,
    busy: 0,
    failed: true,
  });
  assert.deepEqual(bench.provision(1), []);
  assert.deepEqual(bench.tick(1_000), []);
  assert.deepEqual(bench.provision(2), ['place s4', 'place s5']);
  assert.equal(bench.machine.provisioned(pool)?.failed, false);
});

test('provision: a new leader keeps them as such until it is told a number', () => {
  const bench = new Bench();
  const created = { kind: 'sandbox-created', pool, workerId: 'w1' as WorkerId, memoryMib: 128, createdMs: 0 } as const;
  const entries = [{ ...created, sandboxId: 'o1' as SandboxId, origin: 'provisioned' as const }];
  bench.machine.recover({ entries, nextSequence: 2, nowMs: bench.nowMs, survivors: true });
  bench.report(['o1', 'idle', 0]);
  assert.deepEqual(bench.provision(1), []);
  assert.equal(bench.machine.provisioned(pool)?.available, 1);
});
