import type { AsyncEvent } from '../async/messages.js';

interface Message {
  readonly id: string;
  event: AsyncEvent;
  dueMs: number;
  leased: boolean;
}

/** The durable queue as its port promises it: it survives restarts, delivers at least once, and leases what it gives. */
export class SimQueue {
  readonly #messages = new Map<string, Message>();
  #published = 0;

  get depth(): number {
    return this.#messages.size;
  }

  publish(event: AsyncEvent): string {
    this.#published += 1;
    const id = `m${this.#published}`;
    this.#messages.set(id, { id, event, dueMs: event.acceptedMs, leased: false });
    return id;
  }

  pull(count: number, nowMs: number, leaseMs: number): { id: string; event: AsyncEvent }[] {
    const taken: { id: string; event: AsyncEvent }[] = [];
    for (const message of this.#messages.values()) {
      if (taken.length >= count) break;
      if (message.dueMs > nowMs) continue;
      message.dueMs = nowMs + leaseMs;
      message.leased = true;
      taken.push({ id: message.id, event: message.event });
    }
    return taken;
  }

  extend(id: string, leaseUntilMs: number): void {
    const message = this.#messages.get(id);
    if (message !== undefined) message.dueMs = leaseUntilMs;
  }

  eventOf(id: string): AsyncEvent | undefined {
    return this.#messages.get(id)?.event;
  }

  ack(id: string): void {
    this.#messages.delete(id);
  }

  update(id: string, event: AsyncEvent): void {
    const message = this.#messages.get(id);
    if (message !== undefined) message.event = event;
  }

  nak(id: string, dueMs: number, event: AsyncEvent): void {
    const message = this.#messages.get(id);
    if (message !== undefined) Object.assign(message, { dueMs, event, leased: false });
  }

  nextDueMs(): number | null {
    let next: number | null = null;
    for (const { dueMs } of this.#messages.values()) if (next === null || dueMs < next) next = dueMs;
    return next;
  }

  /** Everything in flight is due again when the process that held it is gone. */
  releaseAll(nowMs: number): void {
    for (const message of this.#messages.values()) {
      if (!message.leased) continue;
      message.leased = false;
      message.dueMs = nowMs;
    }
  }
}
