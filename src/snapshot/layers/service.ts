import type { Clock } from '../../kernel/ports/clock.js';
import { DriverError } from '../../worker/sandbox/driver.js';
import type { SnapshotRecord } from '../record.js';
import { LayerMachine } from './machine.js';
import type { LayerEffect, LayerInput, LayerWish } from './messages.js';

/** What makes and keeps layers; the driver gives it. */
export interface LayerWorkshop {
  /** What is stored in the slot, or null. */
  find(slot: string): Promise<SnapshotRecord | null>;
  /** Makes it from nothing or from its parent, and stores it, replacing what is in the slot. */
  make(wish: LayerWish): Promise<SnapshotRecord>;
  /** For whoever watches: a creation takes seconds. */
  progress(text: string): void;
}

interface Ticket {
  readonly wish: LayerWish;
  readonly resolve: (record: SnapshotRecord) => void;
  readonly reject: (error: Error) => void;
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Gives out the layers that sandboxes start from, and has them made where they are missing or stale. */
export class LayerService {
  readonly #machine = new LayerMachine();
  readonly #tickets = new Map<number, Ticket>();
  readonly #records = new Map<string, SnapshotRecord>();
  readonly #running = new Set<Promise<void>>();
  #lastTicket = 0;

  constructor(
    private readonly workshop: LayerWorkshop,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {}

  /** Resolves with the layer, made first if need be. Rejects with DriverError when it cannot be made. */
  take(wish: LayerWish): Promise<SnapshotRecord> {
    return new Promise((resolve, reject) => {
      const ticket = ++this.#lastTicket;
      this.#tickets.set(ticket, { wish, resolve, reject });
      this.#step({ kind: 'wanted', nowMs: this.clock.monotonicMs(), ticket, wish });
    });
  }

  /** A restore of what `take` gave failed: it is made again, in the background. */
  broken(wish: LayerWish): void {
    this.#step({ kind: 'broken', nowMs: this.clock.monotonicMs(), ...wish });
  }

  /** Resolves when nothing is looked for or made any more. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #step(input: LayerInput): void {
    for (const effect of this.#machine.step(input)) this.#perform(effect);
  }

  #perform(effect: LayerEffect): void {
    switch (effect.kind) {
      case 'look':
        this.#run(this.#look(effect.slot));
        break;
      case 'make':
        this.#run(this.#make(effect.wish));
        break;
      case 'grant': {
        const ticket = this.#leave(effect.ticket);
        ticket.resolve(this.#records.get(ticket.wish.slot)!);
        break;
      }
      case 'refuse':
        this.#leave(effect.ticket).reject(new DriverError(effect.reason));
        break;
    }
  }

  #leave(number: number): Ticket {
    const ticket = this.#tickets.get(number)!;
    this.#tickets.delete(number);
    return ticket;
  }

  #run(work: Promise<void>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  async #look(slot: string): Promise<void> {
    // A store that cannot be read is like an empty one: what is made instead will say what is wrong.
    const record = await this.workshop.find(slot).catch(() => null);
    if (record !== null) this.#records.set(slot, record);
    this.#step({ kind: 'found', nowMs: this.clock.monotonicMs(), slot, key: record?.basis ?? null });
  }

  async #make(wish: LayerWish): Promise<void> {
    const { slot, key } = wish;
    const startedMs = this.clock.monotonicMs();
    this.workshop.progress(`making snapshot layer ${slot}: once for this image and machine`);
    try {
      this.#records.set(slot, await this.workshop.make(wish));
    } catch (error) {
      this.workshop.progress(`snapshot layer ${slot} could not be made: ${message(error)}`);
      this.#step({ kind: 'failed', nowMs: this.clock.monotonicMs(), slot, reason: message(error) });
      return;
    }
    const seconds = (this.clock.monotonicMs() - startedMs) / 1_000;
    this.workshop.progress(`snapshot layer ${slot} is ready after ${seconds.toFixed(1)} s`);
    this.#step({ kind: 'made', nowMs: this.clock.monotonicMs(), slot, key });
  }
}
