import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import { IdleList } from './idlelist.js';
import type { StopReason } from './messages.js';

/**
 * placing → journaling → starting → idle ⇄ busy → stopping; `recovering` after a failover, until its worker reports.
 * A sandbox may be gone from any of them.
 */
export type SandboxState = 'placing' | 'journaling' | 'starting' | 'recovering' | 'idle' | 'busy' | 'stopping';

/** What assignment knows of one sandbox. Links are those of its pool's and its worker's idle list. */
export interface Sandbox {
  readonly sandboxId: SandboxId;
  readonly pool: Pool;
  readonly memoryMib: number;
  readonly createdMs: number;
  /** It is stopped at its first idle moment after this. */
  readonly expiresMs: number;
  state: SandboxState;
  /** Since when it is in this state. */
  stateMs: number;
  worker: AssignedWorker | null;
  /** Of the latest grant; 0 before the first. */
  epoch: number;
  /** Journal sequence of its creation; 0 before. */
  sequence: number;
  poolBefore: Sandbox | null;
  poolAfter: Sandbox | null;
  workerBefore: Sandbox | null;
  workerAfter: Sandbox | null;
}

export interface Waiter {
  readonly requestId: RequestId;
  readonly waitUntilMs: number;
}

/** Sandboxes that can stand in for each other. */
export class Pool {
  readonly key: PoolKey;
  /** Of each of its sandboxes; 0 until the first invocation of it comes. */
  memoryMib: number;
  readonly idle = new IdleList('pool');
  /** Oldest first. */
  waiters: Waiter[] = [];
  sandboxes = 0;
  /** Those on their way to their first idle moment. */
  starting = 0;
  /** Sandboxes in a row that ended before they were ready. */
  startFailures = 0;
  /** Placement's last answer was no: ask for one sandbox at a time. */
  refused = false;
  superseded: StopReason | null = null;
  supersededMs = 0;

  constructor(key: PoolKey, memoryMib: number) {
    this.key = key;
    this.memoryMib = memoryMib;
  }

  /** Sandboxes still to be asked for, so that each waiter has one on its way. */
  get wanted(): number {
    const wanted = this.waiters.length - this.starting;
    return this.refused && wanted > 0 ? Math.max(0, 1 - this.starting) : wanted;
  }

  /** Removes and returns those that may wait no longer. */
  takeExpired(nowMs: number): readonly Waiter[] {
    const expired = this.waiters.filter(({ waitUntilMs }) => waitUntilMs <= nowMs);
    if (expired.length > 0) this.waiters = this.waiters.filter(({ waitUntilMs }) => waitUntilMs > nowMs);
    return expired;
  }

  get isEmpty(): boolean {
    return this.sandboxes === 0 && this.waiters.length === 0;
  }
}

/** What assignment knows of one worker. */
export class AssignedWorker {
  readonly workerId: WorkerId;
  /** Least recently used first. */
  readonly idle = new IdleList('worker');
  readonly sandboxes = new Set<Sandbox>();
  stoppingMib = 0;

  constructor(workerId: WorkerId) {
    this.workerId = workerId;
  }
}
