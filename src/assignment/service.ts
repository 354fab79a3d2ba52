import { assert } from '../kernel/assert.js';
import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Journal } from '../kernel/ports/journal.js';
import { secondMs } from '../kernel/units.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { Lease } from '../wire/invocation.js';
import type { StartOrigin } from '../wire/start.js';
import type {
  AssignmentEffect,
  AssignmentEntry,
  AssignmentInput,
  PoolSample,
  StopReason,
  WorkerStanding,
} from './messages.js';

/** Where placement and the workers are. Calls return at once; their answers come in through `input`. */
export interface AssignmentPeers {
  /** `ahead`: nobody waits for it; nothing may be evicted for it. */
  place(sandboxId: SandboxId, pool: PoolKey, memoryMib: number, ahead: boolean): void;
  start(workerId: WorkerId, sandboxId: SandboxId, spec: FunctionSpec, origin: StartOrigin): void;
  stop(workerId: WorkerId, sandboxId: SandboxId, reason: StopReason): void;
  /** The sandbox was concluded gone: placement frees its room. */
  forget(sandboxId: SandboxId): void;
}

export interface Grant extends Lease {
  readonly workerId: WorkerId;
  readonly warm: boolean;
}

/** Answered exactly once, possibly before `acquire` returns. */
export interface AcquireListener {
  granted(grant: Grant): void;
  /** `problem`: with `start-failed`, what the last sandbox of the pool died of. */
  refused(reason: RefuseReason, problem: string | null): void;
}

export type RefuseReason = Extract<AssignmentEffect, { kind: 'refuse' }>['reason'];

interface AssignmentMachine {
  recover(from: {
    readonly entries: readonly AssignmentEntry[];
    readonly nextSequence: number;
    readonly nowMs: number;
    readonly survivors: boolean;
  }): readonly AssignmentEffect[];
  step(input: AssignmentInput): readonly AssignmentEffect[];
  knows(pool: PoolKey): boolean;
  samples(): readonly PoolSample[];
  provisioned(pool: PoolKey): PoolSample['provisioned'] | null;
  standing(workerId: WorkerId): WorkerStanding | null;
}

/** How often deadlines of waiting invocations and idle sandboxes are looked at: both are many seconds long. */
const tickMs = 1 * secondMs;

/** Entries of one read at recovery; bounds what is decoded in one turn of the event loop. */
const readEntriesMax = 10_000;

/** A pool that the machine knows of: it knows keys only, starting needs the whole spec. */
interface PoolUse {
  readonly spec: FunctionSpec;
  /** What the last sandbox that could not serve died of. */
  problem: string | null;
}

/**
 * Somebody who waits for an answer. Emptied when it has come: V8's Map leaves behind the table it grows out of, and what a
 * dead table in the old generation refers to is kept until the next full collection. Whole requests were, all of them; it
 * cost a tenth of the platform's time.
 */
interface Waiter {
  listener: AcquireListener | null;
  use: PoolUse | null;
}

/** Performs the assignment machine's effects for one partition: journal, placement, workers, waiting callers. */
export class AssignmentService {
  private readonly waiting = new Map<RequestId, Waiter>();
  private readonly pools = new Map<PoolKey, PoolUse>();
  private readonly poolOf = new Map<SandboxId, PoolUse>();
  /** Who waits for the end of a handover, by both pools. */
  private readonly handovers = new Map<string, (() => void)[]>();
  private stopTick: () => void;
  private stopPatience: () => void = () => {};
  /** Appends run one after the other: each expects the sequence behind the one before it. */
  private appending: Promise<void> = Promise.resolve();

  constructor(
    private readonly machine: AssignmentMachine,
    private readonly journal: Journal<AssignmentEntry>,
    private readonly peers: AssignmentPeers,
    private readonly clock: Clock,
    /** The journal refused an append (another leader, or a broken disk): this partition must stop serving. */
    private readonly onDeposed: (error: Error) => void,
  ) {
    const tick = () => {
      this.input({ kind: 'tick', nowMs: this.clock.nowMs() });
      this.stopTick = this.clock.after(tickMs, tick);
    };
    this.stopTick = this.clock.after(tickMs, tick);
  }

