import type { TierMetrics } from './tier.js';

/**
 * Bounds in µs: from a hit in memory (tens) over a disk (hundreds) to an origin far away (seconds), in steps of about 2
 * (1-2-5), so that a quantile read from them is at most off by that.
 */
const boundsUs = [
  10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
  2_000_000, 5_000_000,
];

/** Counts of one tier. */
export class TierCounters {
  #hits = 0;
  #misses = 0;
  #bytes = 0;
  #corrupt = 0;
  /** How many fell between the bound before and this; the last beyond all bounds. */
  readonly #counts = new Array<number>(boundsUs.length + 1).fill(0);

  hit(bytes: number, ms: number): void {
    this.#hits++;
    this.#bytes += bytes;
    this.#time(ms);
  }

  miss(ms: number): void {
    this.#misses++;
    this.#time(ms);
  }

  corrupt(ms: number): void {
    this.#corrupt++;
    this.#time(ms);
  }

  metrics(): TierMetrics {
    let sum = 0;
    const latency = this.#counts.map((count, at) => {
      sum += count;
      return { us: boundsUs[at] ?? Number.POSITIVE_INFINITY, count: sum };
    });
    return { hits: this.#hits, misses: this.#misses, bytes: this.#bytes, corrupt: this.#corrupt, latency };
  }

  #time(ms: number): void {
    const us = ms * 1_000;
    let at = 0;
    while (at < boundsUs.length && us > boundsUs[at]!) at++;
    this.#counts[at]!++;
  }
}
