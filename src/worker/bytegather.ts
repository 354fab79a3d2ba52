import { kib } from '../kernel/units.js';

/** Pieces below this are copied together: a sender of single bytes must not cost an object per byte. */
const smallBytes = 2 * kib;
const blockBytes = 16 * kib;

/** Collects pieces of one message as they arrive. The first piece, often the only one, is never copied. */
export class ByteGather {
  #pieces: Buffer[] = [];
  #block: Buffer | null = null;
  /** Where the small pieces not yet among `#pieces` start and end in the block. */
  #from = 0;
  #to = 0;
  bytes = 0;

  push(piece: Buffer): void {
    const first = this.bytes === 0;
    this.bytes += piece.length;
    if (first || piece.length >= smallBytes) {
      this.#seal();
      this.#pieces.push(piece);
      return;
    }
    if (this.#block === null || this.#block.length - this.#to < piece.length) {
      this.#seal();
      this.#block = Buffer.allocUnsafeSlow(blockBytes);
      this.#from = 0;
      this.#to = 0;
    }
    piece.copy(this.#block, this.#to);
    this.#to += piece.length;
  }

  /** Everything collected, in one buffer; the gather is empty then. */
  take(): Buffer {
    this.#seal();
    const all = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces, this.bytes);
    this.clear();
    return all;
  }

  clear(): void {
    this.#pieces = [];
    this.#block = null;
    this.#from = 0;
    this.#to = 0;
    this.bytes = 0;
  }

  #seal(): void {
    if (this.#block === null || this.#to === this.#from) return;
    this.#pieces.push(this.#block.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
