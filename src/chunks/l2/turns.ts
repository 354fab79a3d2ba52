import type { Urgency } from '../layout.js';

const order: readonly Urgency[] = ['fault', 'prefetch', 'background'];

interface Waiting {
  readonly start: (turn: (() => void) | null) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Lets at most `runningMax` run at once, the most urgent first, the oldest first among equals; the background never takes
 * the last quarter. At most `waitingMax` wait; more, and who waits too long, are sent away.
 */
export class Turns {
  readonly #runningMax: number;
  readonly #waitingMax: number;
  readonly #waiting: Record<Urgency, Set<Waiting>> = { fault: new Set(), prefetch: new Set(), background: new Set() };
  #running = 0;

  constructor(runningMax: number, waitingMax: number) {
    this.#runningMax = runningMax;
    this.#waitingMax = waitingMax;
  }

  /** Resolves with what ends the turn, or null when there was none within `waitMs`. */
  take(urgency: Urgency, waitMs: number): Promise<(() => void) | null> {
    if (this.#free(urgency)) return Promise.resolve(this.#start());
    const waiting = order.reduce((sum, one) => sum + this.#waiting[one].size, 0);
    if (waiting >= this.#waitingMax) return Promise.resolve(null);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting[urgency].delete(entry);
        resolve(null);
      }, waitMs);
      const entry: Waiting = { start: resolve, timer };
      this.#waiting[urgency].add(entry);
    });
  }

  #free(urgency: Urgency): boolean {
    return this.#running < (urgency === 'background' ? Math.ceil(this.#runningMax * 0.75) : this.#runningMax);
  }

  #start(): () => void {
    this.#running += 1;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#running -= 1;
      this.#next();
    };
  }

  #next(): void {
    for (const urgency of order) {
      const [first] = this.#waiting[urgency];
      if (first === undefined) continue;
      if (!this.#free(urgency)) return;
      this.#waiting[urgency].delete(first);
      clearTimeout(first.timer);
      first.start(this.#start());
      return;
    }
  }
}
