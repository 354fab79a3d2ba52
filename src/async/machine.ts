import { limits } from '../kernel/limits.js';
import { minuteMs, secondMs } from '../kernel/units.js';
import type { AckReason, AsyncEffect, AsyncEvent, AsyncInput } from './messages.js';

export interface AsyncOptions {
  /** Events attempted at once. */
  readonly attemptsInFlightMax?: number;
  /** A pulled event is delivered again unless finished, given back or extended within this time. */
  readonly leaseMs?: number;
  readonly eventAgeMsMax?: number;
  /** Attempts after a function error. 0 until retries and their destinations exist together. */
  readonly retriesMax?: number;
}

type Pulled = Extract<AsyncInput, { kind: 'pulled' }>;
type AttemptEnded = Extract<AsyncInput, { kind: 'attempt-ended' }>;

interface Attempt {
  readonly event: AsyncEvent;
  leaseUntilMs: number;
}

/** AWS documentation, "error handling for asynchronous invocation": from 1 second, exponentially, to 5 minutes. */
const setbackMsMin = secondMs;
const setbackMsMax = 5 * minuteMs;
/** 2^9 s is the first doubling beyond 5 minutes: no exponent needs to be larger. */
const setbackDoublingsMax = 9;
/** The same page: one minute before the first retry, two before the second. */
const retryMs = [minuteMs, 2 * minuteMs];

const nothing: readonly AsyncEffect[] = [];

/**
 * The poller: takes due events from the queue and attempts them, a bounded number at once. An event leaves the queue
 * only by `ack`; until then it is leased, and comes back by itself when this process dies.
 */
export class AsyncMachine {
  readonly #attemptsInFlightMax: number;
  readonly #leaseMs: number;
  readonly #eventAgeMsMax: number;
  readonly #retriesMax: number;
  readonly #attempts = new Map<string, Attempt>();
  #pulling = false;
  /** The queue may hold more that is due. */
  #moreDue = false;
  /** Earliest time at which the queue has something, as far as known. */
  #queueDueMs = Number.POSITIVE_INFINITY;
  #extendMs = Number.POSITIVE_INFINITY;
  #armedMs = Number.POSITIVE_INFINITY;

  constructor({
    attemptsInFlightMax = 100,
    leaseMs = minuteMs,
    eventAgeMsMax = limits.asyncEventAgeMsMax,
    retriesMax = 0,
  }: AsyncOptions = {}) {
    this.#attemptsInFlightMax = attemptsInFlightMax;
    this.#leaseMs = leaseMs;
    this.#eventAgeMsMax = eventAgeMsMax;
    this.#retriesMax = retriesMax;
  }

  get attemptsInFlight(): number {
    return this.#attempts.size;
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
    for (const { id, event } of deliveries) {
      // Its lease ran out before `extend` arrived; the attempt under way still decides.
      if (this.#attempts.has(id)) continue;
      if (nowMs - event.acceptedMs >= this.#eventAgeMsMax) {
        effects.push(ack(id, 'expired'));
        continue;
      }
      const leaseUntilMs = nowMs + this.#leaseMs;
      this.#attempts.set(id, { event, leaseUntilMs });
      this.#extendMs = Math.min(this.#extendMs, leaseUntilMs - this.#leaseMs / 2);
      effects.push({ kind: 'attempt', id, event });
    }
  }

  #onEnded({ nowMs, id, outcome }: AttemptEnded, effects: AsyncEffect[]): void {
    const attempt = this.#attempts.get(id);
    if (attempt === undefined) return;
    this.#attempts.delete(id);
    const { event } = attempt;
    switch (outcome) {
      case 'success':
      case 'function-gone':
        effects.push(ack(id, outcome));
        return;
      case 'function-error': {
        const attempts = event.attempts + 1;
        if (attempts > this.#retriesMax) effects.push(ack(id, 'retries-exhausted'));
        else this.#back(id, { ...event, attempts }, nowMs, retryMs[Math.min(attempts, retryMs.length) - 1]!, effects);
        return;
      }
      case 'throttled':
      case 'system-error': {
        const doublings = Math.min(event.setbacks, setbackDoublingsMax);
        const delayMs = Math.min(setbackMsMax, setbackMsMin * 2 ** doublings);
        this.#back(id, { ...event, setbacks: event.setbacks + 1 }, nowMs, delayMs, effects);
      }
    }
  }

  /** Back into the queue, unless the event will be too old by then. */
  #back(id: string, event: AsyncEvent, nowMs: number, delayMs: number, effects: AsyncEffect[]): void {
    const dueMs = nowMs + delayMs;
    if (dueMs - event.acceptedMs >= this.#eventAgeMsMax) {
      effects.push(ack(id, 'expired'));
      return;
    }
    effects.push({ kind: 'nak', id, dueMs, event });
    this.#queueDueMs = Math.min(this.#queueDueMs, dueMs);
  }

  #extend(nowMs: number, effects: AsyncEffect[]): void {
    this.#extendMs = Number.POSITIVE_INFINITY;
    for (const [id, attempt] of this.#attempts) {
      if (attempt.leaseUntilMs - nowMs <= this.#leaseMs / 2) {
        attempt.leaseUntilMs = nowMs + this.#leaseMs;
        effects.push({ kind: 'extend', id, leaseUntilMs: attempt.leaseUntilMs });
      }
      this.#extendMs = Math.min(this.#extendMs, attempt.leaseUntilMs - this.#leaseMs / 2);
    }
  }

  #pull(effects: AsyncEffect[]): void {
    const count = this.#attemptsInFlightMax - this.#attempts.size;
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

function ack(id: string, reason: AckReason): AsyncEffect {
  return { kind: 'ack', id, reason };
}
