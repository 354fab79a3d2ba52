import { minuteMs, secondMs } from '../kernel/units.js';
import type {
  AckReason,
  AsyncEffect,
  AsyncEvent,
  AsyncInput,
  AsyncPolicy,
  AttemptEnd,
  Conclusion,
  Condition,
  Telling,
} from './messages.js';

export interface AsyncOptions {
  /** Events attempted at once. */
  readonly attemptsInFlightMax?: number;
  /**
   * Conclusions told at once, beside the attempts: destinations that hang must not keep functions from running. Ours: 32
   * of the largest (an event of 1 MiB and a response of 6 MiB) are 224 MiB.
   */
  readonly deliveriesInFlightMax?: number;
  /** A pulled event is delivered again unless finished, given back or extended within this time. */
  readonly leaseMs?: number;
  /** Before the first retry after an error of the function; before the second twice as long. */
  readonly retryMs?: number;
}

type Pulled = Extract<AsyncInput, { kind: 'pulled' }>;
type Delivery = Pulled['deliveries'][number];

interface Content {
  readonly event: AsyncEvent;
  readonly policy: AsyncPolicy;
}

/**
 * An event that this poller has taken from the queue. Emptied when it lets go of it: the tables that V8's Map leaves behind
 * keep what they refer to until the next full collection.
 */
interface Held {
  content: Content | null;
  leaseUntilMs: number;
  stage: 'attempt' | 'conclude' | 'deliver';
  /** Since when it has been at this stage. */
  sinceMs: number;
}

/** AWS documentation, "error handling for asynchronous invocation": from 1 second, exponentially, to 5 minutes. */
const setbackMsMin = secondMs;
const setbackMsMax = 5 * minuteMs;
/** 2^9 s is the first doubling beyond 5 minutes: no exponent needs to be larger. */
const setbackDoublingsMax = 9;
/** The same page: one minute before the first retry, two before the second. */
const retryMsDefault = minuteMs;
/** Deliveries of a conclusion to one destination. Ours: a short failure is survived, a long one not waited for. */
const deliveriesMax = 3;
/** Before the second of them; before the third twice as long. Ours. */
const deliverAgainMs = secondMs;
/** How long deliveries take, before any has been seen; and how much each one seen counts. Ours: of use after a few. */
const deliveryMsDefault = 100;
const deliveryWeight = 0.2;

const nothing: readonly AsyncEffect[] = [];

/**
 * The poller: takes due events from the queue and attempts them, a bounded number at once. An event leaves the queue only
 * by `ack`; until then it is leased, and comes back by itself when this process dies. Once its function is not to run
 * again that is stored with it, and only then told: what is interrupted there repeats the telling, never the function.
 */
export class AsyncMachine {
  readonly #attemptsInFlightMax: number;
  readonly #deliveriesInFlightMax: number;
  readonly #leaseMs: number;
  readonly #retryMs: number;
  readonly #held = new Map<string, Held>();
  #attempting = 0;
  /** How long deliveries take lately; and when the last of those that wait for a place should find one. */
  #deliveryMs = deliveryMsDefault;
  #placeMs = Number.NEGATIVE_INFINITY;
  #pulling = false;
  /** The queue may hold more that is due. */
  #moreDue = false;
  /** Earliest time at which the queue has something, as far as known. */
  #queueDueMs = Number.POSITIVE_INFINITY;
  #extendMs = Number.POSITIVE_INFINITY;
  #armedMs = Number.POSITIVE_INFINITY;

  constructor({
    attemptsInFlightMax = 100,
    deliveriesInFlightMax = 32,
    leaseMs = minuteMs,
    retryMs = retryMsDefault,
  }: AsyncOptions = {}) {
    this.#attemptsInFlightMax = attemptsInFlightMax;
    this.#deliveriesInFlightMax = deliveriesInFlightMax;
    this.#leaseMs = leaseMs;
    this.#retryMs = retryMs;
  }

  get attemptsInFlight(): number {
    return this.#attempting;
  }

  get deliveriesInFlight(): number {
    return this.#held.size - this.#attempting;
  }

