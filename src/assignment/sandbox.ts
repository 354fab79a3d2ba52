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
  readonly sinceMs: number;
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
  /** The first so many waiters want a sandbox now; those behind them are patient: a busy one will be free at once. */
  pressing = 0;
  sandboxes = 0;
  busy = 0;
  /** How long an invocation holds its sandbox when nothing holds it up; null before the first. */
  runMs: number | null = null;
  /** When an invocation last gave its sandbox back. */
  releasedMs = 0;
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
    const wanted = this.pressing - this.starting;
    return this.refused && wanted > 0 ? Math.max(0, 1 - this.starting) : wanted;
  }

  /** More waiters want a sandbox than there are on their way. */
  get isHungry(): boolean {
    return this.pressing > this.starting;
  }

  takeFirst(): Waiter | undefined {
    this.pressing = Math.max(0, this.pressing - 1);
    return this.waiters.shift();
  }

  /** Removes and returns those that may wait no longer. */
  takeExpired(nowMs: number): readonly Waiter[] {
    const isOver = ({ waitUntilMs }: Waiter) => waitUntilMs <= nowMs;
    const expired = this.waiters.filter(isOver);
    if (expired.length > 0) {
      this.pressing -= this.waiters.slice(0, this.pressing).filter(isOver).length;
      this.waiters = this.waiters.filter((waiter) => !isOver(waiter));
    }
    return expired;
  }

  /** An invocation gives its sandbox back after so long. */
  ran(ms: number, nowMs: number): void {
    const before = this.runMs ?? ms;
    // Down at once, up very slowly: long runs of short work mean that too many sandboxes share the cores, and that
    // must not be the reason to use still more. Work that has become long shows by giving nothing back (patience.ts).
    this.runMs = before + (ms - before) / (ms < before ? 2 : 65_536);
    this.releasedMs = nowMs;
  }

  /** How long one more waiter would wait for a busy sandbox, if all go on as they did. */
  get expectedWaitMs(): number {
    return this.runMs === null ? Number.POSITIVE_INFINITY : ((this.waiters.length + 1) * this.runMs) / this.busy;
  }

  /** Patient waiters from before `sinceMsMax` want a sandbox from now on. */
  press(sinceMsMax: number): void {
    while (this.pressing < this.waiters.length && this.waiters[this.pressing]!.sinceMs <= sinceMsMax)
      this.pressing += 1;
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
