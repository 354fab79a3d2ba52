/** Something of `of` that comes due; in at most one list. */
export class Alarm<T> {
  readonly of: T;
  /** Epoch ms; infinite while it is in no list. */
  dueMs = Number.POSITIVE_INFINITY;
  /** Its place in the list's heap, -1 while it is in none. */
  slot = -1;

  constructor(of: T) {
    this.of = of;
  }
}

/**
 * What comes due next, first: a binary heap whose members know their place, so that each is moved and taken back in
 * O(log n), and looking at the clock costs nothing for what is not due.
 */
export class DueList<T> {
  readonly #heap: Alarm<T>[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** When the first one is due; infinite: there is none. */
  get nextMs(): number {
    return this.#heap[0]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** Sets it, or moves it. */
  set(alarm: Alarm<T>, dueMs: number): void {
    alarm.dueMs = dueMs;
    if (alarm.slot < 0) this.#put(alarm, this.#heap.length);
    this.#settle(alarm);
  }

  clear(alarm: Alarm<T>): void {
    if (alarm.slot < 0) return;
    const last = this.#heap.pop()!;
    if (last !== alarm) {
      this.#put(last, alarm.slot);
      this.#settle(last);
    }
    alarm.slot = -1;
    alarm.dueMs = Number.POSITIVE_INFINITY;
  }

  /** Removes and returns one that is due, the longest due first; null: none is. */
  takeDue(nowMs: number): T | null {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return null;
    this.clear(first);
    return first.of;
  }

  #put(alarm: Alarm<T>, slot: number): void {
    this.#heap[slot] = alarm;
    alarm.slot = slot;
  }

  /** Moves it up or down to where it belongs. */
  #settle(alarm: Alarm<T>): void {
    const heap = this.#heap;
    while (alarm.slot > 0) {
      const above = heap[(alarm.slot - 1) >> 1]!;
      if (above.dueMs <= alarm.dueMs) break;
      const { slot } = alarm;
      this.#put(alarm, above.slot);
      this.#put(above, slot);
    }
    for (;;) {
      const left = heap[2 * alarm.slot + 1];
      if (left === undefined) return;
      const right = heap[2 * alarm.slot + 2];
      const below = right !== undefined && right.dueMs < left.dueMs ? right : left;
      if (below.dueMs >= alarm.dueMs) return;
      const { slot } = alarm;
      this.#put(alarm, below.slot);
      this.#put(below, slot);
    }
  }
}
