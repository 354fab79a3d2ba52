import { secondMs } from '../kernel/units.js';

/** How fast a streamed response may leave: this much at once, then so much a second. */
export interface Bandwidth {
  readonly burstBytes: number;
  readonly bytesPerSecond: number;
}

/** One response against its bandwidth: a bucket that starts full. Time comes in with the call. */
export class Pace {
  readonly #bandwidth: Bandwidth;
  #leftBytes: number;
  #atMs: number;

  constructor(bandwidth: Bandwidth, nowMs: number) {
    this.#bandwidth = bandwidth;
    this.#leftBytes = bandwidth.burstBytes;
    this.#atMs = nowMs;
  }

  /** Counts bytes that leave now. Milliseconds until more may leave: 0, or as long as the bucket needs to be even. */
  spend(bytes: number, nowMs: number): number {
    const { burstBytes, bytesPerSecond } = this.#bandwidth;
    const gained = ((nowMs - this.#atMs) / secondMs) * bytesPerSecond;
    this.#atMs = nowMs;
    this.#leftBytes = Math.min(burstBytes, this.#leftBytes + gained) - bytes;
    return this.#leftBytes >= 0 ? 0 : Math.ceil((-this.#leftBytes / bytesPerSecond) * secondMs);
  }
}
