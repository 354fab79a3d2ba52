import { Alarm, DueList } from '../assignment/duelist.js';
import type { AsyncEvent } from '../async/messages.js';

class Message {
  readonly id: string;
  readonly order: number;
  event: AsyncEvent;
  leased = false;
  readonly due: Alarm<Message> = new Alarm<Message>(this);
  readonly waiting: Alarm<Message> = new Alarm<Message>(this);
  readonly turn: Alarm<Message> = new Alarm<Message>(this);

  constructor(id: string, order: number, event: AsyncEvent) {
    this.id = id;
    this.order = order;
    this.event = event;
  }
}

/**
 * The durable queue as its port promises it: it survives restarts, delivers at least once, and leases what it gives. What is
 * due is given in the order of publishing. A backlog may be long: nothing here looks at all of it.
 */
export class SimQueue {
  readonly #messages = new Map<string, Message>();
  /** All of them by when they are due; those that were not due at the last pull; those that were, by who was published first. */
  readonly #due = new DueList<Message>();
  readonly #waiting = new DueList<Message>();
  readonly #turns = new DueList<Message>();
  #published = 0;

  get depth(): number {
    return this.#messages.size;
  }

  publish(event: AsyncEvent): string {
    this.#published += 1;
    const id = `m${this.#published}`;
    const message = new Message(id, this.#published, event);
    this.#messages.set(id, message);
    this.#setDue(message, event.acceptedMs);
    return id;
  }

  pull(count: number, nowMs: number, leaseMs: number): { id: string; event: AsyncEvent }[] {
    for (let due = this.#waiting.takeDue(nowMs); due !== null; due = this.#waiting.takeDue(nowMs)) {
      this.#turns.set(due.turn, due.order);
    }
    const taken: { id: string; event: AsyncEvent }[] = [];
    while (taken.length < count) {
      const message = this.#turns.takeDue(this.#published);
      if (message === null) break;
      this.#setDue(message, nowMs + leaseMs);
      message.leased = true;
      taken.push({ id: message.id, event: message.event });
    }
    return taken;
  }

  extend(id: string, leaseUntilMs: number): void {
    const message = this.#messages.get(id);
    if (message !== undefined) this.#setDue(message, leaseUntilMs);
  }

  eventOf(id: string): AsyncEvent | undefined {
    return this.#messages.get(id)?.event;
  }

  ack(id: string): void {
    const message = this.#messages.get(id);
    if (message === undefined) return;
    this.#messages.delete(id);
    this.#due.clear(message.due);
    this.#waiting.clear(message.waiting);
    this.#turns.clear(message.turn);
  }

  update(id: string, event: AsyncEvent): void {
    const message = this.#messages.get(id);
    if (message !== undefined) message.event = event;
  }

  nak(id: string, dueMs: number, event: AsyncEvent): void {
    const message = this.#messages.get(id);
    if (message === undefined) return;
    message.event = event;
    message.leased = false;
    this.#setDue(message, dueMs);
  }

  nextDueMs(): number | null {
    const { nextMs } = this.#due;
    return Number.isFinite(nextMs) ? nextMs : null;
  }

  /** Everything in flight is due again when the process that held it is gone. */
  releaseAll(nowMs: number): void {
    for (const message of this.#messages.values()) {
      if (!message.leased) continue;
      message.leased = false;
      this.#setDue(message, nowMs);
    }
  }

  #setDue(message: Message, dueMs: number): void {
    this.#due.set(message.due, dueMs);
    this.#waiting.set(message.waiting, dueMs);
    this.#turns.clear(message.turn);
  }
}
