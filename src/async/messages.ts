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

export type AsyncEffect =
  | { readonly kind: 'pull'; readonly count: number }
  | { readonly kind: 'attempt'; readonly id: string; readonly event: AsyncEvent }
  | { readonly kind: 'ack'; readonly id: string }
  | { readonly kind: 'nak'; readonly id: string; readonly dueMs: number; readonly event: AsyncEvent }
  /** Send `wake` at this time. */
  | { readonly kind: 'arm'; readonly atMs: number };
