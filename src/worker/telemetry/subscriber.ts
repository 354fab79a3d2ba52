import type { BoxSocket } from '../sandbox/driver.js';
import { Delivery } from './delivery.js';
import { BufferMachine } from './machine.js';
import type { BufferInput } from './messages.js';
import type { Subscription } from './subscription.js';

/** Performs the effects of one subscriber's buffer. */
export class Subscriber {
  readonly name: string;
  readonly subscription: Subscription;
  readonly #machine: BufferMachine;
  readonly #delivery: Delivery;
  readonly #nowMs: () => number;
  readonly #onDropped: (records: number, bytes: number) => void;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(
    name: string,
    subscription: Subscription,
    around: {
      readonly nowMs: () => number;
      readonly connect: (port: number) => Promise<BoxSocket>;
      readonly onDropped: (records: number, bytes: number) => void;
    },
  ) {
    this.name = name;
    this.subscription = subscription;
    this.#machine = new BufferMachine(subscription.limits);
    this.#delivery = new Delivery(subscription.destination, around.connect);
    this.#nowMs = around.nowMs;
    this.#onDropped = around.onDropped;
  }

  add(text: string): void {
    this.#step({ kind: 'event', nowMs: this.#nowMs(), text, bytes: Buffer.byteLength(text) });
  }

  flush(): void {
    this.#step({ kind: 'flush', nowMs: this.#nowMs() });
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#delivery.close();
  }

  #step(input: BufferInput): void {
    if (this.#closed) return;
    for (const effect of this.#machine.step(input)) {
      if (effect.kind === 'deliver') void this.#deliver(effect.events);
      else if (effect.kind === 'arm') this.#arm(effect.atMs);
      else this.#onDropped(effect.records, effect.bytes);
    }
  }

  #arm(atMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const delayMs = Math.max(0, Math.ceil(atMs - this.#nowMs()));
    this.#timer = setTimeout(() => this.#step({ kind: 'timer', nowMs: this.#nowMs() }), delayMs);
  }

  async #deliver(events: readonly string[]): Promise<void> {
    const kind = await this.#delivery.deliver(events).then(
      () => 'delivered' as const,
      () => 'failed' as const,
    );
    this.#step({ kind, nowMs: this.#nowMs() });
  }
}
