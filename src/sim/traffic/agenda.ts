import { assert } from '../../kernel/assert.js';

/** Places for what an entry is about: sandboxes, functions. */
export const indexMax = 2 ** 21;
const kinds = 4;

/**
 * What happens when, as one number each: milliseconds (up to a day and more), kind (0–3; order within a millisecond),
 * index. 27 + 2 + 21 bits fit into a double: a binary heap of numbers allocates nothing.
 */
export class Agenda {
  #heap = new Float64Array(1_024);
  #size = 0;
  /** Of what was taken last. */
  atMs = 0;
  kind = 0;
  index = 0;

  add(atMs: number, kind: number, index: number): void {
    assert(index < indexMax && kind < kinds, 'an entry fits into a number');
    const entry = (atMs * kinds + kind) * indexMax + index;
    if (this.#size === this.#heap.length) {
      const larger = new Float64Array(2 * this.#size);
      larger.set(this.#heap);
      this.#heap = larger;
    }
    const heap = this.#heap;
    let place = this.#size;
    this.#size += 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (heap[parent]! <= entry) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
  }

  /** Takes the first one into `atMs`, `kind`, `index`. */
  take(): void {
    assert(this.#size > 0, 'there is always something to come');
    const heap = this.#heap;
    const first = heap[0]!;
    this.#size -= 1;
    const last = heap[this.#size]!;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && heap[child + 1]! < heap[child]!) child += 1;
      if (heap[child]! >= last) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
    this.index = first % indexMax;
    const rest = Math.floor(first / indexMax);
    this.kind = rest % kinds;
    this.atMs = Math.floor(rest / kinds);
  }
}
