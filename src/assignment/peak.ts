import { minuteMs } from '../kernel/units.js';

/** What was lately at work: long enough to bridge the pauses of a client that asks every few minutes. */
export const peakWindowMs = 5 * minuteMs;

const buckets = 5;
const bucketMs = peakWindowMs / buckets;

/** The largest number seen in the last five minutes, forgotten minute by minute; noting one costs a comparison or two. */
export class PeakWindow {
  readonly #peaks: number[] = [0, 0, 0, 0, 0];
  #at = 0;
  /** The largest of the current minute. */
  #peak = 0;
  #endMs = 0;

  note(value: number, nowMs: number): void {
    if (nowMs >= this.#endMs) this.#turn(nowMs);
    if (value > this.#peak) this.#peak = value;
  }

  /** `value`: what it is now, so that a long quiet state counts without being noted again. */
  largest(value: number, nowMs: number): number {
    this.note(value, nowMs);
    return Math.max(this.#peak, ...this.#peaks);
  }

  #turn(nowMs: number): void {
    const startMs = Math.floor(nowMs / bucketMs) * bucketMs;
    const passed = this.#endMs === 0 ? buckets : Math.min(buckets, Math.round((startMs - this.#endMs) / bucketMs) + 1);
    this.#peaks[this.#at] = this.#peak;
    for (let turn = 0; turn < passed; turn += 1) {
      this.#at = (this.#at + 1) % buckets;
      this.#peaks[this.#at] = 0;
    }
    this.#peak = 0;
    this.#endMs = startMs + bucketMs;
  }
}
