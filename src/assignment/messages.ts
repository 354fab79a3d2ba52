import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';

/** Why a sandbox goes. Ends up in logs and metrics. */
export type StopReason = 'superseded' | 'idle' | 'memory-pressure' | 'lifetime' | 'shutdown' | 'function-deleted';

/** Entries of the partition's journal: existence only. Busy/idle flips of the warm path are never durable. */
export type AssignmentEntry =
  | {
      readonly kind: 'sandbox-created';
      readonly sandboxId: SandboxId;
      readonly pool: PoolKey;
      readonly workerId: WorkerId;
      readonly memoryMib: number;
      readonly createdMs: number;
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
  /** The worker's sandbox finished its init phase (or will run it again inside its first invocation). */
  | { readonly kind: 'sandbox-ready'; readonly nowMs: number; readonly sandboxId: SandboxId }
  /** The sandbox is gone, for whatever reason, at any time. */
  | { readonly kind: 'sandbox-gone'; readonly nowMs: number; readonly sandboxId: SandboxId }
  | {
      readonly kind: 'placed';
      readonly nowMs: number;
      readonly sandboxId: SandboxId;
      readonly workerId: WorkerId;
    }
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
  /** The entries persisted up to and including this sequence are durable. */
  | { readonly kind: 'persisted'; readonly nowMs: number; readonly sequence: number }
  | { readonly kind: 'tick'; readonly nowMs: number };

export type AssignmentEffect =
  | {
      readonly kind: 'grant';
      readonly requestId: RequestId;
      readonly sandboxId: SandboxId;
      readonly workerId: WorkerId;
      readonly epoch: number;
      /** False: the sandbox was started for a waiting invocation (or ahead of it) and serves its first one. */
      readonly warm: boolean;
    }
  | { readonly kind: 'refuse'; readonly requestId: RequestId; readonly reason: 'no-capacity' | 'wait-expired' }
  /** Ask placement for a worker; answered by `placed` or `placement-refused`. */
  | { readonly kind: 'place'; readonly sandboxId: SandboxId; readonly pool: PoolKey; readonly memoryMib: number }
  /** Its creation is durable: the worker may start it. */
  | {
      readonly kind: 'start';
      readonly sandboxId: SandboxId;
      readonly workerId: WorkerId;
      readonly pool: PoolKey;
      readonly memoryMib: number;
    }
  | {
      readonly kind: 'stop';
      readonly sandboxId: SandboxId;
      readonly workerId: WorkerId;
      readonly reason: StopReason;
    }
  /** Append to the journal; the first entry gets `sequence`. Answered by `persisted`. */
  | { readonly kind: 'persist'; readonly sequence: number; readonly entries: readonly AssignmentEntry[] };
