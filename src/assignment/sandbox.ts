import type { PoolKey, RequestId, SandboxId, VersionKey, WorkerId } from '../kernel/ids.js';
import type { StartOrigin } from '../wire/start.js';
import { Alarm } from './duelist.js';
import { IdleList } from './idlelist.js';
import type { PoolSample, StopReason } from './messages.js';
import { PeakWindow } from './peak.js';

/**
 * placing → journaling → starting → idle ⇄ busy → stopping; `recovering` after a failover, until its worker reports.
 * A sandbox may be gone from any of them.
 */
export type SandboxState = 'placing' | 'journaling' | 'starting' | 'recovering' | 'idle' | 'busy' | 'stopping';

/** What assignment knows of one sandbox. Links are those of its pool's idle list. */
export class Sandbox {
  readonly sandboxId: SandboxId;
  readonly pool: Pool;
  readonly memoryMib: number;
  readonly createdMs: number;
  /** It is stopped at its first idle moment after this. */
  expiresMs: number;
  /** When to look after its age next. */
  readonly ageing: Alarm<Sandbox> = new Alarm<Sandbox>(this);
  /** Its time is nearly over, and a replacement was asked for: it goes when that is ready. */
  retiring = false;
  /** From then on it does not stay idle: its worker is drained of it. Infinite: it is not. */
  drainedMs = Number.POSITIVE_INFINITY;
  /** Why it was started. */
  readonly origin: StartOrigin;
  /** False: its init failed, and runs again inside its first invocation. */
  initialized = true;
  state: SandboxState;
  /** Since when it is in this state. */
  stateMs: number;
  worker: AssignedWorker | null = null;
  /** Of the latest grant; 0 before the first. */
  epoch = 0;
  /** Journal sequence of its creation; 0 before. */
  sequence = 0;
  /** Its pool's list that it is in while it is idle. */
  idleIn: IdleList | null = null;
  idleBefore: Sandbox | null = null;
  idleAfter: Sandbox | null = null;
  /** Grows with each time that any sandbox becomes idle: who has the least has been idle longest. */
  idleOrder = 0;

  constructor(
    sandboxId: SandboxId,
    pool: Pool,
    lives: { readonly createdMs: number; readonly expiresMs: number },
    state: SandboxState,
    origin: StartOrigin,
  ) {
    this.sandboxId = sandboxId;
    this.pool = pool;
    this.memoryMib = pool.memoryMib;
    this.createdMs = lives.createdMs;
    this.expiresMs = lives.expiresMs;
    this.state = state;
    this.stateMs = lives.createdMs;
    this.origin = origin;
  }
}

export interface Waiter {
  readonly requestId: RequestId;
  readonly sinceMs: number;
  readonly waitUntilMs: number;
}

/** Sandboxes of a pool that shall be there ahead of those who ask. */
export interface Want {
  readonly pool: Pool;
  readonly origin: Exclude<StartOrigin, 'demand' | 'provisioned'>;
  /** At least so many shall exist. */
  total: number;
  /** So many more than there are. */
  more: number;
}

/** One version's sandboxes are made ready to take over from another's. */
export interface Handover {
  readonly to: Pool;
  readonly from: Set<PoolKey>;
  /** It is over when so many are ready. */
  count: number;
  readonly end: Alarm<Handover>;
}

