/** What the heap orders: earliest `dueMs` first, then lowest `sequence`. `slot` is the heap's own. */
export interface Due {
  dueMs: number;
  readonly sequence: number;
  /** Place in the heap, -1 when not in it. */
  slot: number;
}

/** Binary heap whose members know their place, so that removing one is O(log n). */
export class DueHeap<T extends Due> {
  readonly #slots: T[] = [];

  get first(): T | undefined {
    return this.#slots[0];
  }

  add(item: T): void {
    this.#place(item, this.#slots.length);
    this.#rise(item);
  }

  remove(item: T): void {
    if (item.slot < 0) return;
    const last = this.#slots.pop()!;
    const slot = item.slot;
    item.slot = -1;
    if (last === item) return;
    this.#place(last, slot);
    this.#rise(last);
    this.#sink(last);
  }

  #place(item: T, slot: number): void {
    this.#slots[slot] = item;
    item.slot = slot;
  }

  #swap(a: T, b: T): void {
    const slot = a.slot;
    this.#place(a, b.slot);
    this.#place(b, slot);
  }

  #rise(item: T): void {
    while (item.slot > 0) {
      const parent = this.#slots[(item.slot - 1) >> 1]!;
      if (!before(item, parent)) return;
      this.#swap(item, parent);
    }
  }

  #sink(item: T): void {
    for (;;) {
      const left = this.#slots[2 * item.slot + 1];
      const right = this.#slots[2 * item.slot + 2];
      const child = right !== undefined && before(right, left!) ? right : left;
      if (child === undefined || !before(child, item)) return;
      this.#swap(item, child);
    }
  }
}

function before(a: Due, b: Due): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
}
