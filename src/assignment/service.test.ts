import assert from 'node:assert/strict';
import test from 'node:test';
import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Journal } from '../kernel/ports/journal.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import { AssignmentMachine } from './machine.js';
import type { AssignmentEntry } from './messages.js';
import { AssignmentService, type Grant } from './service.js';

const specOf = (pool: string) => ({ pool: pool as PoolKey, memoryMib: 128 }) as FunctionSpec;

/** A service whose sandboxes are ready when the test says so, and whose clock stands still between ticks. */
class Platform {
  nowMs = 1_000;
  readonly started: string[] = [];
  readonly grants: Grant[] = [];
  readonly service: AssignmentService;
  readonly machine: AssignmentMachine;
  room = 10;
  #timers: { readonly atMs: number; readonly action: () => void }[] = [];
  #sandboxes = 0;

  constructor() {
    const clock: Clock = {
      nowMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      after: (delayMs, action) => {
        const timer = { atMs: this.nowMs + delayMs, action };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((one) => one !== timer);
        };
      },
    };
    const newSandboxId = () => {
      this.#sandboxes += 1;
      return `s${this.#sandboxes}` as SandboxId;
    };
    this.machine = new AssignmentMachine({ newSandboxId });
    const journal = { append: async () => true, trim: async () => {} } as unknown as Journal<AssignmentEntry>;
    const service: AssignmentService = new AssignmentService(
      this.machine,
      journal,
      {
        place: (sandboxId) => {
          const { nowMs } = this;
          this.room -= 1;
          if (this.room < 0) service.input({ kind: 'placement-refused', nowMs, sandboxId });
          else service.input({ kind: 'placed', nowMs, sandboxId, workerId: 'w' as WorkerId });
        },
        start: (_worker, sandboxId, spec, origin) => void this.started.push(`${sandboxId} ${spec.pool} ${origin}`),
        stop: (_worker, sandboxId) => service.sandboxGone(sandboxId, null),
        forget: () => {},
      },
      clock,
      (error) => {
        throw error;
      },
    );
    this.service = service;
  }

  acquire(request: string, pool: string): void {
    this.service.acquire(request as RequestId, specOf(pool), this.nowMs + 30_000, {
      granted: (grant) => void this.grants.push(grant),
      refused: (reason) => assert.fail(reason),
    });
  }

  ready(sandbox: string): void {
    this.service.input({ kind: 'sandbox-ready', nowMs: this.nowMs, sandboxId: sandbox as SandboxId });
  }

  /** What was appended becomes durable. */
  settled(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  pass(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs += 1_000;
      const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
      this.#timers = this.#timers.filter(({ atMs }) => atMs > this.nowMs);
      for (const { action } of due) action();
    }
  }
}

test('a handover resolves when the new version can take over, its sandboxes are started for it', async () => {
  const platform = new Platform();
  platform.acquire('r1', 'p@1');
  await platform.settled();
  platform.ready('s1');
  let isOver = false;
  const twice = [1, 2].map(() =>
    platform.service.handover('p@1' as PoolKey, specOf('p@2')).then(() => {
      isOver = true;
    }),
  );
  await platform.settled();
  assert.deepEqual(platform.started, ['s1 p@1 demand', 's2 p@2 deploy']);
  assert.equal(isOver, false);
  platform.ready('s2');
  await Promise.all(twice);
  await platform.service.handover('unused@1' as PoolKey, specOf('unused@2'));
  assert.equal(platform.machine.knows('unused@2' as PoolKey), false);
  await platform.service.close();
});

test('a handover ends after 15 s, without room at once, and with the service', async () => {
  const platform = new Platform();
  platform.acquire('r1', 'p@1');
  await platform.settled();
  platform.ready('s1');
  const slow = platform.service.handover('p@1' as PoolKey, specOf('p@2'));
  platform.pass(15_000);
  await slow;
  platform.room = 0;
  await platform.service.handover('p@1' as PoolKey, specOf('p@3'));
  assert.equal(platform.machine.knows('p@3' as PoolKey), false);
  platform.room = 1;
  const open = platform.service.handover('p@1' as PoolKey, specOf('p@4'));
  await platform.service.close();
  await open;
});

test('specs are known as long as their pools: provisioned ones without anybody asking', async () => {
  const platform = new Platform();
  platform.service.provision(specOf('p@1'), 2);
  await platform.settled();
  for (const sandbox of ['s1', 's2']) platform.ready(sandbox);
  const all = { requested: 2, allocated: 2, available: 2, busy: 0, failed: false };
  assert.deepEqual(platform.service.provisioned('p@1' as PoolKey), all);
  assert.deepEqual(platform.service.samples()[0]?.provisioned, all);
  platform.service.sandboxGone('s1' as SandboxId, null);
  await platform.settled();
  platform.acquire('r1', 'p@1');
  assert.equal(platform.grants[0]?.start?.kind, 'provisioned');
  platform.service.provision(specOf('p@1'), 0);
  platform.service.input({ kind: 'released', nowMs: platform.nowMs, sandboxId: 's2' as SandboxId, epoch: 1 });
  platform.service.warm(specOf('q@1'), 1, 'forecast');
  await platform.settled();
  assert.deepEqual(platform.started.slice(2), ['s3 p@1 provisioned', 's4 q@1 forecast']);
  platform.ready('s3');
  platform.pass(600_000);
  assert.equal(platform.machine.knows('p@1' as PoolKey), false);
  assert.equal(platform.service.provisioned('p@1' as PoolKey), null);
  await platform.service.close();
});
