import type { PoolSample } from '../assignment/messages.js';
import type { PoolKey, VersionKey } from '../kernel/ids.js';
import type { PolicyChoice } from './policies/policy.js';

export type CapacityInput =
  /** What all pools did since the last one, once a second. `memory`: that sandboxes may use, and that they do. */
  | {
      readonly kind: 'sample';
      readonly nowMs: number;
      readonly pools: readonly PoolSample[];
      readonly memory: { readonly totalMib: number; readonly usedMib: number };
    }
  /** Policies of one function version; null: those of everybody. Names that do not exist count as these, too. */
  | {
      readonly kind: 'choose';
      readonly nowMs: number;
      readonly version: VersionKey;
      readonly choice: PolicyChoice | null;
    }
  /** The version is gone. */
  | { readonly kind: 'forget'; readonly nowMs: number; readonly version: VersionKey };

export type CapacityEffect =
  /** So many sandboxes of the version shall exist, all in all, for now. */
  | { readonly kind: 'warm'; readonly version: VersionKey; readonly count: number }
  /** Idle sandboxes of the pool are kept so long; null: as configured. */
  | { readonly kind: 'keep'; readonly pool: PoolKey; readonly idleMsMax: number | null }
  /** So many idle sandboxes of the pool go now, those idle longest first: memory is short. */
  | { readonly kind: 'let-go'; readonly pool: PoolKey; readonly count: number };
