import type { Box } from './sandbox/driver.js';

/** Figures of memory are read from the kernel again when older than this: a read costs as much as an invocation. */
const ageMsMax = 100;

/** The high-water mark of one sandbox's memory over all its boxes. */
export class MemoryPeak {
  #peakMib: number | null = null;
  #readAtMs = Number.NEGATIVE_INFINITY;

  /** MiB, or null while the kernel tells nothing. `fresh`: read now, as the box is about to go. */
  of(box: Box | undefined, nowMs: number, fresh = false): number | null {
    if (box !== undefined && (fresh || nowMs - this.#readAtMs > ageMsMax)) {
      this.#readAtMs = nowMs;
      this.#peakMib = Math.max(this.#peakMib ?? 0, box.memoryPeakMib() ?? 0) || null;
    }
    return this.#peakMib;
  }

  /** As read last. */
  get knownMib(): number | null {
    return this.#peakMib;
  }

  /** The limit was reached. */
  set(peakMib: number): void {
    this.#peakMib = peakMib;
  }
}
