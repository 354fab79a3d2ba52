import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import { secondMs } from '../kernel/units.js';
import { EventChecks } from './eventchecks.js';
import type { SimFunction } from './scenario.js';
import { StartChecks } from './startchecks.js';
import { Violation } from './violation.js';
import { WakeUps } from './wakeups.js';

interface Admitted {
  readonly functionKey: string;
  readonly territory: Territory;
  readonly reserved: boolean;
  readonly endsByMs: number;
}

interface Territory {
  inFlight: number;
  unreserved: number;
  windowStartMs: number;
  inWindow: number;
}

interface Lease {
  readonly epoch: number;
  /** The worker may still run it. */
  open: boolean;
}

interface Living {
  readonly pool: PoolKey;
  readonly workerId: WorkerId;
  readonly memoryMib: number;
  running: RequestId | null;
}

export interface CheckLimits {
  readonly accountConcurrency: number;
  readonly workerMemoryMib: number;
  readonly workerSandboxesMax: number;
  readonly attemptsInFlightMax: number;
  readonly deliveriesInFlightMax: number;
  /** Longest time from admission to the end of an invocation. */
  readonly invocationMsMax: number;
  /** Longest life of a sandbox after its version was superseded and nobody asked for it any more. */
  readonly drainMsMax: number;
}

/**
 * The simulator's own book, kept from what really happens (in boxes, in the queue, at clients), against which the
 * machines' decisions are held. Whatever is wrong throws `Violation` at the step that does it.
 */
export class Checks {
  readonly #limits: CheckLimits;
  readonly #admitted = new Map<RequestId, Admitted>();
  readonly #territories = new Map<string, Territory>();
  readonly #perFunction = new Map<string, number>();
  readonly #leases = new Map<SandboxId, Lease>();
  readonly #living = new Map<SandboxId, Living>();
  readonly #workers = new Map<WorkerId, { usedMib: number; sandboxes: number }>();
  /** When the last sandbox of a superseded pool must be gone. */
  readonly #drains = new Map<PoolKey, number>();
  readonly #perPool = new Map<PoolKey, number>();
  readonly events: EventChecks;
  readonly starts = new StartChecks();
  readonly wakeUps = new WakeUps();
  ended = 0;

  constructor(checkLimits: CheckLimits) {
    this.#limits = checkLimits;
    this.events = new EventChecks(checkLimits);
  }

  get openInvocations(): number {
    return this.#admitted.size;
  }

  get livingSandboxes(): number {
    return this.#living.size;
  }

  get openEvents(): number {
    return this.events.open;
  }