  step(input: AsyncInput): readonly AsyncEffect[] {
    const effects: AsyncEffect[] = [];
    switch (input.kind) {
      case 'wake':
        this.#moreDue = true;
        this.#queueDueMs = Number.POSITIVE_INFINITY;
        // Timers may fire a little early, so every wake arms anew rather than trusting that the time has come.
        this.#armedMs = Number.POSITIVE_INFINITY;
        break;
      case 'pulled':
        this.#onPulled(input, effects);
        break;
      case 'attempt-ended':
        this.#onEnded(input, effects);
        break;
      case 'concluded':
        this.#onConcluded(input, effects);
        break;
      case 'delivered':
        this.#onDelivered(input, effects);
        break;
    }
    if (input.nowMs >= this.#extendMs) this.#extend(input.nowMs, effects);
    this.#pull(effects);
    this.#arm(effects);
    return effects.length === 0 ? nothing : effects;
  }

  #onPulled({ nowMs, deliveries, nextDueMs }: Pulled, effects: AsyncEffect[]): void {
    this.#pulling = false;
    if (nextDueMs !== null) {
      if (nextDueMs <= nowMs) this.#moreDue = true;
      else this.#queueDueMs = Math.min(this.#queueDueMs, nextDueMs);
    }
    for (const delivery of deliveries) {
      // Its lease ran out before `extend` arrived; what is under way still decides.
      if (!this.#held.has(delivery.id)) this.#take(delivery, nowMs, effects);
    }
  }

  #take({ id, event, policy }: Delivery, nowMs: number, effects: AsyncEffect[]): void {
    const conclusion = event.conclusion ?? null;
    if (conclusion !== null) {
      if (this.deliveriesInFlight >= this.#deliveriesInFlightMax) this.#wait(id, event, conclusion, nowMs, effects);
      else {
        this.#hold(id, event, policy, 'deliver', nowMs);
        effects.push({ kind: 'deliver', id, event, conclusion });
      }
    } else if (policy.zeroReserved) {
      this.#conclude(id, event, policy, 'ZeroReservedConcurrency', null, nowMs, effects);
    } else if (nowMs - event.acceptedMs >= policy.eventAgeMsMax) {
      this.#conclude(id, event, policy, 'EventAgeExceeded', null, nowMs, effects);
    } else {
      this.#hold(id, event, policy, 'attempt', nowMs);
      const { onSuccessArn, onFailureArn, deadLetterArn } = policy;
      const keepsResponse = onSuccessArn !== null || onFailureArn !== null || deadLetterArn !== null;
      effects.push({ kind: 'attempt', id, event, keepsResponse });
    }
  }

  #onEnded({ nowMs, id, ended }: Extract<AsyncInput, { kind: 'attempt-ended' }>, effects: AsyncEffect[]): void {
    const held = this.#held.get(id);
    if (held?.stage !== 'attempt') return;
    const { event, policy } = this.#release(id, held);
    switch (ended.outcome) {
      case 'success': {
        const run = { ...event, attempts: event.attempts + 1 };
        this.#conclude(id, run, policy, 'Success', ended, nowMs, effects);
        return;
      }
      case 'function-error': {
        const attempts = event.attempts + 1;
        const run = { ...event, attempts, setbacks: 0 };
        if (attempts > policy.retriesMax) {
          this.#conclude(id, run, policy, 'RetriesExhausted', ended, nowMs, effects);
        } else this.#back(id, run, policy, ended, nowMs, this.#retryMs * 2 ** (attempts - 1), effects);
        return;
      }
      case 'throttled':
      case 'system-error': {
        const setbacks = event.setbacks + 1;
        this.#back(id, { ...event, setbacks }, policy, ended, nowMs, setbackMs(event.setbacks), effects);
        return;
      }
      case 'recursion':
        this.#conclude(id, event, policy, 'RecursiveInvocation', ended, nowMs, effects);
        return;
      case 'function-gone':
        // Whom to tell went with it.
        effects.push({ kind: 'dropped', id, event, reason: 'function-gone' });
        effects.push({ kind: 'ack', id, reason: 'function-gone' });
    }
  }

