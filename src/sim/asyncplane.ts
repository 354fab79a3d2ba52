import type { AsyncEffect, AsyncEvent, AsyncInput, AttemptEnd, Conclusion } from '../async/messages.js';
import type { RequestId } from '../kernel/ids.js';
import { secondMs } from '../kernel/units.js';
import type { Outcome } from './eventchecks.js';
import type { SimFunction } from './scenario.js';
import type { World } from './world.js';

/** A destination answers within this, mostly, or has not been reached when the deadline has passed. */
const answerMsMax = 200;
const deliveryMsMax = 10 * secondMs;
const lateShare = 0.01;
/** Part of the attempts that are one too many in a chain. */
const loopShare = 0.005;
/** Part of the conclusions that the disk has no room for. */
const unstoredShare = 0.005;

export type Invoke = (requestId: RequestId, fn: SimFunction, done: (outcome: Outcome) => void) => void;

/** The poller of one life of the control plane: the real machine over the simulated queue, and destinations that fail. */
export class AsyncPlane {
  readonly #world: World;
  readonly #machine;
  readonly #invoke: Invoke;
  readonly #isAlive: () => boolean;
  #attempting = 0;
  #delivering = 0;
  #armed = 0;

  constructor(world: World, invoke: Invoke, isAlive: () => boolean) {
    const { attemptsInFlightMax, deliveriesInFlightMax } = world.scenario;
    this.#world = world;
    this.#machine = world.parts.async({ attemptsInFlightMax, deliveriesInFlightMax, leaseMs: 60 * secondMs });
    this.#invoke = invoke;
    this.#isAlive = isAlive;
  }

  input(input: AsyncInput): void {
    this.#world.count('async', input);
    for (const effect of this.#machine.step(input)) this.#perform(effect);
  }

  #perform(effect: AsyncEffect): void {
    const { schedule, queue, checks } = this.#world;
    switch (effect.kind) {
      case 'pull':
        schedule.after(1, () => {
          if (!this.#isAlive()) return;
          const pulled = queue.pull(effect.count, this.#nowMs, effect.leaseMs);
          const deliveries = pulled.map((one) => ({ ...one, policy: this.#world.policyOf(one.event.functionName) }));
          this.input({ kind: 'pulled', nowMs: this.#nowMs, deliveries, nextDueMs: queue.nextDueMs() });
        });
        return;
      case 'extend':
        queue.extend(effect.id, effect.leaseUntilMs);
        return;
      case 'attempt':
        this.#attempt(effect.id, effect.event);
        return;
      case 'conclude':
        schedule.after(1, () => this.#conclude(effect.id, effect.event));
        return;
      case 'deliver':
        this.#deliver(effect.id, effect.conclusion);
        return;
      case 'dropped':
      case 'undelivered':
        return;
      case 'ack': {
        const event = queue.eventOf(effect.id);
        if (event !== undefined) {
          const { reserved } = this.#world.functionNamed(event.functionName);
          checks.events.acknowledged(effect.id, effect.reason, event, reserved === 0, this.#nowMs);
        }
        queue.ack(effect.id);
        return;
      }
      case 'nak':
        this.#stored(effect.id, effect.event);
        queue.nak(effect.id, effect.dueMs, effect.event);
        return;
      case 'arm': {
        this.#armed += 1;
        const token = this.#armed;
        schedule.at(effect.atMs, () => {
          if (this.#isAlive() && token === this.#armed) this.input({ kind: 'wake', nowMs: this.#nowMs });
        });
      }
    }
  }

  #attempt(id: string, event: AsyncEvent): void {
    this.#attempting += 1;
    this.#world.checks.events.attemptStarted(id, this.#attempting);
    const ended = (outcome: Outcome) => {
      this.#attempting -= 1;
      this.#world.checks.events.attemptEnded(id, outcome);
      this.input({ kind: 'attempt-ended', nowMs: this.#nowMs, id, ended: endOf(outcome) });
    };
    const fn = this.#world.functionNamed(event.functionName);
    // Later, as the real services do: the poller has performed all effects of its step by then.
    this.#world.schedule.after(0, () => {
      if (!this.#isAlive()) return;
      if (!fn.exists) ended('function-gone');
      else if (this.#world.eventRandom.chance(loopShare)) ended('recursion');
      else this.#invoke(event.requestId, fn, ended);
    });
  }

  #conclude(id: string, event: AsyncEvent): void {
    if (!this.#isAlive()) return;
    const stored = !this.#world.eventRandom.chance(unstoredShare);
    if (stored) {
      this.#stored(id, event);
      this.#world.queue.update(id, event);
    } else this.#world.checks.events.unstored(id);
    this.input({ kind: 'concluded', nowMs: this.#nowMs, id, stored });
  }

  #stored(id: string, event: AsyncEvent): void {
    this.#world.checks.events.stored(id);
    if (event.conclusion != null) this.#world.checks.events.concluded(id, event.conclusion);
  }

  #deliver(id: string, { left }: Conclusion): void {
    const { schedule, eventRandom, faults, checks } = this.#world;
    this.#delivering += 1;
    checks.events.delivering(id, this.#delivering);
    const { arn } = left[0]!;
    const fails = eventRandom.chance(faults.deliveryFails);
    const again = eventRandom.chance(0.8);
    const ended = fails ? ({ kind: 'failed', again, reason: 'no' } as const) : ({ kind: 'delivered' } as const);
    const msMax = eventRandom.chance(lateShare) ? deliveryMsMax : answerMsMax;
    schedule.after(eventRandom.between(1, msMax), () => {
      // It has happened, even if nobody is there any more to hear of it.
      checks.events.delivered(id, arn, ended);
      if (!this.#isAlive()) return;
      this.#delivering -= 1;
      this.input({ kind: 'delivered', nowMs: this.#nowMs, id, ended });
    });
  }

  get #nowMs(): number {
    return this.#world.schedule.nowMs;
  }
}

function endOf(outcome: Outcome): AttemptEnd {
  switch (outcome) {
    case 'success':
      return { outcome, executedVersion: '$LATEST', response: null };
    case 'function-error':
      return { outcome, executedVersion: '$LATEST', functionError: 'Unhandled', response: null };
    default:
      return { outcome, status: 500, message: '' };
  }
}
