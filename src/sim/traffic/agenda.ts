import { assert } from '../../kernel/assert.js';

const indexBits = 21;
/** Places for what an entry is about: sandboxes, functions. */
export const indexMax = 2 ** indexBits;
const kinds = 4;
/** Milliseconds ahead that have a place each: two invocations of a function that is asked for once a minute. */
const ringMs = 2 ** 16;
const nowhere = -1;

/**
 * What happens when: kind (0–3) and index at a millisecond. Those of one millisecond come by kind, then by index. What is
 * near has its place in a ring with one list for each millisecond; what is far waits in a heap of numbers (time, kind and
 * index in 27 + 2 + 21 bits, which fit into a double) until its time has come. Nothing is allocated for an entry.
 */
export class Agenda {
  readonly #ring = new Int32Array(ringMs).fill(nowhere);
  /** Lists through the entries of the ring: kind and index of each, the next one, and the first that is unused. */
  #codes = new Int32Array(1_024);
  #nexts = new Int32Array(1_024);
  #unused = nowhere;
  #used = 0;
  #near = 0;
  #far = new Float64Array(1_024);
  #farSize = 0;
  /** Of the present millisecond, in their order. */
  #due = new Int32Array(64);
  #dueSize = 0;
  #dueAt = 0;
  /** Of what was taken last. */
  atMs = -1;
  kind = 0;
  index = 0;

  /** Later than what was taken last. */
  add(atMs: number, kind: number, index: number): void {
    assert(index < indexMax && kind < kinds && atMs > this.atMs, 'an entry fits into a number, and is yet to come');
    const code = kind * indexMax + index;
    if (atMs - this.atMs < ringMs) this.#addNear(atMs, code);
    else this.#addFar(atMs * kinds * indexMax + code);
  }

  /** Takes the first one into `atMs`, `kind`, `index`. */
  take(): void {
    if (this.#dueAt === this.#dueSize) this.#advance();
    const code = this.#due[this.#dueAt]!;
    this.#dueAt += 1;
    this.kind = code >> indexBits;
    this.index = code & (indexMax - 1);
  }

  /** To the next millisecond with something in it. */
  #advance(): void {
    assert(this.#near + this.#farSize > 0, 'there is always something to come');
    const farMs = this.#farSize === 0 ? Number.POSITIVE_INFINITY : this.#farMs();
    const ring = this.#ring;
    let atMs = this.atMs + 1;
    if (this.#near === 0) atMs = farMs;
    else while (atMs < farMs && ring[atMs & (ringMs - 1)] === nowhere) atMs += 1;
    this.atMs = atMs;
    this.#dueAt = 0;
    this.#dueSize = 0;
    for (let entry = ring[atMs & (ringMs - 1)]!; entry !== nowhere; ) {
      this.#addDue(this.#codes[entry]!);
      const next = this.#nexts[entry]!;
      this.#nexts[entry] = this.#unused;
      this.#unused = entry;
      this.#near -= 1;
      entry = next;
    }
    ring[atMs & (ringMs - 1)] = nowhere;
    while (this.#farSize > 0 && this.#farMs() === atMs) this.#addDue(this.#takeFar() % (kinds * indexMax));
  }

  /** Few happen in one millisecond. */
  #addDue(code: number): void {
    if (this.#dueSize === this.#due.length) this.#due = largerOf(this.#due, new Int32Array(2 * this.#dueSize));
    const due = this.#due;
    let place = this.#dueSize;
    for (; place > 0 && due[place - 1]! > code; place -= 1) due[place] = due[place - 1]!;
    due[place] = code;
    this.#dueSize += 1;
  }

  #addNear(atMs: number, code: number): void {
    let entry = this.#unused;
    if (entry === nowhere) {
      entry = this.#used;
      this.#used += 1;
      if (entry === this.#codes.length) {
        this.#codes = largerOf(this.#codes, new Int32Array(2 * entry));
        this.#nexts = largerOf(this.#nexts, new Int32Array(2 * entry));
      }
    } else this.#unused = this.#nexts[entry]!;
    const place = atMs & (ringMs - 1);
    this.#codes[entry] = code;
    this.#nexts[entry] = this.#ring[place]!;
    this.#ring[place] = entry;
    this.#near += 1;
  }

  #farMs(): number {
    return Math.floor(this.#far[0]! / (kinds * indexMax));
  }

  #addFar(entry: number): void {
    if (this.#farSize === this.#far.length) this.#far = largerOf(this.#far, new Float64Array(2 * this.#farSize));
    const heap = this.#far;
    let place = this.#farSize;
    this.#farSize += 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (heap[parent]! <= entry) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
  }

  #takeFar(): number {
    const heap = this.#far;
    const first = heap[0]!;
    this.#farSize -= 1;
    const last = heap[this.#farSize]!;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#farSize) break;
      if (child + 1 < this.#farSize && heap[child + 1]! < heap[child]!) child += 1;
      if (heap[child]! >= last) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
    return first;
  }
}

function largerOf<Numbers extends Int32Array | Float64Array>(full: Numbers, larger: Numbers): Numbers {
  larger.set(full);
  return larger;
}
