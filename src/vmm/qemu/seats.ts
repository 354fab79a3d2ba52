import { Seat, type SeatPlace } from './seat.js';

/** Seats that wait for a monitor. Starts come in ones and twos; one is ready again within some 20 ms. */
export const readyMax = 2;

/** A machine that has just been started has the processor first, until its first reply at least. */
const refillAfterMs = 150;

/** Makes seats, and keeps a few ready. */
export class Seats {
  private readonly ready: Seat[] = [];
  private timer: NodeJS.Timeout | null = null;
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

  /** Makes what is missing once no machine has been started for a while. */
  refillLater(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refill(), refillAfterMs);
    this.timer.unref();
  }

  /** One a turn of the event loop: making one takes some milliseconds. */
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
    if (this.timer) clearTimeout(this.timer);
    await Promise.allSettled(this.ready.splice(0).map((seat) => seat.dispose()));
  }
}
