import type { PoolKey, RequestId, SandboxId, VersionKey, WorkerId } from '../kernel/ids.js';
import type { InvocationStart, StartOrigin } from '../wire/start.js';

/** Why a sandbox goes. Ends up in logs and metrics. */
export type StopReason =
  | 'superseded'
  | 'idle'
  | 'memory-pressure'
  | 'lifetime'
  | 'shutdown'
  | 'function-deleted'
  /** Provisioned, and its init failed: it is of no use as such. */
  | 'init-failed'
  /** Provisioned concurrency was lowered or ended. */
  | 'unprovisioned'
  /** Its worker is emptied. */
  | 'drain'
  /** A worker reported a sandbox that assignment does not know (its end was already concluded). */
  | 'orphaned';

/** What a worker says about one of its sandboxes in its regular report. */
export interface SandboxReport {
  readonly sandboxId: SandboxId;
  /** `starting`: not ready yet. `stopping`: on its way out. */
  readonly state: 'starting' | 'idle' | 'busy' | 'stopping';
  /** The largest epoch it accepted an invocation with; 0 before the first. */
  readonly epoch: number;
}

/** Entries of the partition's journal: existence only. Busy/idle flips of the warm path are never durable. */
export type AssignmentEntry =
  /** Everything before it is void; the entries after it in the same append are all that exists. */
  | { readonly kind: 'checkpoint'; readonly term: number }
  | {
      readonly kind: 'sandbox-created';
      readonly sandboxId: SandboxId;
      readonly pool: PoolKey;
      readonly workerId: WorkerId;
      readonly memoryMib: number;
      readonly createdMs: number;
      /** Absent: `demand`. */
      readonly origin?: StartOrigin;
    }
  | { readonly kind: 'sandbox-gone'; readonly sandboxId: SandboxId }
  | { readonly kind: 'pool-superseded'; readonly pool: PoolKey };

export type AssignmentInput =
  /** An admitted invocation wants a sandbox of the pool. Answered by `grant` or `refuse`, now or later. */
  | {
      readonly kind: 'acquire';
      readonly nowMs: number;
      readonly requestId: RequestId;
      readonly pool: PoolKey;
      readonly memoryMib: number;
      /** Give up waiting at this time (epoch ms): answered by `refuse`. */
      readonly waitUntilMs: number;
    }
  /** The invocation ended; its sandbox is idle again. Ignored when the epoch is not the sandbox's current one. */
  | { readonly kind: 'released'; readonly nowMs: number; readonly sandboxId: SandboxId; readonly epoch: number }
  /**
   * The worker's sandbox finished its init phase. `initialized`: false when its init failed; it runs again inside the
   * first invocation. Default true.
   */
  | {
      readonly kind: 'sandbox-ready';
      readonly nowMs: number;
      readonly sandboxId: SandboxId;
      readonly initialized?: boolean;
    }
  /**
   * The sandbox is gone, for whatever reason, at any time. Placement must hear it first: assignment may ask it for the
   * freed room at once. The invocation it may have been serving is ended by the worker (or by whoever noticed the
   * worker's death), not by assignment.
   */
  | { readonly kind: 'sandbox-gone'; readonly nowMs: number; readonly sandboxId: SandboxId }
  | {
      readonly kind: 'placed';
      readonly nowMs: number;
      readonly sandboxId: SandboxId;
      readonly workerId: WorkerId;
    }
  /**
   * Its waiter goes on waiting: for a sandbox of its pool to free up, or for room. When placement named a worker under
   * `pressure`, pass that on as `memory-pressure` right after.
   */
  | { readonly kind: 'placement-refused'; readonly nowMs: number; readonly sandboxId: SandboxId }
  | { readonly kind: 'worker-lost'; readonly nowMs: number; readonly workerId: WorkerId }
  /** Code or configuration changed, or the function is gone: idle sandboxes go now, busy ones after their work. */
  | { readonly kind: 'pool-superseded'; readonly nowMs: number; readonly pool: PoolKey; readonly reason: StopReason }
  /** Free at least `memoryMib` on the worker by evicting idle sandboxes, least recently used first. */
  | {
      readonly kind: 'memory-pressure';
      readonly nowMs: number;
      readonly workerId: WorkerId;
      readonly memoryMib: number;
    }
  /**
   * All sandboxes of the worker, sent regularly: repairs what lost messages left behind and rebuilds busy/idle after a
   * failover. Not needed where worker and assignment share a process.
   */
  | {
      readonly kind: 'worker-report';
      readonly nowMs: number;
      readonly workerId: WorkerId;
      readonly sandboxes: readonly SandboxReport[];
    }
  /** At least `count` sandboxes of the pool shall exist (busy, idle or on their way). One-shot: what is there may go again. */
  | {
      readonly kind: 'warm';
      readonly nowMs: number;
      readonly pool: PoolKey;
      readonly memoryMib: number;
      readonly count: number;
      readonly trigger: 'forecast' | 'deploy';
    }
  /** So many provisioned sandboxes shall always exist; 0 ends it. Repeats change nothing. */
  | {
      readonly kind: 'provision';
      readonly nowMs: number;
      readonly pool: PoolKey;
      readonly memoryMib: number;
      readonly count: number;
    }
  /**
   * `to` is about to replace `from`: as many sandboxes of it as `from` lately had at work. Answered by `handed-over` when
   * they are ready or cannot be had, at once when `from` was not used lately. Invocations ask for `from` until then; it
   * is superseded by an input of its own, later.
   */
  | {
      readonly kind: 'handover';
      readonly nowMs: number;
      readonly from: PoolKey;
      readonly to: PoolKey;
      readonly memoryMib: number;
    }
  /** Idle sandboxes of the pool are kept so long; null: as configured. */
  | { readonly kind: 'keep'; readonly nowMs: number; readonly pool: PoolKey; readonly idleMsMax: number | null }
  /** So many idle on-demand sandboxes of the pool go now (`memory-pressure`), those idle longest first. */
  | { readonly kind: 'let-go'; readonly nowMs: number; readonly pool: PoolKey; readonly count: number }
  /**
   * Its sandboxes go: idle ones when replacements are ready, or cannot be had, the others after their work. Until it is
   * lost nothing new starts there (placement is told by itself). With `renew` it goes on, and so does what is on its way to
   * it: only those go that can serve now. For where there is no other worker.
   */
  | { readonly kind: 'worker-drain'; readonly nowMs: number; readonly workerId: WorkerId; readonly renew?: boolean }
  /** The entries persisted up to and including this sequence are durable. */
  | { readonly kind: 'persisted'; readonly nowMs: number; readonly sequence: number }
  /** Send once a second (waits end, idle and old sandboxes go, placement is asked again). */
  | { readonly kind: 'tick'; readonly nowMs: number }
  /** Answers `arm`. */
  | { readonly kind: 'patience-over'; readonly nowMs: number };

