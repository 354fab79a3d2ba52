import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { PoolKey, SandboxId, WorkerId } from '../kernel/ids.js';
import { PlacementMachine } from './machine.js';

const join = (machine: PlacementMachine, worker: string, memoryMib = 1_024, sandboxesMax = 10) =>
  machine.step({
    kind: 'worker-joined',
    nowMs: 0,
    workerId: worker as WorkerId,
    zone: 'a',
    memoryMib,
    sandboxesMax,
  });

function place(machine: PlacementMachine, sandbox: string, memoryMib = 512, pool = 'p@1'): string {
  const [effect] = machine.step({
    kind: 'place',
    nowMs: 0,
    sandboxId: sandbox as SandboxId,
    pool: pool as PoolKey,
    memoryMib,
  });
  if (effect?.kind === 'placed') return effect.workerId;
  const pressure = effect?.pressure ?? null;
  return pressure === null ? 'no' : `no: ${pressure.memoryMib} on ${pressure.workerId}`;
}

const gone = (machine: PlacementMachine, sandbox: string) =>
  machine.step({ kind: 'sandbox-gone', nowMs: 0, sandboxId: sandbox as SandboxId });

test('golden trace: spread by pool, then by fullness; memory fit; pressure where least is lacking', () => {
  const machine = new PlacementMachine();
  assert.equal(place(machine, 's0'), 'no');
  join(machine, 'w1');
  join(machine, 'w2', 2_048);
  const trace = ['s1', 's2', 's3', 's4', 's5', 's6'].map((sandbox) => place(machine, sandbox));
  assert.deepEqual(trace, ['w1', 'w2', 'w2', 'w1', 'w2', 'w2']);
  assert.equal(place(machine, 's7', 512), 'no: 512 on w1');
  assert.equal(place(machine, 's8', 1_500), 'no: 1500 on w2');
  assert.equal(place(machine, 's9', 4_000), 'no');
  assert.equal(place(machine, 's1'), 'w1', 'asked again: the same answer');
  gone(machine, 's2');
  gone(machine, 's2');
  assert.equal(machine.usedMib('w2' as WorkerId), 1_536);
  assert.equal(place(machine, 's10', 128, 'q@1'), 'w2');
});

test('the number of sandboxes is a bound of its own', () => {
  const machine = new PlacementMachine();
  join(machine, 'w1', 10_240, 1);
  assert.equal(place(machine, 's1', 128), 'w1');
  assert.equal(place(machine, 's2', 128), 'no: 1 on w1');
});

test('a lost worker takes its sandboxes along', () => {
  const machine = new PlacementMachine();
  join(machine, 'w1', 512);
  place(machine, 's1');
  machine.step({ kind: 'worker-lost', nowMs: 0, workerId: 'w1' as WorkerId });
  assert.equal(place(machine, 's2'), 'no');
  join(machine, 'w1', 512);
  gone(machine, 's1');
  assert.equal(place(machine, 's2'), 'w1');
  assert.equal(machine.usedMib('w1' as WorkerId), 512);
});

test('a worker that is emptied gets nothing new, and nothing is evicted there for others', () => {
  const machine = new PlacementMachine();
  join(machine, 'w1', 512);
  join(machine, 'w2', 512);
  machine.step({ kind: 'worker-draining', nowMs: 0, workerId: 'w1' as WorkerId });
  assert.equal(place(machine, 's1'), 'w2');
  assert.equal(place(machine, 's2'), 'no: 512 on w2');
  join(machine, 'w1', 512);
  assert.equal(place(machine, 's2'), 'w1');
});

test('sandboxes found after a failover take their room', () => {
  const machine = new PlacementMachine();
  join(machine, 'w1', 512);
  const sandboxId = 's1' as SandboxId;
  const found = { kind: 'sandbox-found', nowMs: 0, sandboxId, pool: 'p@1' as PoolKey, memoryMib: 512 } as const;
  machine.step({ ...found, workerId: 'w1' as WorkerId });
  machine.step({ ...found, workerId: 'w1' as WorkerId });
  assert.equal(place(machine, 's2'), 'no: 512 on w1');
  gone(machine, 's1');
  assert.equal(place(machine, 's2'), 'w1');
});

test('property: no worker is ever overbooked, and what is gone is free', () => {
  const command = fc.record({
    isGone: fc.boolean(),
    sandbox: fc.integer({ min: 0, max: 40 }),
    memoryMib: fc.integer({ min: 128, max: 1_500 }),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const machine = new PlacementMachine();
      const sizes: Record<string, number> = { w1: 1_024, w2: 4_096, w3: 2_000 };
      for (const [worker, memoryMib] of Object.entries(sizes)) join(machine, worker, memoryMib, 5);
      const placed = new Map<string, { worker: string; memoryMib: number }>();
      for (const { isGone, sandbox, memoryMib } of commands) {
        const name = `s${sandbox}`;
        if (isGone) {
          gone(machine, name);
          placed.delete(name);
          continue;
        }
        const worker = place(machine, name, memoryMib);
        if (!worker.startsWith('no') && !placed.has(name)) placed.set(name, { worker, memoryMib });
        for (const [one, size] of Object.entries(sizes)) {
          const here = [...placed.values()].filter((entry) => entry.worker === one);
          const usedMib = here.reduce((sum, entry) => sum + entry.memoryMib, 0);
          assert.ok(usedMib <= size && here.length <= 5);
          assert.equal(machine.usedMib(one as WorkerId), usedMib);
        }
      }
    }),
  );
});
