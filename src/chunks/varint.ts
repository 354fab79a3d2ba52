import { ChunkError } from './chunkerror.js';

/** Appends unsigned integers in 7-bit groups, low first (as protocol buffers' varint), and raw bytes. */
export class VarintWriter {
  #bytes = Buffer.allocUnsafe(1024);
  #length = 0;

  /** 0 to 2^53 - 1. */
  number(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** All of them, in one loop: see `VarintReader.numbers`. */
  numbers(values: Uint32Array): void {
    // Five bytes hold 35 bits.
    this.#room(values.length * 5);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let each = 0; each < values.length; each++) {
      let rest = values[each]!;
      while (rest > 0x7f) {
        bytes[at++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      bytes[at++] = rest;
    }
    this.#length = at;
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** A number from -2^31 to 2^31 - 1 as one from 0 on; small ones, also below zero, stay small (zigzag). */
export function sign(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

/** The number that `sign` made this one of. */
export function unsign(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}

/** Reads what VarintWriter wrote. Throws ChunkError (`corrupt`) at the end of the bytes and at larger numbers. */
export class VarintReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(): number {
    let value = 0;
    let unit = 1;
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new ChunkError('corrupt', 'the bytes end within a number');
      value += (byte & 0x7f) * unit;
      if (value > Number.MAX_SAFE_INTEGER) throw new ChunkError('corrupt', 'a number is too large');
      if (byte < 0x80) return value;
      unit *= 0x80;
    }
  }

  /** As many numbers below 2^32, in one loop: a manifest of a large guest has a hundred thousand, and is read cold. */
  numbers(count: number): Uint32Array {
    // Each takes a byte at least: a wrong count must not allocate.
    if (count > this.#bytes.length - this.#at) throw new ChunkError('corrupt', 'the bytes end too early');
    const bytes = this.#bytes;
    const values = new Uint32Array(count);
    let at = this.#at;
    for (let each = 0; each < count; each++) {
      let byte = bytes[at++]!;
      let value = byte & 0x7f;
      for (let unit = 0x80; byte >= 0x80; unit *= 0x80) {
        byte = bytes[at++]!;
        value += (byte & 0x7f) * unit;
        if (value > 0xffffffff) throw new ChunkError('corrupt', 'a number is too large');
      }
      values[each] = value;
    }
    if (at > bytes.length) throw new ChunkError('corrupt', 'the bytes end within a number');
    this.#at = at;
    return values;
  }

  /** A view, not a copy. */
  raw(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new ChunkError('corrupt', 'the bytes end too early');
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }
}