export type AssignmentEffect =
  | {
      readonly kind: 'grant';
      readonly requestId: RequestId;
      readonly sandboxId: SandboxId;
      readonly workerId: WorkerId;
      readonly epoch: number;
      /** False: the sandbox was started for a waiting invocation (or ahead of it) and serves its first one. */
      readonly warm: boolean;
      readonly start: InvocationStart;
    }
  | {
      readonly kind: 'refuse';
      readonly requestId: RequestId;
      /**
       * `no-capacity`: too many invocations wait already. `wait-expired`: no sandbox until `waitUntilMs`.
       * `start-failed`: sandboxes of the pool keep ending before they are ready. `scaling-rate`: its function has had all
       * the new sandboxes that it may have for now.
       */
      readonly reason: 'no-capacity' | 'wait-expired' | 'start-failed' | 'scaling-rate';
    }
  /**
   * Ask placement for a worker; answered by `placed` or `placement-refused`. `ahead`: nobody waits for it, so nothing may
   * be evicted for it (do not pass pressure on).
   */
  | {
      readonly kind: 'place';
      readonly sandboxId: SandboxId;
      readonly pool: PoolKey;
      readonly memoryMib: number;
      readonly ahead: boolean;
    }
  /** Its creation is durable: the worker may start it. */
  | {
      readonly kind: 'start';
      readonly sandboxId: SandboxId;
      readonly workerId: WorkerId;
      readonly pool: PoolKey;
      readonly memoryMib: number;
      readonly origin: StartOrigin;
    }
  | {
      readonly kind: 'stop';
      readonly sandboxId: SandboxId;
      readonly workerId: WorkerId;
      readonly reason: StopReason;
    }
  /** A worker's report shows that the sandbox is gone: tell placement, before performing further effects. */
  | { readonly kind: 'forget'; readonly sandboxId: SandboxId }
  /**
   * Append to the journal, in the order of these effects; the first entry gets `sequence`. Answered by `persisted`.
   * A refused append means that another leader exists: the process must end.
   */
  | { readonly kind: 'persist'; readonly sequence: number; readonly entries: readonly AssignmentEntry[] }
  /** `to` can take over. Once for each pair that was handed over; repeats meanwhile are answered with it. */
  | { readonly kind: 'handed-over'; readonly from: PoolKey; readonly to: PoolKey }
  /** Nothing is known of the pool any more: whoever keeps its spec may forget it. */
  | { readonly kind: 'pool-gone'; readonly pool: PoolKey }
  /** Send `patience-over` at this time; one at a time. */
  | { readonly kind: 'arm'; readonly atMs: number }
  /** A checkpoint is durable: the journal may forget everything below `sequence`. */
  | { readonly kind: 'trim'; readonly sequence: number };

/** What is to be seen of one worker; `AssignmentMachine.standing()`. */
export interface WorkerStanding {
  readonly workerId: WorkerId;
  /** Also those on their way to it, and on their way out. */
  readonly sandboxes: number;
  readonly busy: number;
  /** It is drained of them, and they are still there. */
  readonly leaving: number;
}

/** What is to be seen of one pool; `AssignmentMachine.samples()`, once a second. */
export interface PoolSample {
  readonly pool: PoolKey;
  readonly version: VersionKey;
  readonly memoryMib: number;
  readonly busy: number;
  /** Largest `busy + pressing` since the last call. */
  readonly peak: number;
  /** Invocations that asked since the last call. */
  readonly arrivals: number;
  readonly idle: number;
  readonly starting: number;
  readonly provisioned: {
    readonly requested: number;
    readonly allocated: number;
    readonly available: number;
    /** At work; at most those available. */
    readonly busy: number;
    readonly failed: boolean;
  };
  /** From being asked for to ready: the last sandbox of the pool, milliseconds. Absent: none was ready yet. */
  readonly startMs?: number;
}
