import { assert } from '../kernel/assert.js';
import type { RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import { JournalWriter } from './journalwriter.js';
import type { AssignmentEffect, AssignmentEntry, AssignmentInput, SandboxReport, StopReason } from './messages.js';
import { type AssignmentOptions, assignmentDefaults, epochsPerTerm, supersededKeptMs } from './options.js';
import { Patience } from './patience.js';
import { createdEntry, Roster } from './roster.js';
import type { Pool, Sandbox, SandboxState } from './sandbox.js';

type Input<K extends AssignmentInput['kind']> = Extract<AssignmentInput, { kind: K }>;

const nothing: readonly AssignmentEffect[] = [];

/**
 * Knows every sandbox and who holds it. An invocation takes the idle sandbox of its pool that was used last (the rest
 * can grow old and go); with none idle it waits, first come first served, one new sandbox is started per waiter, and
 * whichever sandbox of the pool is free first serves it. A new sandbox nobody waits for any more stays idle.
 *
 * Perform the effects in their order. Every input may arrive late or twice: what does not fit the state is ignored.
 */
export class AssignmentMachine {
  readonly #options: Required<AssignmentOptions>;
  readonly #roster: Roster;
  readonly #journal: JournalWriter;
  /** Pools with fewer sandboxes on their way than waiters, in the order in which they asked. */
  readonly #hungry = new Set<Pool>();
  readonly #patience: Patience;
  /** Created, but not yet durable; ascending by sequence. */
  #journaling: Sandbox[] = [];
  #effects: AssignmentEffect[] = [];
  #nowMs = 0;
  #waiting = 0;

  constructor(options: AssignmentOptions) {
    this.#options = { ...assignmentDefaults, ...options };
    this.#patience = new Patience(this.#options);
    this.#roster = new Roster(this.#options.lifetimeMs, this.#options.lifetimeSpread);
    const { nextSequence, checkpointEntriesMin } = this.#options;
    this.#journal = new JournalWriter(this.#roster, nextSequence, checkpointEntriesMin);
  }

  get sandboxes(): number {
    return this.#roster.sandboxes.size;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Takes over from the journal; once, before the first step. `survivors`: the sandboxes may still exist (workers of
   * their own; each is unusable until its worker reports, and a worker that stays silent must be declared lost).
   * Otherwise they died with the previous process and are forgotten.
   */
  recover(from: {
    readonly entries: readonly AssignmentEntry[];
    readonly nextSequence: number;
    readonly nowMs: number;
    readonly survivors: boolean;
  }): readonly AssignmentEffect[] {
    assert(this.#roster.pools.size === 0, 'recovery comes first');
    this.#nowMs = from.nowMs;
    this.#journal.continueAt(from.nextSequence);
    this.#roster.replay(from.entries, from.nowMs);
    this.#roster.term += 1;
    if (!from.survivors) this.#roster.clear();
    return [this.#journal.checkpoint()];
  }

  step(input: AssignmentInput): readonly AssignmentEffect[] {
    this.#nowMs = input.nowMs;
    this.#effects = [];
    switch (input.kind) {
      case 'acquire':
        this.#acquire(input);
        break;
      case 'released': {
        const sandbox = this.#roster.sandboxes.get(input.sandboxId);
        if (sandbox === undefined) break;
        if (sandbox.state === 'recovering') sandbox.epoch = input.epoch;
        else if (sandbox.state !== 'busy' || sandbox.epoch !== input.epoch) break;
        else sandbox.pool.ran(input.nowMs - sandbox.stateMs, input.nowMs);
        this.#free(sandbox);
        break;
      }
      case 'sandbox-ready':
        this.#ready(this.#roster.sandboxes.get(input.sandboxId));
        break;
      case 'sandbox-gone': {
        const sandbox = this.#roster.sandboxes.get(input.sandboxId);
        if (sandbox !== undefined) this.#gone(sandbox);
        break;
      }
      case 'placed':
        this.#placed(input);
        break;
      case 'placement-refused':
        this.#placementRefused(input.sandboxId);
        break;
      case 'worker-lost':
        this.#workerLost(input.workerId);
        break;
      case 'pool-superseded':
        this.#supersede(input);
        break;
      case 'memory-pressure':
        this.#evict(input);
        break;
      case 'worker-report':
        this.#report(input);
        break;
      case 'persisted':
        this.#persisted(input.sequence);
        break;
      case 'tick':
        this.#tick();
        break;
      case 'patience-over':
        this.#patience.over(input.nowMs, (pool, sinceMsMax, isStuck) => this.#press(pool, sinceMsMax, isStuck));
    }
    const alarmMs = this.#patience.takeAlarm(input.nowMs);
    if (alarmMs !== null) this.#effects.push({ kind: 'arm', atMs: alarmMs });
    return this.#journal.before(this.#effects.length === 0 ? nothing : this.#effects);
  }

  #acquire({ requestId, pool: key, memoryMib, waitUntilMs }: Input<'acquire'>): void {
    const pool = this.#roster.poolOf(key, memoryMib);
    const sandbox = pool.idle.newest;
    const isFull = this.#waiting >= this.#options.waitersMax;
    const isPatient = !isFull && this.#patience.suits(pool);
    if (sandbox !== null && !isPatient && pool.waiters.length === 0) {
      this.#grant(sandbox, requestId);
      return;
    }
    if (sandbox === null && isFull) {
      this.#effects.push({ kind: 'refuse', requestId, reason: 'no-capacity' });
      return;
    }
    pool.waiters.push({ requestId, waitUntilMs, sinceMs: this.#nowMs });
    this.#waiting += 1;
    if (isPatient) this.#patience.hold(pool);
    else this.#press(pool, this.#nowMs, true);
  }

  /** Those who waited since then, or longer, take what is idle, or have one started. */
  #press(pool: Pool, sinceMsMax: number, mayStart: boolean): void {
    pool.press(sinceMsMax);
    while (pool.pressing > 0 && pool.idle.newest !== null) this.#grantFirst(pool, pool.idle.newest);
    if (mayStart) this.#feed(pool);
  }

  #grantFirst(pool: Pool, sandbox: Sandbox): void {
    this.#waiting -= 1;
    this.#grant(sandbox, pool.takeFirst()!.requestId);
    if (!pool.isHungry) this.#hungry.delete(pool);
  }

  #grant(sandbox: Sandbox, requestId: RequestId): void {
    const { sandboxId, worker } = sandbox;
    assert(worker !== null, 'a granted sandbox has a worker');
    const warm = sandbox.epoch > 0;
    sandbox.epoch = Math.max(sandbox.epoch, this.#roster.term * epochsPerTerm) + 1;
    this.#enter(sandbox, 'busy');
    this.#effects.push({ kind: 'grant', requestId, sandboxId, workerId: worker.workerId, epoch: sandbox.epoch, warm });
  }

  /** The sandbox can serve: the first waiter takes it, or it becomes idle, or goes if its time is over. */
  #free(sandbox: Sandbox): void {
    const { pool } = sandbox;
    const isOld = this.#nowMs >= sandbox.expiresMs;
    if (pool.waiters.length > 0 && !(isOld && sandbox.epoch > 0)) {
      this.#grantFirst(pool, sandbox);
      return;
    }
    if (pool.superseded !== null || isOld) {
      this.#stop(sandbox, pool.superseded ?? 'lifetime');
      return;
    }
    this.#enter(sandbox, 'idle');
    // What just became idle may be evicted for those that wait for room: the first in line asks again, the others with
    // the next tick, so that one release never costs more than one placement.
    for (const hungry of this.#hungry) {
      this.#feed(hungry);
      break;
    }
  }

  #ready(sandbox: Sandbox | undefined): void {
    if (sandbox?.state === 'recovering') this.#free(sandbox);
    else if (sandbox?.state === 'starting') {
      sandbox.pool.startFailures = 0;
      this.#free(sandbox);
      if (this.#hungry.size > 0) this.#feedAll();
    }
  }

  /** Asks for as many sandboxes as the pool wants and the bound on starts allows. */
  #feed(pool: Pool): void {
    while (pool.wanted > 0 && this.#roster.starting < this.#options.startingMax) this.#create(pool);
    if (pool.isHungry) this.#hungry.add(pool);
    else this.#hungry.delete(pool);
  }

  #feedAll(): void {
    for (const pool of this.#hungry) {
      if (this.#roster.starting >= this.#options.startingMax) return;
      this.#feed(pool);
    }
  }

  #create(pool: Pool): void {
    const sandboxId = this.#options.newSandboxId();
    this.#roster.enroll(sandboxId, pool, this.#nowMs, 'placing');
    this.#effects.push({ kind: 'place', sandboxId, pool: pool.key, memoryMib: pool.memoryMib });
  }

  #placed({ sandboxId, workerId }: Input<'placed'>): void {
    const sandbox = this.#roster.sandboxes.get(sandboxId);
    if (sandbox?.state !== 'placing') return;
    this.#roster.settle(sandbox, workerId);
    this.#enter(sandbox, 'journaling');
    this.#journaling.push(sandbox);
    sandbox.sequence = this.#journal.add(createdEntry(sandbox));
    sandbox.pool.refused = false;
    if (this.#hungry.has(sandbox.pool)) this.#feed(sandbox.pool);
  }

  /** Tried again when a sandbox goes or becomes idle, and with every tick. */
  #placementRefused(sandboxId: SandboxId): void {
    const sandbox = this.#roster.sandboxes.get(sandboxId);
    if (sandbox?.state !== 'placing') return;
    this.#roster.remove(sandbox);
    const { pool } = sandbox;
    pool.refused = true;
    // To the end of the line: other pools may want smaller sandboxes.
    this.#hungry.delete(pool);
    if (pool.isHungry) this.#hungry.add(pool);
  }

  #persisted(sequence: number): void {
    let done = 0;
    for (const sandbox of this.#journaling) {
      if (sandbox.sequence > sequence) break;
      done += 1;
      if (sandbox.state !== 'journaling') continue;
      const { sandboxId, worker, pool, memoryMib } = sandbox;
      this.#enter(sandbox, 'starting');
      this.#effects.push({ kind: 'start', sandboxId, workerId: worker!.workerId, pool: pool.key, memoryMib });
    }
    if (done > 0) this.#journaling.splice(0, done);
    const trimmable = this.#journal.trimmable(sequence);
    if (trimmable !== null) this.#effects.push({ kind: 'trim', sequence: trimmable });
  }

  #gone(sandbox: Sandbox): void {
    const { pool } = sandbox;
    const failedStart = sandbox.state === 'starting';
    if (sandbox.sequence > 0) this.#journal.add({ kind: 'sandbox-gone', sandboxId: sandbox.sandboxId });
    this.#roster.remove(sandbox);
    if (failedStart) {
      pool.startFailures += 1;
      if (pool.startFailures >= this.#options.startFailuresMax) this.#refuseFirst(pool);
    }
    this.#feed(pool);
    this.#feedAll();
    this.#dropIfEmpty(pool);
  }

  #workerLost(workerId: WorkerId): void {
    const worker = this.#roster.workers.get(workerId);
    if (worker === undefined) return;
    this.#roster.workers.delete(workerId);
    for (const sandbox of worker.sandboxes) {
      if (sandbox.sequence > 0) this.#journal.add({ kind: 'sandbox-gone', sandboxId: sandbox.sandboxId });
      this.#roster.remove(sandbox);
      if (sandbox.pool.isHungry) this.#hungry.add(sandbox.pool);
      this.#dropIfEmpty(sandbox.pool);
    }
    this.#feedAll();
  }

  /** Also for a pool without sandboxes: an invocation that looked it up before may still be on its way. */
  #supersede({ pool: key, reason, nowMs }: Input<'pool-superseded'>): void {
    const pool = this.#roster.poolOf(key, 0);
    if (pool.superseded === null) {
      pool.superseded = reason;
      pool.supersededMs = nowMs;
      if (pool.sandboxes > 0) this.#journal.add({ kind: 'pool-superseded', pool: key });
    }
    for (let sandbox = pool.idle.oldest; sandbox !== null; sandbox = pool.idle.oldest) {
      this.#stop(sandbox, reason);
    }
  }

  #evict({ workerId, memoryMib }: Input<'memory-pressure'>): void {
    const worker = this.#roster.workers.get(workerId);
    if (worker === undefined) return;
    // What is already going counts: pressure is reported again and again until it is gone.
    while (worker.stoppingMib < memoryMib && worker.idle.oldest !== null) {
      this.#stop(worker.idle.oldest, 'memory-pressure');
    }
  }

  #report({ workerId, sandboxes }: Input<'worker-report'>): void {
    const worker = this.#roster.workers.get(workerId);
    const reported = new Set<SandboxId>();
    for (const report of sandboxes) {
      const { sandboxId } = report;
      reported.add(sandboxId);
      const sandbox = this.#roster.sandboxes.get(sandboxId);
      if (sandbox !== undefined && sandbox.worker === worker) this.#compare(sandbox, report);
      else if (report.state !== 'stopping') {
        this.#effects.push({ kind: 'stop', sandboxId, workerId, reason: 'orphaned' });
      }
    }
    if (worker === undefined) return;
    for (const sandbox of worker.sandboxes) {
      const { sandboxId, state } = sandbox;
      if (state === 'journaling' || reported.has(sandboxId) || !this.#isSettled(sandbox)) continue;
      this.#effects.push({ kind: 'forget', sandboxId });
      this.#gone(sandbox);
    }
  }

  #compare(sandbox: Sandbox, report: SandboxReport): void {
    switch (sandbox.state) {
      case 'starting':
        if (report.state === 'idle') this.#ready(sandbox);
        return;
      case 'recovering':
        sandbox.epoch = Math.max(sandbox.epoch, report.epoch);
        if (report.state === 'idle') this.#free(sandbox);
        else if (report.state === 'busy') this.#enter(sandbox, 'busy');
        else if (report.state === 'stopping') this.#stop(sandbox, 'superseded');
        return;
      case 'busy':
        // The release was lost; or, after the grace, so was the invocation itself.
        if (report.state === 'idle' && (report.epoch >= sandbox.epoch || this.#isSettled(sandbox))) this.#free(sandbox);
        return;
      case 'stopping':
        if (report.state !== 'stopping' && this.#isSettled(sandbox)) this.#tellStop(sandbox, 'orphaned');
    }
  }

  /** Whatever was under way when it entered its state has arrived, or never will. */
  #isSettled(sandbox: Sandbox): boolean {
    return this.#nowMs - sandbox.stateMs > this.#options.reportGraceMs;
  }

  #stop(sandbox: Sandbox, reason: StopReason): void {
    this.#enter(sandbox, 'stopping');
    this.#tellStop(sandbox, reason);
  }

  #tellStop({ sandboxId, worker }: Sandbox, reason: StopReason): void {
    this.#effects.push({ kind: 'stop', sandboxId, workerId: worker!.workerId, reason });
  }

  #refuseFirst(pool: Pool): void {
    const waiter = pool.takeFirst();
    if (waiter === undefined) return;
    this.#waiting -= 1;
    this.#effects.push({ kind: 'refuse', requestId: waiter.requestId, reason: 'start-failed' });
  }

  #tick(): void {
    for (const pool of this.#roster.pools.values()) {
      if (pool.waiters.length > 0) this.#expireWaits(pool);
      this.#dropIfEmpty(pool);
    }
    for (const worker of this.#roster.workers.values()) {
      for (let sandbox = worker.idle.oldest; sandbox !== null; ) {
        const after = worker.idle.after(sandbox);
        if (this.#nowMs - sandbox.stateMs >= this.#options.idleMsMax) this.#stop(sandbox, 'idle');
        else if (this.#nowMs >= sandbox.expiresMs) this.#stop(sandbox, 'lifetime');
        sandbox = after;
      }
    }
    this.#feedAll();
  }

  #expireWaits(pool: Pool): void {
    for (const { requestId } of pool.takeExpired(this.#nowMs)) {
      this.#waiting -= 1;
      this.#effects.push({ kind: 'refuse', requestId, reason: 'wait-expired' });
    }
    if (!pool.isHungry) this.#hungry.delete(pool);
  }

  #dropIfEmpty(pool: Pool): void {
    if (!pool.isEmpty) return;
    if (pool.superseded !== null && this.#nowMs - pool.supersededMs < supersededKeptMs) return;
    this.#roster.pools.delete(pool.key);
    this.#hungry.delete(pool);
  }

  #enter(sandbox: Sandbox, state: SandboxState): void {
    this.#roster.enter(sandbox, state, this.#nowMs);
  }
}
