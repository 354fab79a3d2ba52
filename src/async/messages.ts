import type { DeliveryEnd } from '../kernel/delivery.js';
import type { AccountId, Region, RequestId } from '../kernel/ids.js';

/** How events of one qualifier of a function are to be treated now; asked for at every delivery from the queue. */
export interface AsyncPolicy {
  /** Attempts after an error of the function: 0–2. */
  readonly retriesMax: number;
  /** 60 s … 6 h. */
  readonly eventAgeMsMax: number;
  readonly onSuccessArn: string | null;
  readonly onFailureArn: string | null;
  readonly deadLetterArn: string | null;
  /** The function's reserved concurrency is 0: its events fail without an attempt. */
  readonly zeroReserved: boolean;
}

/** How one attempt ended. `status` and `message`: as a synchronous client would have been answered. */
export type AttemptEnd =
  | { readonly outcome: 'success'; readonly executedVersion: string; readonly response: string | null }
  | {
      readonly outcome: 'function-error';
      readonly executedVersion: string;
      readonly functionError: string;
      readonly response: string | null;
    }
  | {
      readonly outcome: 'throttled' | 'system-error' | 'recursion' | 'function-gone';
      readonly status: number;
      readonly message: string;
    };

/** Why an event is over, as records name it (developer guide, "Capturing records"; the last is recorded of the service). */
export type Condition =
  | 'Success'
  | 'RetriesExhausted'
  | 'EventAgeExceeded'
  | 'ZeroReservedConcurrency'
  | 'RecursiveInvocation';

/** Somebody to be told of a conclusion. A `dead-letter` gets the event itself, a `destination` the record of it. */
export interface Telling {
  readonly kind: 'destination' | 'dead-letter';
  readonly arn: string;
}

/** What remains to be told of an event whose function never runs again. On disk before anybody is told. */
export interface Conclusion {
  readonly condition: Condition;
  /** The last attempt; null: none was made since the event was last taken from the queue. */
  readonly end: AttemptEnd | null;
  readonly atMs: number;
  /** In this order; the first is being told. */
  readonly left: readonly Telling[];
  /** Failed deliveries to the first of them. */
  readonly tries: number;
}

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
  /** Whether its trace is recorded, if that has been decided. */
  readonly traced?: boolean;
  readonly acceptedMs: number;
  /** Attempts made so far that reached the function. */
  readonly attempts: number;
  /** Times the event went back because it was throttled or the platform failed; drives the backoff. */
  readonly setbacks: number;
  /** Absent or null: its function is still to run. */
  readonly conclusion?: Conclusion | null;
}

export type AsyncInput =
  /** The queue may have something due: sent on publish, on a timer and after restart. */
  | { readonly kind: 'wake'; readonly nowMs: number }
  /** Answers `pull`, also after a failure to pull (no deliveries, `nextDueMs` a little later). */
  | {
      readonly kind: 'pulled';
      readonly nowMs: number;
      readonly deliveries: readonly { readonly id: string; readonly event: AsyncEvent; readonly policy: AsyncPolicy }[];
      readonly nextDueMs: number | null;
    }
  | { readonly kind: 'attempt-ended'; readonly nowMs: number; readonly id: string; readonly ended: AttemptEnd }
  /** Answers `conclude`. Not `stored`: the event comes back when its lease is over, as it was before. */
  | { readonly kind: 'concluded'; readonly nowMs: number; readonly id: string; readonly stored: boolean }
  /** Answers `deliver`. */
  | { readonly kind: 'delivered'; readonly nowMs: number; readonly id: string; readonly ended: DeliveryEnd };

/** Why an event leaves the queue; `told`: its conclusion was told to, or is known to be lost on, all who wanted it. */
export type AckReason =
  | 'success'
  | 'retries-exhausted'
  | 'expired'
  | 'zero-reserved'
  | 'recursion'
  | 'function-gone'
  | 'told';

export type AsyncEffect =
  /** Take up to `count` due events from the queue, leased for `leaseMs`. One at a time; answered by `pulled`. */
  | { readonly kind: 'pull'; readonly count: number; readonly leaseMs: number }
  /** It takes longer than the lease: keep the event from being delivered again. */
  | { readonly kind: 'extend'; readonly id: string; readonly leaseUntilMs: number }
  /** `keepsResponse`: somebody may want to be told of it. Answered by `attempt-ended`. */
  | { readonly kind: 'attempt'; readonly id: string; readonly event: AsyncEvent; readonly keepsResponse: boolean }
  /** Store the event with its conclusion in place of the one without, still leased. Answered by `concluded`. */
  | { readonly kind: 'conclude'; readonly id: string; readonly event: AsyncEvent }
  /** Tell the first of `left`. Answered by `delivered`. */
  | { readonly kind: 'deliver'; readonly id: string; readonly event: AsyncEvent; readonly conclusion: Conclusion }
  /** The event is given up, whoever is told of that. */
  | { readonly kind: 'dropped'; readonly id: string; readonly event: AsyncEvent; readonly reason: AckReason }
  /** Nobody will hear of it: the first of `left` cannot be told. */
  | {
      readonly kind: 'undelivered';
      readonly id: string;
      readonly event: AsyncEvent;
      readonly telling: Telling;
      readonly reason: string;
    }
  /** The event is finished. */
  | { readonly kind: 'ack'; readonly id: string; readonly reason: AckReason }
  | { readonly kind: 'nak'; readonly id: string; readonly dueMs: number; readonly event: AsyncEvent }
  /** Send `wake` at this time; replaces the time armed before. */
  | { readonly kind: 'arm'; readonly atMs: number };
