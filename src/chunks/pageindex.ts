import { hash } from 'node:crypto';
import { ChunkError } from './chunkerror.js';
import { type ChunkRef, pageBytes } from './layout.js';

const hashBytes = 32;

/** Hash of a page's contents, 32 bytes. */
export function pageHash(page: Uint8Array): Buffer {
  return hash('sha256', page, 'buffer');
}

/**
 * Hashes of all pages of a manifest's chunks, chunk by chunk in the manifest's order: with it a child is packed without
 * reading its parent. As secret as the manifest (it tests guesses of contents), so it is encrypted like it.
 */
export interface PageIndex {
  /** 32 bytes a page. */
  readonly hashes: Uint8Array;
}

/** Throws ChunkError (`corrupt`) unless the index has as many hashes as the chunks have pages. */
export function checkIndex(index: PageIndex, chunks: readonly ChunkRef[]): void {
  const pages = chunks.reduce((sum, { bytes }) => sum + bytes / pageBytes, 0);
  if (index.hashes.length !== pages * hashBytes) {
    throw new ChunkError('corrupt', `an index of ${index.hashes.length / hashBytes} pages for ${pages}`);
  }
}

/**
 * Set of page hashes, numbered in the order of their addition; the first of equal ones is found. Open addressing over
 * flat memory: 40 to 56 bytes a page, where a Map takes 200.
 */
export class HashTable {
  #hashes: Buffer;
  #count = 0;
  /** Number of a hash plus one, or 0. A power of two long, at most half full. */
  #slots: Uint32Array;

  constructor(capacity = 1024) {
    this.#hashes = Buffer.allocUnsafe(capacity * hashBytes);
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(capacity * 2)));
  }

  get count(): number {
    return this.#count;
  }

  /** Number of the first equal hash, or -1. */
  find(hash: Uint8Array): number {
    return this.#slots[this.#slotOf(hash, 0)]! - 1;
  }

  /** Returns the hash's number. One that is there already gets a number all the same and is found under its first. */
  add(hash: Uint8Array): number {
    if ((this.#count + 1) * hashBytes > this.#hashes.length) this.#grow();
    this.#hashes.set(hash, this.#count * hashBytes);
    const slot = this.#slotOf(hash, 0);
    if (this.#slots[slot] === 0) this.#slots[slot] = this.#count + 1;
    return this.#count++;
  }

  /** A view. */
  get(number: number): Buffer {
    return this.#hashes.subarray(number * hashBytes, (number + 1) * hashBytes);
  }

  equals(number: number, hash: Uint8Array): boolean {
    return this.get(number).equals(hash);
  }

  /** Slot that has the hash (of `bytes` from `offset` on), or the empty one where it would be. */
  #slotOf(bytes: Uint8Array, offset: number): number {
    const mask = this.#slots.length - 1;
    // A SHA-256 is as random as a table's hash has to be.
    const start = bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
    for (let slot = start & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot]! - 1;
      if (number < 0) return slot;
      const from = number * hashBytes;
      if (this.#hashes.compare(bytes, offset, offset + hashBytes, from, from + hashBytes) === 0) return slot;
    }
  }

  #grow(): void {
    const larger = Buffer.allocUnsafe(this.#hashes.length * 2);
    larger.set(this.#hashes);
    this.#hashes = larger;
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let number = 0; number < this.#count; number++) {
      const slot = this.#slotOf(this.#hashes, number * hashBytes);
      if (this.#slots[slot] === 0) this.#slots[slot] = number + 1;
    }
  }
}
