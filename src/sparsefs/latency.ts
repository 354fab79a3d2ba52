/** Upper bounds of the buckets, µs: around the aims (100 µs from L1) and the deadlines (seconds); the last is open. */
export const latencyBoundsUs: readonly number[] = [
  20,
  50,
  100,
  200,
  500,
  1_000,
  2_000,
  5_000,
  10_000,
  20_000,
  50_000,
  100_000,
  500_000,
  1_000_000,
  10_000_000,
  Infinity,
];

/** How long things took. */
export class LatencyHistogram {
  private readonly counts = new Array<number>(latencyBoundsUs.length).fill(0);

  add(us: number): void {
    let index = 0;
    while (us > latencyBoundsUs[index]!) index += 1;
    this.counts[index]! += 1;
  }

  /** Cumulative: how many took at most so long. */
  cumulative(): { us: number; count: number }[] {
    let count = 0;
    return latencyBoundsUs.map((us, index) => {
      count += this.counts[index]!;
      return { us, count };
    });
  }
}
