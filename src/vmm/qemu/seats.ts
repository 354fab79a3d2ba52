import { Seat, type SeatPlace } from './seat.js';

/** Seats that wait for a monitor. Starts come in ones and twos; one is ready again within some 20 ms. */
export const readyMax = 2;

/** Makes seats, and keeps a few ready. */
export class Seats {
  private readonly ready: Seat[] = [];
  private closed = false;

  constructor(private readonly place: SeatPlace) {}

  /** Throws DriverError. */
  take(): Seat {
    for (let next = this.ready.shift(); next; next = this.ready.shift()) {
      if (next.usable) return next;
      next.dispose().catch(() => {}); // Someone killed it: the janitor gets the rest.
    }
    return Seat.make(this.place);
  }

  /** Called when there is time: after a start, not during one. Makes one; the next turn of the event loop another. */
  refill(): void {
    if (this.closed || this.ready.length >= readyMax) return;
    try {
      this.ready.push(Seat.make(this.place));
    } catch {
      return; // Whoever takes one is told why.
    }
    setImmediate(() => this.refill());
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.allSettled(this.ready.splice(0).map((seat) => seat.dispose()));
  }
}
