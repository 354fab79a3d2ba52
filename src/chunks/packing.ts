import { assert } from '../kernel/assert.js';
import { type SealedChunk, sealChunk } from './codec.js';
import { type ChunkRef, chunkBytes, type Manifest, type PageRun, pageBytes, pagesPerChunk } from './layout.js';
import { HashTable, type PageIndex, pageHash } from './pageindex.js';

export interface PackingRequest {
  /** Logical size of the file. */
  readonly bytes: number;
  readonly salt: Uint8Array;
  /** What the file is like where no page is added, and the hashes of all its pages. */
  readonly parent: { readonly manifest: Manifest; readonly index: PageIndex; readonly name: string } | null;
}

export interface PackingCounts {
  /** Added pages that are all zero. */
  zeroPages: number;
  /** Added pages equal to the parent's at the same place. */
  samePages: number;
  /** Added pages whose contents lay elsewhere already: in the parent's chunks, or packed before. */
  duplicatePages: number;
  /** Added pages with contents that nothing had. */
  uniquePages: number;
}

export interface Packed {
  readonly manifest: Manifest;
  readonly index: PageIndex;
  readonly counts: PackingCounts;
}

const zeroPage = Buffer.alloc(pageBytes);
const nowhere = 0xffffffff;

/**
 * Turns pages into a manifest and new chunks: drops what is zero, what the parent has (at this place or another) and
 * what came before, and packs the rest in the order in which it is added. Synchronous and slow (1 s for 150 MB): for a
 * thread of its own (`packworker.ts`).
 */
export class Packing {
  readonly #request: PackingRequest;
  readonly #emit: (chunk: SealedChunk) => void;
  /** Number (in `#hashes`) of what each page of the file holds, or `nowhere`: zero. */
  readonly #contents: Uint32Array;
  /** All pages of the parent's chunks, then the new ones. */
  readonly #hashes: HashTable;
  /** Where each of them lies: index into `#chunks`, and the page within. */
  #chunkOf: Uint32Array;
  #slotOf: Uint8Array;
  readonly #chunks: (ChunkRef | null)[];
  /** The chunk being filled. */
  readonly #filling = Buffer.alloc(chunkBytes);
  #filled = 0;
  readonly #counts: PackingCounts = { zeroPages: 0, samePages: 0, duplicatePages: 0, uniquePages: 0 };

