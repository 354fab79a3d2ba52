import type { AccountId, Region, RequestId } from '../kernel/ids.js';

/** The stored part of an `Event` invocation; its payload travels beside it. */
export interface AsyncEvent {
  readonly requestId: RequestId;
  readonly account: AccountId;
  readonly region: Region;
  readonly functionName: string;
  /** As invoked: `$LATEST`, a version or an alias; resolved again at every attempt. */
  readonly qualifier: string | null;
  readonly invokedFunctionArn: string;
  readonly clientContext: string | null;
  readonly traceHeader: string;
  readonly acceptedMs: number;
  /** Attempts made so far that reached the function. */
  readonly attempts: number;
  /** Times the event went back because it was throttled or the platform failed; drives the backoff. */
  readonly setbacks: number;
}

export type AsyncInput =
  /** The queue may have something due: sent on publish, on a timer and after restart. */
  | { readonly kind: 'wake'; readonly nowMs: number }
  /** Answers `pull`, also after a failure to pull (no deliveries, `nextDueMs` a little later). */
  | {
      readonly kind: 'pulled';
      readonly nowMs: number;
      readonly deliveries: readonly { readonly id: string; readonly event: AsyncEvent }[];
      readonly nextDueMs: number | null;
    }
  | {
      readonly kind: 'attempt-ended';
      readonly nowMs: number;
      readonly id: string;
      readonly outcome: 'success' | 'function-error' | 'throttled' | 'system-error' | 'function-gone';
    };

/** Why an event leaves the queue; destinations and dead letters hang on this. */
export type AckReason = 'success' | 'retries-exhausted' | 'expired' | 'function-gone';

export type AsyncEffect =
  /** Take up to `count` due events from the queue, leased for `leaseMs`. One at a time; answered by `pulled`. */
  | { readonly kind: 'pull'; readonly count: number; readonly leaseMs: number }
  /** The attempt takes longer than the lease: keep the event from being delivered again. */
  | { readonly kind: 'extend'; readonly id: string; readonly leaseUntilMs: number }
  | { readonly kind: 'attempt'; readonly id: string; readonly event: AsyncEvent }
  /** The event is finished: it ran, its retries are used up, it grew too old, or its function is gone. */
  | { readonly kind: 'ack'; readonly id: string; readonly reason: AckReason }
  | { readonly kind: 'nak'; readonly id: string; readonly dueMs: number; readonly event: AsyncEvent }
  /** Send `wake` at this time; replaces the time armed before. */
  | { readonly kind: 'arm'; readonly atMs: number };