/** Sandboxes that can stand in for each other. */
export class Pool {
  readonly key: PoolKey;
  /** `ACCOUNT/REGION/NAME/VERSION` */
  readonly version: VersionKey;
  /** `ACCOUNT/REGION/NAME` */
  readonly functionKey: string;
  /** Of each of its sandboxes; 0 until the first invocation of it comes. */
  memoryMib: number;
  readonly idle = new IdleList();
  /** Taken before those, and never for being idle: they are there to wait. */
  readonly idleProvisioned = new IdleList();
  /** Taken after those: their init failed, and runs inside the invocation. */
  readonly idleRaw = new IdleList();
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
  /**
   * Those on their way to their first idle moment. Not the provisioned ones: their init may take longer than anybody
   * waits.
   */
  starting = 0;
  startingProvisioned = 0;
  stopping = 0;
  /** How many provisioned ones there shall be; null: nobody has said, and what the journal brought stays. */
  provisionedTarget: number | null = null;
  /**
   * Provisioned ones that are not on their way out; of them, those that can serve, those of these at work, and those with
   * a replacement asked for.
   */
  provisioned = 0;
  provisionedReady = 0;
  provisionedBusy = 0;
  provisionedRetiring = 0;
  /** Inits of provisioned ones that failed in a row. */
  provisionFailures = 0;
  /** Provisioned ones in a row that were lost before they had served or waited for long; the next one is made then. */
  provisionLosses = 0;
  provisionAgainMs = 0;
  /** Placement had no room for a provisioned one lately. */
  provisionRefused = false;
  /** Those whose replacement is on its way; who asked first is first. */
  readonly retiring: Sandbox[] = [];
  /** What shall be there ahead; at most one for each origin. */
  readonly wants: Want[] = [];
  /** Its last init failed: nothing more is started ahead until one succeeds. */
  aheadBlocked = false;
  /** The handover to it that is under way. */
  handover: Handover | null = null;
  /** Idle ones are kept so long; null: as configured. */
  idleMsMax: number | null = null;
  /** Its next wait that ends, idle sandbox that goes, or when it is forgotten. */
  readonly alarm: Alarm<Pool> = new Alarm<Pool>(this);
  readonly peak = new PeakWindow();
  /** Since the last sample: largest load, and invocations that asked. */
  samplePeak = 0;
  arrivals = 0;
  lastSample: PoolSample | null = null;
  /** From being asked for to ready, of the last one that became ready; null before the first. */
  startMs: number | null = null;
  /** Sandboxes in a row that ended before they were ready. */
  startFailures = 0;
  /** Placement's last answer was no: ask for one sandbox at a time. */
  refused = false;
  superseded: StopReason | null = null;
  supersededMs = 0;

  constructor(key: PoolKey, memoryMib: number) {
    this.key = key;
    this.memoryMib = memoryMib;
    this.version = key.slice(0, key.lastIndexOf('@')) as VersionKey;
    this.functionKey = this.version.slice(0, this.version.lastIndexOf('/'));
  }

  /** The idle one that serves next. */
  get nextIdle(): Sandbox | null {
    const provisioned = this.provisioned === 0 ? null : this.idleProvisioned.newest;
    return provisioned ?? this.idle.newest ?? this.idleRaw.newest;
  }

  /** Those that are not on their way out. */
  get alive(): number {
    return this.sandboxes - this.stopping;
  }

  get startingAll(): number {
    return this.starting + this.startingProvisioned;
  }

  /** Sandboxes that had to be there; who waits patiently for a busy one needs none. */
  get load(): number {
    return this.busy + this.pressing;
  }

  noteLoad(nowMs: number): void {
    const { load } = this;
    this.peak.note(load, nowMs);
    if (load > this.samplePeak) this.samplePeak = load;
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

  /** The last of those that want a sandbox now. */
  takeLastPressing(): Waiter | undefined {
    if (this.pressing === 0) return undefined;
    this.pressing -= 1;
    return this.waiters.splice(this.pressing, 1)[0];
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

  /** Nothing of it is there, or wanted. */
  get isEmpty(): boolean {
    return this.isUnused && !this.provisionedTarget && this.wants.length === 0 && this.handover === null;
  }

  /** Nobody waits, and there is nobody who could serve. */
  get isUnused(): boolean {
    return this.sandboxes === 0 && this.waiters.length === 0;
  }
}

/** What assignment knows of one worker. */
export class AssignedWorker {
  readonly workerId: WorkerId;
  readonly sandboxes = new Set<Sandbox>();
  stoppingMib = 0;
  /** It is being emptied, and from now on none of its sandboxes stays idle. */
  drainedMs = Number.POSITIVE_INFINITY;

  constructor(workerId: WorkerId) {
    this.workerId = workerId;
  }

  /**
   * What it can evict for others, idle longest first; never provisioned ones. Looked for when it is wanted: a list kept at
   * hand would cost every warm invocation, and memory is short at cold starts alone.
   */
  evictable(): Sandbox[] {
    const idle = [...this.sandboxes].filter(({ state, origin }) => state === 'idle' && origin !== 'provisioned');
    return idle.sort((one, other) => one.idleOrder - other.idleOrder);
  }
}
