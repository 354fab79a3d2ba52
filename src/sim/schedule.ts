import { assert } from '../kernel/assert.js';

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Virtual time: a binary heap of tasks; those of the same millisecond run in the order in which they were made. */
export class Schedule {
  nowMs: number;
  readonly #heap: Task[] = [];
  #order = 0;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  at(atMs: number, run: () => void): void {
    this.#order += 1;
    const task: Task = { atMs: Math.max(this.nowMs, atMs), order: this.#order, run };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(task);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(task, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = task;
  }

  /** Runs the next task; the schedule of a simulation never runs dry. */
  runNext(): void {
    const heap = this.#heap;
    const next = heap[0];
    const last = heap.pop();
    assert(next !== undefined && last !== undefined, 'the schedule is never empty');
    if (heap.length > 0) this.#sink(last);
    this.nowMs = next.atMs;
    next.run();
  }

  #sink(task: Task): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, task)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = task;
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
