import { assert } from '../kernel/assert.js';
import type { PoolKey, RequestId, WorkerId } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import { Ahead } from './ahead.js';
import { Deliberation } from './deliberation.js';
import { Departures } from './departures.js';
import { Handovers } from './handovers.js';
import type { AssignmentEffect, AssignmentEntry, AssignmentInput, PoolSample, WorkerStanding } from './messages.js';
import { type AssignmentOptions, assignmentDefaults, epochsPerTerm } from './options.js';
import { Patience } from './patience.js';
import { Provision, provisionedOf } from './provision.js';
import { Reports } from './reports.js';
import type { Roster } from './roster.js';
import { Rotation } from './rotation.js';
import { sampleOf } from './sample.js';
import type { Pool, Sandbox } from './sandbox.js';
import { startOf } from './start.js';
import { Starts } from './starts.js';

type Input<K extends AssignmentInput['kind']> = Extract<AssignmentInput, { kind: K }>;

const nothing: readonly AssignmentEffect[] = [];

const scaling = {
  scalingEnvironmentsMax: limits.scalingEnvironmentsMax,
  scalingPeriodMs: limits.scalingPeriodMs,
};

/**
 * Knows every sandbox and who holds it. An invocation takes the idle sandbox of its pool that was used last (the rest
 * can grow old and go); with none idle it waits, first come first served, one new sandbox is started per waiter, and
 * whichever sandbox of the pool is free first serves it. A new sandbox nobody waits for any more stays idle.
 *
 * Sandboxes are also started ahead of those who ask: provisioned ones, those of a version that is about to replace
 * another, replacements of those that are about to go, and what a forecast wants (`provision`, `handover`, `warm`).
 *
 * Perform the effects in their order. Every input may arrive late or twice: what does not fit the state is ignored.
 */
export class AssignmentMachine {
  readonly #deliberation: Deliberation;
  readonly #roster: Roster;
  readonly #departures: Departures;
  readonly #patience: Patience;
  readonly #ahead: Ahead;
  readonly #provision: Provision;
  readonly #handovers: Handovers;
  readonly #rotation: Rotation;
  readonly #starts: Starts;
  readonly #reports: Reports;
  readonly #waitersMax: number;
  readonly #eager: boolean;