  /** Cheap enough for every step: the oldest of everything that has a deadline, and the queue's depth. */
  step(nowMs: number, queueDepth: number): void {
    if (queueDepth !== this.openEvents) {
      throw new Violation(`accepted events lost: ${this.openEvents} are open, the queue holds ${queueDepth}`);
    }
    for (const [requestId, { endsByMs }] of this.#admitted) {
      if (nowMs > endsByMs) throw new Violation(`admitted invocation ${requestId} never ended`);
      break;
    }
    for (const [pool, byMs] of this.#drains) {
      if (nowMs <= byMs) break;
      if (this.#perPool.has(pool)) throw new Violation(`a sandbox of ${pool} outlives its version's drain`);
      this.#drains.delete(pool);
    }
  }

  admitted(requestId: RequestId, fn: SimFunction, reservedInAccount: number, nowMs: number): void {
    if (this.#admitted.has(requestId)) return;
    const { accountConcurrency } = this.#limits;
    const territory = this.#territory(fn.account);
    const inFunction = (this.#perFunction.get(fn.functionKey) ?? 0) + 1;
    if (fn.reserved !== null && inFunction > fn.reserved) {
      throw new Violation(`${fn.name} runs ${inFunction} at once, reserved are ${fn.reserved}`);
    }
    territory.inFlight += 1;
    if (fn.reserved === null) {
      territory.unreserved += 1;
      const pool = accountConcurrency - reservedInAccount;
      if (territory.unreserved > pool) throw new Violation(`unreserved pool of ${pool} exceeded`);
      if (territory.inFlight > accountConcurrency) throw new Violation('account concurrency exceeded');
    }
    if (nowMs - territory.windowStartMs >= secondMs) Object.assign(territory, { windowStartMs: nowMs, inWindow: 0 });
    territory.inWindow += 1;
    // A bucket that was full and refills meanwhile: two seconds' worth in any one second.
    if (territory.inWindow > 2 * 10 * accountConcurrency) throw new Violation('request rate exceeded');
    this.#perFunction.set(fn.functionKey, inFunction);
    const endsByMs = nowMs + this.#limits.invocationMsMax;
    this.#admitted.set(requestId, { functionKey: fn.functionKey, territory, reserved: fn.reserved !== null, endsByMs });
  }

  invocationEnded(requestId: RequestId): void {
    const admitted = this.#admitted.get(requestId);
    if (admitted === undefined) throw new Violation(`invocation ${requestId} ended twice`);
    this.#admitted.delete(requestId);
    this.starts.over(requestId);
    this.#perFunction.set(admitted.functionKey, (this.#perFunction.get(admitted.functionKey) ?? 0) - 1);
    admitted.territory.inFlight -= 1;
    if (!admitted.reserved) admitted.territory.unreserved -= 1;
    this.ended += 1;
  }

  /** `pool`: the version that the invocation asked for, null when nobody waits for the grant any more. */
  granted(sandboxId: SandboxId, pool: PoolKey | null, epoch: number): void {
    const living = this.#living.get(sandboxId);
    if (living !== undefined && pool !== null && living.pool !== pool) {
      throw new Violation(`${sandboxId} of ${living.pool} granted to an invocation of ${pool}`);
    }
    const lease = this.#leases.get(sandboxId);
    if (lease?.open) throw new Violation(`${sandboxId} granted to a second invocation while the first has it`);
    if (lease !== undefined && epoch <= lease.epoch) throw new Violation(`${sandboxId}: epoch ${epoch} came twice`);
    this.#leases.set(sandboxId, { epoch, open: true });
  }

  /** The worker has nothing of this lease any more, or never got it. */
  leaseOver(sandboxId: SandboxId, epoch: number): void {
    const lease = this.#leases.get(sandboxId);
    if (lease?.epoch === epoch) lease.open = false;
  }

  /** A new leader does not know the leases of the old one; there the worker itself is the guard. */
  leasesForgotten(): void {
    this.wakeUps.forget();
    for (const lease of this.#leases.values()) lease.open = false;
  }

  sandboxStarted(sandboxId: SandboxId, living: Omit<Living, 'running'>): void {
    this.#living.set(sandboxId, { ...living, running: null });
    this.#perPool.set(living.pool, (this.#perPool.get(living.pool) ?? 0) + 1);
    const worker = this.#workers.get(living.workerId) ?? { usedMib: 0, sandboxes: 0 };
    worker.usedMib += living.memoryMib;
    worker.sandboxes += 1;
    this.#workers.set(living.workerId, worker);
    if (worker.usedMib > this.#limits.workerMemoryMib) {
      throw new Violation(`memory of ${living.workerId} exceeded: ${worker.usedMib} MiB`);
    }
    if (worker.sandboxes > this.#limits.workerSandboxesMax) {
      throw new Violation(`sandboxes of ${living.workerId} exceeded: ${worker.sandboxes}`);
    }
  }

  sandboxGone(sandboxId: SandboxId): void {
    const living = this.#living.get(sandboxId);
    if (living === undefined) throw new Violation(`${sandboxId} is gone twice`);
    this.#living.delete(sandboxId);
    this.#leases.delete(sandboxId);
    this.starts.gone(sandboxId);
    const left = (this.#perPool.get(living.pool) ?? 1) - 1;
    if (left === 0) this.#perPool.delete(living.pool);
    else this.#perPool.set(living.pool, left);
    const worker = this.#workers.get(living.workerId)!;
    worker.usedMib -= living.memoryMib;
    worker.sandboxes -= 1;
  }

  handlerStarted(sandboxId: SandboxId, requestId: RequestId): void {
    const living = this.#living.get(sandboxId);
    if (living === undefined) throw new Violation(`${sandboxId} runs ${requestId}, but is gone`);
    if (living.running !== null) {
      throw new Violation(`${sandboxId} serves ${living.running} and ${requestId} at once`);
    }
    living.running = requestId;
    this.starts.handled(sandboxId);
  }

  handlerEnded(sandboxId: SandboxId): void {
    const living = this.#living.get(sandboxId);
    if (living !== undefined) living.running = null;
  }

  superseded(pool: PoolKey, nowMs: number): void {
    this.#drains.delete(pool);
    this.#drains.set(pool, nowMs + this.#limits.drainMsMax);
  }

  /** An invocation that looked up its version before it was superseded asks for it now. */
  asked(pool: PoolKey, current: boolean, nowMs: number): void {
    if (!current) this.superseded(pool, nowMs);
  }

  #territory(account: string): Territory {
    let territory = this.#territories.get(account);
    if (territory === undefined) {
      territory = { inFlight: 0, unreserved: 0, windowStartMs: 0, inWindow: 0 };
      this.#territories.set(account, territory);
    }
    return territory;
  }
}
