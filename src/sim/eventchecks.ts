import type { AckReason, AsyncEvent, AsyncInput, AsyncPolicy, Conclusion } from '../async/messages.js';
import type { DeliveryEnd } from '../kernel/ports/destinations.js';
import { minuteMs } from '../kernel/units.js';
import { Violation } from './violation.js';

export type Outcome = Extract<AsyncInput, { kind: 'attempt-ended' }>['ended']['outcome'];

interface Entry {
  readonly policy: AsyncPolicy;
  outcome: Outcome | null;
  /** Attempts that the function failed, and that the poller has heard of; and those that the queue knows of. */
  errors: number;
  errorsStored: number;
  /** On disk: its function is not to run again. */
  concluded: boolean;
  /** Destinations that have been told, or that cannot be. */
  readonly told: Set<string>;
  readonly tries: Map<string, number>;
}

/** Deliveries to one destination before it is given up. */
const triesMax = 3;
/** The longest wait of an event: one that would be too old after it is over before. */
const waitMsMax = 5 * minuteMs;

/** The simulator's book of events: what clients were promised of them. */
export class EventChecks {
  readonly #attemptsInFlightMax: number;
  readonly #deliveriesInFlightMax: number;
  readonly #entries = new Map<string, Entry>();
  #accepted = 0;
  #finished = 0;

  constructor(most: { readonly attemptsInFlightMax: number; readonly deliveriesInFlightMax: number }) {
    this.#attemptsInFlightMax = most.attemptsInFlightMax;
    this.#deliveriesInFlightMax = most.deliveriesInFlightMax;
  }

  get open(): number {
    return this.#accepted - this.#finished;
  }

  accepted(id: string, policy: AsyncPolicy): void {
    this.#accepted += 1;
    const entry = { policy, outcome: null, errors: 0, errorsStored: 0, concluded: false };
    this.#entries.set(id, { ...entry, told: new Set(), tries: new Map() });
  }

  attemptStarted(id: string, inFlight: number): void {
    if (inFlight > this.#attemptsInFlightMax) throw new Violation(`${inFlight} events attempted at once`);
    const entry = this.#entries.get(id);
    if (entry?.concluded) throw new Violation(`event ${id} attempted after its conclusion`);
    if (entry !== undefined && entry.errors > entry.policy.retriesMax) {
      throw new Violation(`event ${id} attempted again after ${entry.errors} errors`);
    }
  }

  attemptEnded(id: string, outcome: Outcome): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.outcome = outcome;
    if (outcome === 'function-error') entry.errors += 1;
  }

  /** What has become of it so far is on disk. */
  stored(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.errorsStored = entry.errors;
  }

  /** There was no room for it on disk: nobody knows of it, and it may happen again. */
  unstored(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.errors = entry.errorsStored;
  }

  /** The same of all, for the poller died. */
  forgotten(): void {
    for (const id of this.#entries.keys()) this.unstored(id);
  }

  /** The conclusion is on disk. */
  concluded(id: string, { condition, left, end }: Conclusion): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const { onSuccessArn, onFailureArn, deadLetterArn } = entry.policy;
    const wanted = condition === 'Success' ? [onSuccessArn] : [onFailureArn, deadLetterArn];
    if (left.some(({ arn }) => !wanted.includes(arn))) throw new Violation(`event ${id} is told to whom it is not for`);
    const missing = wanted.filter(
      (arn) => arn !== null && !entry.told.has(arn) && !left.some((one) => one.arn === arn),
    );
    if (missing.length > 0) throw new Violation(`nobody is going to tell ${missing} of event ${id}`);
    if (condition === 'Success' && end?.outcome !== 'success')
      throw new Violation(`event ${id} succeeded without a run`);
    if (condition === 'RetriesExhausted' && entry.errors <= entry.policy.retriesMax) {
      throw new Violation(`event ${id} given up after ${entry.errors} errors`);
    }
    entry.concluded = true;
  }

  delivering(id: string, inFlight: number): void {
    if (inFlight > this.#deliveriesInFlightMax) throw new Violation(`${inFlight} conclusions told at once`);
    if (this.#entries.get(id)?.concluded === false) throw new Violation(`event ${id} is told before it is on disk`);
  }

  /** What really happened at the destination, whether or not the poller hears of it. */
  delivered(id: string, arn: string, ended: DeliveryEnd): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const tries = (entry.tries.get(arn) ?? 0) + 1;
    entry.tries.set(arn, tries);
    if (ended.kind === 'delivered' || !ended.again || tries >= triesMax) entry.told.add(arn);
  }

  /** An event may only leave the queue for a reason that is true. */
  acknowledged(id: string, reason: AckReason, event: AsyncEvent, zeroReserved: boolean, nowMs: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const { outcome, policy } = entry;
    if (!this.#isTrue(entry, reason, event, zeroReserved, nowMs)) {
      throw new Violation(`accepted event ${id} lost: acknowledged as ${reason} after ${outcome}`);
    }
    const isTold = reason === 'told' || reason === 'function-gone';
    const wanted = reason === 'success' ? [policy.onSuccessArn] : [policy.onFailureArn, policy.deadLetterArn];
    if (!isTold && wanted.some((arn) => arn !== null)) throw new Violation(`nobody is told of event ${id}: ${reason}`);
    this.#entries.delete(id);
    this.#finished += 1;
  }

  #isTrue(entry: Entry, reason: AckReason, event: AsyncEvent, zeroReserved: boolean, nowMs: number): boolean {
    switch (reason) {
      case 'success':
      case 'function-gone':
      case 'recursion':
        return entry.outcome === reason;
      case 'retries-exhausted':
        return entry.outcome === 'function-error' && entry.errors > entry.policy.retriesMax;
      case 'zero-reserved':
        return zeroReserved;
      case 'expired':
        return nowMs - event.acceptedMs >= entry.policy.eventAgeMsMax - waitMsMax;
      case 'told':
        return entry.concluded && (event.conclusion?.left ?? []).every(({ arn }) => entry.told.has(arn));
    }
  }
}