  constructor(options: AssignmentOptions) {
    const settled = { ...assignmentDefaults, ...scaling, ...options };
    const deliberation = new Deliberation(settled);
    this.#deliberation = deliberation;
    this.#roster = deliberation.roster;
    this.#waitersMax = settled.waitersMax;
    this.#departures = new Departures(deliberation);
    this.#patience = new Patience(settled);
    this.#eager = settled.eager;
    this.#ahead = new Ahead(deliberation);
    this.#provision = new Provision(deliberation);
    this.#handovers = new Handovers(deliberation, this.#ahead);
    this.#rotation = new Rotation(deliberation, this.#ahead, this.#provision);
    this.#starts = new Starts(deliberation, this.#ahead, this.#provision, this.#rotation, this.#handovers);
    this.#reports = new Reports(deliberation, {
      free: (sandbox) => this.#free(sandbox),
      ready: (sandbox) => this.#ready(sandbox, true),
      gone: (sandbox) => this.#starts.gone(sandbox),
    });
  }

  get sandboxes(): number {
    return this.#roster.sandboxes.size;
  }

  get waiting(): number {
    return this.#deliberation.waiting;
  }

  /** Null: nothing is known of the worker. */
  standing(workerId: WorkerId): WorkerStanding | null {
    const worker = this.#roster.workers.get(workerId);
    return worker === undefined ? null : this.#rotation.standing(worker);
  }

  /** Whether there is anything of the pool; what is not known needs no spec. */
  knows(pool: PoolKey): boolean {
    return this.#roster.pools.has(pool);
  }

  /** Null: nothing is known of the pool. */
  provisioned(key: PoolKey): PoolSample['provisioned'] | null {
    const pool = this.#roster.pools.get(key);
    return pool === undefined ? null : provisionedOf(pool);
  }

  /** All pools; `peak` and `arrivals` begin anew with each call. Of what has not changed, the same object as the last time. */
  samples(): readonly PoolSample[] {
    const samples: PoolSample[] = [];
    for (const pool of this.#roster.pools.values()) samples.push(sampleOf(pool));
    return samples;
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
    const { journal } = this.#deliberation;
    this.#deliberation.nowMs = from.nowMs;
    journal.continueAt(from.nextSequence);
    this.#roster.replay(from.entries, from.nowMs);
    this.#roster.term += 1;
    if (!from.survivors) this.#roster.clear();
    for (const sandbox of this.#roster.sandboxes.values()) this.#rotation.follow(sandbox);
    return [journal.checkpoint()];
  }

  step(input: AssignmentInput): readonly AssignmentEffect[] {
    const deliberation = this.#deliberation;
    deliberation.nowMs = input.nowMs;
    deliberation.effects = [];
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
      case 'sandbox-ready': {
        const sandbox = this.#roster.sandboxes.get(input.sandboxId);
        if (sandbox !== undefined) this.#ready(sandbox, input.initialized !== false);
        break;
      }
      case 'sandbox-gone': {
        const sandbox = this.#roster.sandboxes.get(input.sandboxId);
        if (sandbox !== undefined) this.#starts.gone(sandbox);
        break;
      }
      case 'placed':
        this.#starts.placed(input);
        break;
      case 'placement-refused':
        this.#starts.placementRefused(input);
        break;
      case 'worker-lost':
        this.#starts.workerLost(input.workerId);
        break;
      case 'worker-drain': {
        const worker = this.#roster.workers.get(input.workerId);
        if (worker !== undefined) this.#rotation.drain(worker, input.renew === true);
        break;
      }
      case 'pool-superseded':
        this.#supersede(input);
        break;
      case 'memory-pressure':
        this.#departures.evict(input);
        break;
      case 'worker-report':
        this.#reports.take(input);
        break;
      case 'persisted':
        this.#starts.persisted(input.sequence);
        break;
      case 'tick':
        this.#tick();
        break;
      case 'patience-over':
        this.#patience.over(input.nowMs, (pool, sinceMsMax, isStuck) => this.#press(pool, sinceMsMax, isStuck));
        break;
      case 'warm':
        this.#warm(input);
        break;
      case 'provision':
        this.#provision.set(input);
        break;
      case 'handover':
        this.#handovers.begin(input);
        break;
      case 'keep':
        this.#keep(input);
        break;
      case 'let-go':
        this.#departures.letGo(input);
    }
    if (this.#provision.isWanted) this.#provision.feed();
    if (this.#ahead.isWanted) this.#ahead.feed();
    const { effects } = deliberation;
    const alarmMs = this.#patience.takeAlarm(input.nowMs);
    if (alarmMs !== null) effects.push({ kind: 'arm', atMs: alarmMs });
    return deliberation.journal.before(effects.length === 0 ? nothing : effects);
  }

  #acquire({ requestId, pool: key, memoryMib, waitUntilMs, nowMs }: Input<'acquire'>): void {
    const deliberation = this.#deliberation;
    const pool = this.#roster.poolOf(key, memoryMib);
    pool.arrivals += 1;
    const sandbox = pool.nextIdle;
    const isFull = deliberation.waiting >= this.#waitersMax;
    const isPatient = !isFull && this.#patience.suits(pool);
    if (sandbox !== null && !isPatient && (pool.waiters.length === 0 || !this.#eager)) {
      this.#grant(sandbox, requestId);
      pool.noteLoad(nowMs);
      return;
    }
    if (sandbox === null && isFull) {
      deliberation.effects.push({ kind: 'refuse', requestId, reason: 'no-capacity' });
      deliberation.dropIfEmpty(pool);
      return;
    }
    pool.waiters.push({ requestId, waitUntilMs, sinceMs: nowMs });
    this.#roster.wake(pool, waitUntilMs);
    deliberation.waiting += 1;
    if (!isPatient) {
      this.#press(pool, nowMs, true);
      return;
    }
    this.#patience.hold(pool);
    pool.noteLoad(nowMs);
  }

  /** Those who waited since then, or longer, take what is idle, or have one started. */
  #press(pool: Pool, sinceMsMax: number, mayStart: boolean): void {
    pool.press(sinceMsMax);
    pool.noteLoad(this.#deliberation.nowMs);
    for (let idle = pool.nextIdle; idle !== null && this.#mayTake(pool); idle = pool.nextIdle) {
      this.#grantFirst(pool, idle);
    }
    if (!mayStart) return;
    this.#starts.feed(pool);
    this.#deliberation.dropIfEmpty(pool);
  }

  /** Somebody wants a sandbox now; one at work may be his, too, unless each has to wait for his own. */
  #mayTake(pool: Pool): boolean {
    return this.#eager ? pool.pressing > 0 : pool.isHungry;
  }

  #grantFirst(pool: Pool, sandbox: Sandbox): void {
    this.#deliberation.waiting -= 1;
    this.#grant(sandbox, pool.takeFirst()!.requestId);
    if (!pool.isHungry) this.#deliberation.hungry.delete(pool);
  }

  #grant(sandbox: Sandbox, requestId: RequestId): void {
    const { sandboxId, worker } = sandbox;
    assert(worker !== null, 'a granted sandbox has a worker');
    const start = startOf(sandbox);
    const warm = sandbox.epoch > 0;
    sandbox.epoch = Math.max(sandbox.epoch, this.#roster.term * epochsPerTerm) + 1;
    this.#deliberation.enter(sandbox, 'busy');
    const { epoch } = sandbox;
    this.#deliberation.effects.push({
      kind: 'grant',
      requestId,
      sandboxId,
      workerId: worker.workerId,
      epoch,
      warm,
      start,
    });
  }

  /** The sandbox can serve: the first waiter takes it, or it becomes idle, or goes if its time is over. */
  #free(sandbox: Sandbox): void {
    const deliberation = this.#deliberation;
    const { nowMs } = deliberation;
    const { pool } = sandbox;
    const isDrained = nowMs >= sandbox.drainedMs || nowMs >= sandbox.worker!.drainedMs;
    const isSurplus = this.#provision.isSurplus(sandbox);
    const isOver = isDrained || isSurplus || nowMs >= sandbox.expiresMs;
    const isAwaited = this.#eager || sandbox.epoch === 0 || pool.isHungry || pool.waiters.length > pool.pressing;
    if (pool.waiters.length > 0 && isAwaited && !(isOver && sandbox.epoch > 0)) {
      this.#grantFirst(pool, sandbox);
      return;
    }
    if (pool.superseded !== null || isOver) {
      deliberation.stop(sandbox, pool.superseded ?? (isDrained ? 'drain' : isSurplus ? 'unprovisioned' : 'lifetime'));
      return;
    }
    deliberation.enter(sandbox, 'idle');
    if (sandbox.origin !== 'provisioned') this.#roster.wake(pool, nowMs + deliberation.keepMs(pool));
    // What just became idle may be evicted for those that wait for room: the first in line asks again, the others with
    // the next tick, so that one release never costs more than one placement.
    for (const hungry of deliberation.hungry) {
      this.#starts.feed(hungry);
      break;
    }
  }

  #ready(sandbox: Sandbox, initialized: boolean): void {
    // It was on its way when another leader was deposed.
    if (sandbox.state === 'recovering') this.#deliberation.enter(sandbox, 'starting');
    if (sandbox.state !== 'starting') return;
    const { pool } = sandbox;
    const { nowMs, hungry } = this.#deliberation;
    pool.startFailures = 0;
    pool.startMs = nowMs - sandbox.createdMs;
    sandbox.initialized = initialized;
    if (initialized) pool.aheadBlocked = false;
    else this.#starts.block(pool);
    if (sandbox.origin === 'provisioned' && !initialized) {
      this.#deliberation.stop(sandbox, 'init-failed');
      this.#provision.failed(pool);
    } else {
      if (sandbox.origin === 'provisioned') this.#provision.succeeded(pool);
      if (initialized) this.#rotation.replaced(sandbox);
      this.#free(sandbox);
    }
    if (hungry.size > 0) this.#starts.feedAll();
    this.#handovers.look(pool);
  }

  #warm({ pool: key, memoryMib, count, trigger }: Input<'warm'>): void {
    const pool = this.#roster.poolOf(key, memoryMib);
    this.#ahead.total(pool, trigger, this.#patience.useful(pool, count));
    this.#deliberation.dropIfEmpty(pool);
  }

  #keep({ pool: key, idleMsMax, nowMs }: Input<'keep'>): void {
    this.#roster.keep(key, idleMsMax);
    const pool = this.#roster.pools.get(key);
    // The tick after this one finds out when the first of them has to go.
    if (pool !== undefined) this.#roster.wake(pool, nowMs);
  }

  /** Also for a pool without sandboxes: an invocation that looked it up before may still be on its way. */
  #supersede({ pool: key, reason, nowMs }: Input<'pool-superseded'>): void {
    const pool = this.#roster.poolOf(key, 0);
    if (pool.superseded === null) {
      pool.superseded = reason;
      pool.supersededMs = nowMs;
      if (pool.sandboxes > 0) this.#deliberation.journal.add({ kind: 'pool-superseded', pool: key });
    }
    pool.provisionedTarget = null;
    this.#provision.look(pool);
    this.#ahead.drop(pool);
    for (let sandbox = oldestIdle(pool); sandbox !== null; sandbox = oldestIdle(pool)) {
      this.#deliberation.stop(sandbox, reason);
    }
    this.#handovers.look(pool);
    this.#deliberation.dropIfEmpty(pool);
  }

  #tick(): void {
    const { nowMs } = this.#deliberation;
    for (let pool = this.#roster.poolsDue.takeDue(nowMs); pool !== null; pool = this.#roster.poolsDue.takeDue(nowMs)) {
      this.#lookAfter(pool);
    }
    for (const pool of this.#deliberation.hungry) this.#press(pool, Number.NEGATIVE_INFINITY, false);
    this.#rotation.tick();
    this.#handovers.tick();
    this.#provision.retry();
    this.#starts.feedAll();
  }

  /** Something of the pool is due: a wait is over, an idle sandbox was idle too long, or it can be forgotten. */
  #lookAfter(pool: Pool): void {
    const { nowMs, hungry } = this.#deliberation;
    if (pool.waiters.length > 0) {
      for (const waiter of pool.takeExpired(nowMs)) this.#deliberation.refuse(waiter, 'wait-expired');
      if (!pool.isHungry) hungry.delete(pool);
      for (const { waitUntilMs } of pool.waiters) this.#roster.wake(pool, waitUntilMs);
    }
    this.#departures.ofIdleness(pool);
    this.#deliberation.dropIfEmpty(pool);
  }
}

function oldestIdle({ idle, idleProvisioned, idleRaw }: Pool): Sandbox | null {
  return idle.oldest ?? idleProvisioned.oldest ?? idleRaw.oldest;
}
