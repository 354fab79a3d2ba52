import type { Plan } from './plan.js';

interface Entry {
  readonly atMs: number;
  readonly plan: Plan;
}

/** Room for entries that became void, before they are swept. */
const voidMin = 64;

/**
 * Plans by the time at which to look at them again: a binary heap. A plan is listed once; a later time waits for the
 * listed one to come, an earlier one makes its entry void. At most twice as many entries as plans, and a few.
 */
export class DueList {
  #heap: Entry[] = [];

  list(plan: Plan, atMs: number): void {
    if (atMs >= plan.listedMs) return;
    plan.listedMs = atMs;
    this.#push({ atMs, plan });
  }

  /** Takes out a plan whose time has come, or null. */
  take(nowMs: number, plans: number): Plan | null {
    if (this.#heap.length > 2 * plans + voidMin) this.#sweep();
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= nowMs; first = this.#heap[0]) {
      this.#pop();
      if (!isValid(first)) continue;
      first.plan.listedMs = Number.POSITIVE_INFINITY;
      return first.plan;
    }
    return null;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.atMs <= entry.atMs) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.atMs < heap[child]!.atMs) child += 1;
      if (heap[child]!.atMs >= last.atMs) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }

  #sweep(): void {
    // Sorted is a heap, too.
    this.#heap = this.#heap.filter(isValid).sort((one, other) => one.atMs - other.atMs);
  }
}

function isValid({ atMs, plan }: Entry): boolean {
  return !plan.forgotten && plan.listedMs === atMs;
}
