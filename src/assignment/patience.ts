import type { Pool } from './sandbox.js';

/** Decides which invocations wait for a busy sandbox although an idle or a new one could be had; see `patienceMs`. */
export class Patience {
  readonly #ms: number;
  readonly #busyMin: number;
  /** Pools that have, or just had, patient waiters. */
  readonly #pools = new Set<Pool>();
  #armed = false;

  constructor({ patienceMs, busyMin }: { readonly patienceMs: number; readonly busyMin: number }) {
    this.#ms = patienceMs;
    this.#busyMin = busyMin;
  }

  suits(pool: Pool): boolean {
    return pool.busy >= this.#busyMin && pool.expectedWaitMs <= this.#ms;
  }

  /** The pool's last waiter is patient. */
  hold(pool: Pool): void {
    this.#pools.add(pool);
  }

  /** When to call `over`, or null: a call is on its way already, or nobody is patient. */
  takeAlarm(): number | null {
    if (this.#armed || this.#pools.size === 0) return null;
    let atMs = Number.POSITIVE_INFINITY;
    for (const pool of this.#pools) {
      const first = pool.waiters[pool.pressing];
      if (first === undefined) this.#pools.delete(pool);
      else atMs = Math.min(atMs, first.sinceMs + this.#ms);
    }
    this.#armed = this.#pools.size > 0;
    return this.#armed ? atMs : null;
  }

  /** Calls back with each pool whose waiters from before `sinceMsMax` (and those of that time) are patient no longer. */
  over(nowMs: number, press: (pool: Pool, sinceMsMax: number) => void): void {
    this.#armed = false;
    for (const pool of this.#pools) press(pool, nowMs - this.#ms);
  }
}
