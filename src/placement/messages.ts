import type { PoolKey, SandboxId, WorkerId } from '../kernel/ids.js';

export type PlacementInput =
  /**
   * After a failover, only once the worker has reported no sandbox that assignment's journal does not know: such ones
   * hold memory that placement cannot see, and are stopped first.
   */
  | {
      readonly kind: 'worker-joined';
      readonly nowMs: number;
      readonly workerId: WorkerId;
      readonly zone: string;
      /** Memory that sandboxes may use. */
      readonly memoryMib: number;
      /** Sandboxes that may exist at once. */
      readonly sandboxesMax: number;
    }
  | { readonly kind: 'worker-lost'; readonly nowMs: number; readonly workerId: WorkerId }
  /** Nothing new goes there, until it joins again. */
  | { readonly kind: 'worker-draining'; readonly nowMs: number; readonly workerId: WorkerId }
  | {
      readonly kind: 'place';
      readonly nowMs: number;
      readonly sandboxId: SandboxId;
      readonly pool: PoolKey;
      readonly memoryMib: number;
    }
  /** After a failover: a sandbox that exists already (from assignment's journal) takes its room. */
  | {
      readonly kind: 'sandbox-found';
      readonly nowMs: number;
      readonly sandboxId: SandboxId;
      readonly pool: PoolKey;
      readonly workerId: WorkerId;
      readonly memoryMib: number;
    }
  | { readonly kind: 'sandbox-gone'; readonly nowMs: number; readonly sandboxId: SandboxId };

export type PlacementEffect =
  | { readonly kind: 'placed'; readonly sandboxId: SandboxId; readonly workerId: WorkerId }
  /** Nothing fits now. `pressure` names the worker on which evicting idle sandboxes would help most, if any. */
  | {
      readonly kind: 'refused';
      readonly sandboxId: SandboxId;
      readonly pressure: { readonly workerId: WorkerId; readonly memoryMib: number } | null;
    };