  /** Reads the journal of the run before. Its sandboxes died with it. Once, before anything else. */
  async recover(): Promise<void> {
    const nextSequence = await this.journal.next();
    const entries: AssignmentEntry[] = [];
    for (let sequence = 1; ; ) {
      const read = await this.journal.read(sequence, readEntriesMax);
      entries.push(...read.map(({ entry }) => entry));
      const last = read.at(-1);
      if (last === undefined) break;
      sequence = last.sequence + 1;
    }
    const nowMs = this.clock.nowMs();
    for (const effect of this.machine.recover({ entries, nextSequence, nowMs, survivors: false })) this.perform(effect);
    await this.appending;
  }

  acquire(requestId: RequestId, spec: FunctionSpec, waitUntilMs: number, listener: AcquireListener): void {
    const use = this.useOf(spec);
    this.waiting.set(requestId, { listener, use });
    const { pool, memoryMib } = spec;
    this.input({ kind: 'acquire', nowMs: this.clock.nowMs(), requestId, pool, memoryMib, waitUntilMs });
  }

  /** At least so many sandboxes shall exist now; what is there may go again. */
  warm(spec: FunctionSpec, count: number, trigger: 'forecast' | 'deploy'): void {
    const { pool, memoryMib } = spec;
    this.use(spec, { kind: 'warm', nowMs: this.clock.nowMs(), pool, memoryMib, count, trigger });
  }

  /** So many provisioned sandboxes shall always exist, until another number is said; not remembered over a restart. */
  provision(spec: FunctionSpec, count: number): void {
    const { pool, memoryMib } = spec;
    this.use(spec, { kind: 'provision', nowMs: this.clock.nowMs(), pool, memoryMib, count });
  }

  /** Resolves when `to` can take over; at the latest after `handoverMsMax`. Never rejects. Also for aliases that move. */
  handover(from: PoolKey, to: FunctionSpec): Promise<void> {
    return new Promise((resolve) => {
      const key = `${from} ${to.pool}`;
      const waiting = this.handovers.get(key);
      if (waiting === undefined) this.handovers.set(key, [resolve]);
      else waiting.push(resolve);
      const { pool, memoryMib } = to;
      this.use(to, { kind: 'handover', nowMs: this.clock.nowMs(), from, to: pool, memoryMib });
    });
  }

  /** Idle sandboxes of the pool are kept so long; null: as configured. */
  keep(pool: PoolKey, idleMsMax: number | null): void {
    this.input({ kind: 'keep', nowMs: this.clock.nowMs(), pool, idleMsMax });
  }

  /** So many idle on-demand sandboxes of the pool go now, those idle longest first. */
  letGo(pool: PoolKey, count: number): void {
    this.input({ kind: 'let-go', nowMs: this.clock.nowMs(), pool, count });
  }

  /** Of all pools that there are; what they count since the last call begins anew: for one caller only. */
  samples(): readonly PoolSample[] {
    return this.machine.samples();
  }

  /** Null: nothing is known of the pool. */
  provisioned(pool: PoolKey): PoolSample['provisioned'] | null {
    return this.machine.provisioned(pool);
  }

  /** The worker's sandboxes go, replacements first; `renew`: it goes on with new ones. */
  drain(workerId: WorkerId, renew: boolean): void {
    this.input({ kind: 'worker-drain', nowMs: this.clock.nowMs(), workerId, renew });
  }

  standing(workerId: WorkerId): WorkerStanding {
    return this.machine.standing(workerId) ?? { workerId, sandboxes: 0, busy: 0, leaving: 0 };
  }

  /** Nothing of the sandbox is left. `problem`: why it could not serve, or null. */
  sandboxGone(sandboxId: SandboxId, problem: string | null): void {
    const use = this.poolOf.get(sandboxId);
    if (use !== undefined && problem !== null) use.problem = problem;
    this.input({ kind: 'sandbox-gone', nowMs: this.clock.nowMs(), sandboxId });
  }

