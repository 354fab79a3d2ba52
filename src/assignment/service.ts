import { assert } from '../kernel/assert.js';
import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Journal } from '../kernel/ports/journal.js';
import { secondMs } from '../kernel/units.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { AssignmentEffect, AssignmentEntry, AssignmentInput, StopReason } from './messages.js';

/** Where placement and the workers are. Calls return at once; their answers come in through `input`. */
export interface AssignmentPeers {
  place(sandboxId: SandboxId, pool: PoolKey, memoryMib: number): void;
  start(workerId: WorkerId, sandboxId: SandboxId, spec: FunctionSpec): void;
  stop(workerId: WorkerId, sandboxId: SandboxId, reason: StopReason): void;
  /** The sandbox was concluded gone: placement frees its room. */
  forget(sandboxId: SandboxId): void;
}

export interface Grant {
  readonly sandboxId: SandboxId;
  readonly workerId: WorkerId;
  readonly epoch: number;
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
}

/** How often deadlines of waiting invocations and idle sandboxes are looked at: both are many seconds long. */
const tickMs = 1 * secondMs;

/** Entries of one read at recovery; bounds what is decoded in one turn of the event loop. */
const readEntriesMax = 10_000;

/** A pool somebody waits for or has a sandbox of: the machine knows keys only, starting needs the whole spec. */
interface PoolUse {
  readonly spec: FunctionSpec;
  waiting: number;
  sandboxes: number;
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
    let use = this.pools.get(spec.pool);
    if (use === undefined) {
      use = { spec, waiting: 0, sandboxes: 0, problem: null };
      this.pools.set(spec.pool, use);
    }
    use.waiting += 1;
    this.waiting.set(requestId, { listener, use });
    const { pool, memoryMib } = spec;
    this.input({ kind: 'acquire', nowMs: this.clock.nowMs(), requestId, pool, memoryMib, waitUntilMs });
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
        use.sandboxes += 1;
        this.poolOf.set(effect.sandboxId, use);
        this.peers.place(effect.sandboxId, effect.pool, effect.memoryMib);
        return;
      }
      case 'start': {
        const use = this.poolOf.get(effect.sandboxId);
        assert(use !== undefined, `sandbox ${effect.sandboxId} starts without having been placed`);
        this.peers.start(effect.workerId, effect.sandboxId, use.spec);
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
    use.waiting -= 1;
    this.drop(use);
    return listener;
  }

  private forget(sandboxId: SandboxId): void {
    const use = this.poolOf.get(sandboxId);
    if (use === undefined) return;
    this.poolOf.delete(sandboxId);
    use.sandboxes -= 1;
    this.drop(use);
  }

  private drop(use: PoolUse): void {
    if (use.waiting === 0 && use.sandboxes === 0) this.pools.delete(use.spec.pool);
  }

  /** Resolves when everything appended so far is durable. */
  async close(): Promise<void> {
    this.stopTick();
    this.stopPatience();
    await this.appending.catch(() => {});
  }
}
