import assert from 'node:assert/strict';
import test from 'node:test';
import type { AssignmentEffect, AssignmentInput } from '../assignment/messages.js';
import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import { WakeUps } from './wakeups.js';

const pool = 'p@1' as PoolKey;
const workerId = 'w' as WorkerId;
const s1 = 's1' as SandboxId;
const a = 'a' as RequestId;

const acquire: AssignmentInput = { kind: 'acquire', nowMs: 0, requestId: a, pool, memoryMib: 128, waitUntilMs: 9_000 };
const place = (sandboxId: SandboxId): AssignmentEffect => ({
  kind: 'place',
  sandboxId,
  pool,
  memoryMib: 128,
  ahead: false,
});
const start: AssignmentEffect = { kind: 'start', sandboxId: s1, workerId, pool, memoryMib: 128, origin: 'demand' };
const ready: AssignmentInput = { kind: 'sandbox-ready', nowMs: 10, sandboxId: s1 };
const cold = { kind: 'cold', trigger: null, first: true, spilled: false } as const;
const grant: AssignmentEffect = {
  ...{ kind: 'grant', requestId: a, sandboxId: s1, workerId, epoch: 1 },
  ...{ warm: false, start: cold },
};

function waiting(): WakeUps {
  const checks = new WakeUps();
  checks.observe(acquire, [place(s1)]);
  checks.observe({ kind: 'placed', nowMs: 1, sandboxId: s1, workerId }, []);
  checks.observe({ kind: 'persisted', nowMs: 2, sequence: 1 }, [start]);
  return checks;
}

test('nobody waits while a sandbox of his function is free', () => {
  const lost = waiting();
  lost.observe(ready, []);
  lost.observe({ kind: 'tick', nowMs: 900 }, []);
  assert.throws(() => lost.observe({ kind: 'tick', nowMs: 1_000 }, []), /lost wake-up: a waits/);
  const woken = waiting();
  woken.observe(ready, [grant]);
  woken.observe({ kind: 'tick', nowMs: 1_000 }, []);
});

test('never two sandboxes for one invocation', () => {
  assert.throws(() => new WakeUps().observe(acquire, [place(s1), place('s2' as SandboxId)]), /2 sandboxes of p@1/);
  const twice = waiting();
  twice.observe(ready, [grant]);
  assert.throws(() => twice.observe({ kind: 'tick', nowMs: 20 }, [grant]), /granted to a, which waits for none/);
});