  input(input: AssignmentInput): void {
    for (const effect of this.machine.step(input)) this.perform(effect);
    if (input.kind === 'sandbox-gone' || input.kind === 'placement-refused') this.forget(input.sandboxId);
  }

  private perform(effect: AssignmentEffect): void {
    switch (effect.kind) {
      case 'grant':
        this.answered(effect.requestId).granted(effect);
        return;
      case 'refuse': {
        const problem = this.waiting.get(effect.requestId)?.use?.problem ?? null;
        this.answered(effect.requestId).refused(effect.reason, problem);
        return;
      }
      case 'place': {
        const use = this.pools.get(effect.pool);
        assert(use !== undefined, `sandbox ${effect.sandboxId} wanted for a pool nobody uses`);
        this.poolOf.set(effect.sandboxId, use);
        this.peers.place(effect.sandboxId, effect.pool, effect.memoryMib, effect.ahead);
        return;
      }
      case 'start': {
        const use = this.poolOf.get(effect.sandboxId);
        assert(use !== undefined, `sandbox ${effect.sandboxId} starts without having been placed`);
        this.peers.start(effect.workerId, effect.sandboxId, use.spec, effect.origin);
        return;
      }
      case 'stop':
        this.peers.stop(effect.workerId, effect.sandboxId, effect.reason);
        return;
      case 'persist':
        this.persist(effect.sequence, effect.entries);
        return;
      case 'forget':
        this.peers.forget(effect.sandboxId);
        this.forget(effect.sandboxId);
        return;
      case 'handed-over': {
        const key = `${effect.from} ${effect.to}`;
        const waiting = this.handovers.get(key) ?? [];
        this.handovers.delete(key);
        for (const resolve of waiting) resolve();
        return;
      }
      case 'pool-gone':
        this.drop(effect.pool);
        return;
      case 'arm':
        this.stopPatience = this.clock.after(Math.max(0, effect.atMs - this.clock.nowMs()), () =>
          this.input({ kind: 'patience-over', nowMs: this.clock.nowMs() }),
        );
        return;
      case 'trim':
        this.journal.trim(effect.sequence).catch(this.onDeposed);
        return;
    }
  }

  private persist(sequence: number, entries: readonly AssignmentEntry[]): void {
    this.appending = this.appending.then(async () => {
      const appended = await this.journal.append(sequence, entries);
      if (!appended) throw new Error(`journal has moved past sequence ${sequence}`);
      const last = sequence + entries.length - 1;
      this.input({ kind: 'persisted', nowMs: this.clock.nowMs(), sequence: last });
    });
    this.appending.catch(this.onDeposed);
  }

  private answered(requestId: RequestId): AcquireListener {
    const waiter = this.waiting.get(requestId);
    assert(waiter !== undefined, `answer for ${requestId}, which does not wait`);
    this.waiting.delete(requestId);
    const { listener, use } = waiter;
    assert(listener !== null && use !== null, 'a waiter is answered once');
    waiter.listener = null;
    waiter.use = null;
    return listener;
  }

  private forget(sandboxId: SandboxId): void {
    this.poolOf.delete(sandboxId);
  }

  private useOf(spec: FunctionSpec): PoolUse {
    let use = this.pools.get(spec.pool);
    if (use === undefined) {
      use = { spec, problem: null };
      this.pools.set(spec.pool, use);
    }
    return use;
  }

  /** An input that may, or may not, make the pool known. */
  private use(spec: FunctionSpec, input: AssignmentInput): void {
    this.useOf(spec);
    this.input(input);
    this.drop(spec.pool);
  }

  /** It may be known again by the time that this is performed. */
  private drop(pool: PoolKey): void {
    if (!this.machine.knows(pool)) this.pools.delete(pool);
  }

  /** Resolves when everything appended so far is durable. */
  async close(): Promise<void> {
    this.stopTick();
    this.stopPatience();
    for (const waiting of this.handovers.values()) for (const resolve of waiting) resolve();
    this.handovers.clear();
    await this.appending.catch(() => {});
  }
}