  /** Back into the queue, unless the event will be too old by then. */
  #back(
    id: string,
    event: AsyncEvent,
    policy: AsyncPolicy,
    end: AttemptEnd,
    nowMs: number,
    delayMs: number,
    effects: AsyncEffect[],
  ): void {
    const dueMs = nowMs + delayMs;
    if (dueMs - event.acceptedMs >= policy.eventAgeMsMax) {
      this.#conclude(id, event, policy, 'EventAgeExceeded', end, nowMs, effects);
    } else this.#nak(id, event, dueMs, effects);
  }

  /** The function never runs again with this event. */
  #conclude(
    id: string,
    event: AsyncEvent,
    policy: AsyncPolicy,
    condition: Condition,
    end: AttemptEnd | null,
    nowMs: number,
    effects: AsyncEffect[],
  ): void {
    const left = tellingsOf(policy, condition);
    if (condition !== 'Success') effects.push({ kind: 'dropped', id, event, reason: reasons[condition] });
    if (left.length === 0) {
      effects.push({ kind: 'ack', id, reason: reasons[condition] });
      return;
    }
    const conclusion: Conclusion = { condition, end, atMs: nowMs, left, tries: 0 };
    if (this.deliveriesInFlight >= this.#deliveriesInFlightMax) this.#wait(id, event, conclusion, nowMs, effects);
    else {
      const concluded = { ...event, conclusion };
      this.#hold(id, concluded, policy, 'conclude', nowMs);
      effects.push({ kind: 'conclude', id, event: concluded });
    }
  }

  #onConcluded({ nowMs, id, stored }: Extract<AsyncInput, { kind: 'concluded' }>, effects: AsyncEffect[]): void {
    const held = this.#held.get(id);
    if (held?.stage !== 'conclude') return;
    if (!stored) {
      this.#release(id, held);
      return;
    }
    held.stage = 'deliver';
    held.sinceMs = nowMs;
    const { event } = held.content!;
    effects.push({ kind: 'deliver', id, event, conclusion: event.conclusion! });
  }

  #onDelivered({ nowMs, id, ended }: Extract<AsyncInput, { kind: 'delivered' }>, effects: AsyncEffect[]): void {
    const held = this.#held.get(id);
    if (held?.stage !== 'deliver') return;
    this.#deliveryMs += deliveryWeight * (nowMs - held.sinceMs - this.#deliveryMs);
    const { event, policy } = held.content!;
    const conclusion = event.conclusion!;
    const tries = conclusion.tries + 1;
    if (ended.kind === 'failed' && ended.again && tries < deliveriesMax) {
      this.#release(id, held);
      const dueMs = nowMs + deliverAgainMs * 2 ** conclusion.tries;
      this.#nak(id, { ...event, conclusion: { ...conclusion, tries } }, dueMs, effects);
      return;
    }
    if (ended.kind === 'failed') {
      effects.push({ kind: 'undelivered', id, event, telling: conclusion.left[0]!, reason: ended.reason });
    }
    const left = conclusion.left.slice(1);
    if (left.length === 0) {
      this.#release(id, held);
      effects.push({ kind: 'ack', id, reason: 'told' });
      return;
    }
    // Stored in between, so that who has been told is not told again.
    const concluded = { ...event, conclusion: { ...conclusion, left, tries: 0 } };
    held.content = { event: concluded, policy };
    held.stage = 'conclude';
    effects.push({ kind: 'conclude', id, event: concluded });
  }

  /**
   * Too many are being told: back, with the conclusion, each for a time of its own at which a place should be free. All
   * at the same time they would only find the first of them in their way again.
   */
  #wait(id: string, event: AsyncEvent, conclusion: Conclusion, nowMs: number, effects: AsyncEffect[]): void {
    this.#placeMs = Math.max(this.#placeMs, nowMs) + Math.max(1, this.#deliveryMs / this.#deliveriesInFlightMax);
    this.#nak(id, { ...event, conclusion }, Math.ceil(this.#placeMs), effects);
  }

  #nak(id: string, event: AsyncEvent, dueMs: number, effects: AsyncEffect[]): void {
    effects.push({ kind: 'nak', id, dueMs, event });
    this.#queueDueMs = Math.min(this.#queueDueMs, dueMs);
  }

  #hold(id: string, event: AsyncEvent, policy: AsyncPolicy, stage: Held['stage'], nowMs: number): void {
    const leaseUntilMs = nowMs + this.#leaseMs;
    this.#held.set(id, { content: { event, policy }, leaseUntilMs, stage, sinceMs: nowMs });
    if (stage === 'attempt') this.#attempting += 1;
    this.#extendMs = Math.min(this.#extendMs, leaseUntilMs - this.#leaseMs / 2);
  }

  #release(id: string, held: Held): Content {
    const content = held.content!;
    this.#held.delete(id);
    held.content = null;
    if (held.stage === 'attempt') this.#attempting -= 1;
    return content;
  }

  #extend(nowMs: number, effects: AsyncEffect[]): void {
    this.#extendMs = Number.POSITIVE_INFINITY;
    for (const [id, held] of this.#held) {
      if (held.leaseUntilMs - nowMs <= this.#leaseMs / 2) {
        held.leaseUntilMs = nowMs + this.#leaseMs;
        effects.push({ kind: 'extend', id, leaseUntilMs: held.leaseUntilMs });
      }
      this.#extendMs = Math.min(this.#extendMs, held.leaseUntilMs - this.#leaseMs / 2);
    }
  }

  #pull(effects: AsyncEffect[]): void {
    const count = this.#attemptsInFlightMax - this.#attempting;
    if (this.#pulling || !this.#moreDue || count <= 0) return;
    this.#pulling = true;
    this.#moreDue = false;
    effects.push({ kind: 'pull', count, leaseMs: this.#leaseMs });
  }

  #arm(effects: AsyncEffect[]): void {
    const atMs = Math.min(this.#queueDueMs, this.#extendMs);
    if (atMs >= this.#armedMs) return;
    this.#armedMs = atMs;
    effects.push({ kind: 'arm', atMs });
  }
}

function setbackMs(before: number): number {
  return Math.min(setbackMsMax, setbackMsMin * 2 ** Math.min(before, setbackDoublingsMax));
}

/** A failure is told to both, as Lambda does; the record first. */
function tellingsOf({ onSuccessArn, onFailureArn, deadLetterArn }: AsyncPolicy, condition: Condition): Telling[] {
  const left: Telling[] = [];
  const arn = condition === 'Success' ? onSuccessArn : onFailureArn;
  if (arn !== null) left.push({ kind: 'destination', arn });
  if (condition !== 'Success' && deadLetterArn !== null) left.push({ kind: 'dead-letter', arn: deadLetterArn });
  return left;
}

const reasons: Readonly<Record<Condition, AckReason>> = {
  Success: 'success',
  RetriesExhausted: 'retries-exhausted',
  EventAgeExceeded: 'expired',
  ZeroReservedConcurrency: 'zero-reserved',
  RecursiveInvocation: 'recursion',
};