  constructor(request: PackingRequest, emit: (chunk: SealedChunk) => void) {
    assert(request.bytes % pageBytes === 0, 'a file has whole pages');
    this.#request = request;
    this.#emit = emit;
    const pages = request.bytes / pageBytes;
    this.#contents = new Uint32Array(pages).fill(nowhere);
    const { manifest, index } = request.parent ?? { manifest: null, index: { hashes: new Uint8Array() } };
    const parentPages = index.hashes.length / 32;
    this.#hashes = new HashTable(Math.max(1024, parentPages));
    this.#chunkOf = new Uint32Array(Math.max(1024, parentPages));
    this.#slotOf = new Uint8Array(this.#chunkOf.length);
    this.#chunks = manifest === null ? [] : [...manifest.chunks];
    const firstNumber: number[] = [];
    for (const [chunk, { bytes }] of this.#chunks.entries() as Iterable<[number, ChunkRef]>) {
      firstNumber.push(this.#hashes.count);
      for (let slot = 0; slot < bytes / pageBytes; slot++) {
        const at = this.#hashes.count * 32;
        this.#place(index.hashes.subarray(at, at + 32), chunk, slot);
      }
    }
    for (const { page, count, chunk, slot } of manifest?.runs ?? []) {
      for (let each = 0; each < count && page + each < pages; each++) {
        this.#contents[page + each] = firstNumber[chunk]! + slot + each;
      }
    }
  }

  /** `pages[i]` of the file has the bytes from `i * pageBytes` of `bytes`. A page that is added again counts the last time. */
  add(pages: Uint32Array, bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    assert(buffer.length === pages.length * pageBytes, 'every page has its bytes');
    for (let each = 0; each < pages.length; each++) {
      this.#addPage(pages[each]!, buffer.subarray(each * pageBytes, (each + 1) * pageBytes));
    }
  }

  finish(): Packed {
    if (this.#filled > 0) this.#seal();
    const { chunks, runs, order } = this.#layOut();
    const hashes = Buffer.concat(order.map((chunk) => this.#hashesOf(chunk)));
    const { bytes, parent } = this.#request;
    return {
      manifest: { bytes, chunks, runs, parent: parent?.name ?? null },
      index: { hashes },
      counts: this.#counts,
    };
  }

  #addPage(page: number, bytes: Buffer): void {
    assert(page < this.#contents.length, 'a page within the file');
    if (bytes.equals(zeroPage)) {
      this.#counts.zeroPages++;
      this.#contents[page] = nowhere;
      return;
    }
    const hash = pageHash(bytes);
    const current = this.#contents[page]!;
    if (current !== nowhere && this.#hashes.equals(current, hash)) {
      this.#counts.samePages++;
      return;
    }
    let number = this.#hashes.find(hash);
    if (number >= 0) this.#counts.duplicatePages++;
    else {
      this.#counts.uniquePages++;
      number = this.#append(hash, bytes);
    }
    this.#contents[page] = number;
  }

  #append(hash: Buffer, bytes: Buffer): number {
    if (this.#filled === 0) this.#chunks.push(null);
    this.#filling.set(bytes, this.#filled * pageBytes);
    const number = this.#place(hash, this.#chunks.length - 1, this.#filled);
    if (++this.#filled === pagesPerChunk) this.#seal();
    return number;
  }

  #seal(): void {
    const sealed = sealChunk(this.#filling.subarray(0, this.#filled * pageBytes), this.#request.salt);
    this.#chunks[this.#chunks.length - 1] = sealed.ref;
    this.#filled = 0;
    this.#emit(sealed);
  }

  #place(hash: Uint8Array, chunk: number, slot: number): number {
    const number = this.#hashes.add(hash);
    if (number >= this.#chunkOf.length) {
      const chunkOf = new Uint32Array(this.#chunkOf.length * 2);
      const slotOf = new Uint8Array(chunkOf.length);
      chunkOf.set(this.#chunkOf);
      slotOf.set(this.#slotOf);
      this.#chunkOf = chunkOf;
      this.#slotOf = slotOf;
    }
    this.#chunkOf[number] = chunk;
    this.#slotOf[number] = slot;
    return number;
  }

  /** Runs over the chunks that are in use, these in the order of their first page; `order` has their numbers here. */
  #layOut(): { chunks: ChunkRef[]; runs: PageRun[]; order: number[] } {
    const runs: { page: number; count: number; chunk: number; slot: number }[] = [];
    const order: number[] = [];
    const position = new Map<number, number>();
    let last: (typeof runs)[number] | null = null;
    for (let page = 0; page < this.#contents.length; page++) {
      const number = this.#contents[page]!;
      if (number === nowhere) continue;
      const chunk = this.#chunkOf[number]!;
      const slot = this.#slotOf[number]!;
      let at = position.get(chunk);
      if (at === undefined) {
        at = order.length;
        position.set(chunk, at);
        order.push(chunk);
      }
      const follows =
        last !== null && last.chunk === at && last.page + last.count === page && last.slot + last.count === slot;
      if (follows) last!.count++;
      else {
        last = { page, count: 1, chunk: at, slot };
        runs.push(last);
      }
    }
    return { chunks: order.map((chunk) => this.#chunks[chunk]!), runs, order };
  }

  #hashesOf(chunk: number): Buffer {
    // Pages of one chunk were numbered one after the other.
    let number = this.#firstOf(chunk);
    const hashes: Buffer[] = [];
    for (; number < this.#hashes.count && this.#chunkOf[number] === chunk; number++) {
      hashes.push(this.#hashes.get(number));
    }
    return Buffer.concat(hashes);
  }

  /** Chunk numbers never fall along the pages' numbers: a binary search. */
  #firstOf(chunk: number): number {
    let low = 0;
    let high = this.#hashes.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#chunkOf[middle]! < chunk) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
