import { DriverError } from '../../worker/sandbox/driver.js';

/** First user id of monitors: right above those of the `process` driver's boxes, which end at 2,104,900,000. */
const uidBase = 2_105_000_000;
/** Platform processes told apart by their process number; uidBase + 50,000 × 514 stays below 2³¹. */
const ownersMax = 50_000;

/** A user id of its own for each monitor, given back at its end. */
export class UserIds {
  private readonly taken = new Set<number>();
  private next = 0;

  constructor(private readonly count: number) {}

  /** Throws DriverError when none is free. */
  take(): number {
    // Monitors that the kernel does not let go of keep theirs.
    if (this.taken.size >= this.count) throw new DriverError(`all ${this.count} user ids of monitors are taken`);
    const first = uidBase + (process.pid % ownersMax) * this.count;
    for (;;) {
      const uid = first + (this.next++ % this.count);
      if (this.taken.has(uid)) continue;
      this.taken.add(uid);
      return uid;
    }
  }

  giveBack(uid: number): void {
    this.taken.delete(uid);
  }
}
