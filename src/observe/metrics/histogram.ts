/** Upper bounds of Lambda's durations, seconds: three a decade from a millisecond, then up to the longest timeout. */
export const durationBounds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 900,
] as const;
/** Of ages of events, seconds: up to the six hours that one is kept. */
export const ageBounds = [0.01, 0.1, 0.5, 1, 5, 30, 60, 180, 600, 1_800, 3_600, 21_600] as const;

/** Counts of values by size, as Prometheus has them. */
export class Histogram {
  /** Not cumulative; the last one is for what is beyond all bounds. */
  readonly #counts: number[];
  #sum = 0;

  constructor(readonly bounds: readonly number[] = durationBounds) {
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  add(value: number): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at += 1;
    this.#counts[at]! += 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Values up to each bound; then all of them. */
  cumulative(): readonly number[] {
    let sum = 0;
    return this.#counts.map((count) => {
      sum += count;
      return sum;
    });
  }
}
