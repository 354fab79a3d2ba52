import type { ChunkRef } from './layout.js';
import { S3Fifo } from './s3fifo.js';

/**
 * Hits of one chunk count as one while fewer than so many others came in. A reader asks for the pages of a chunk one
 * after the other: that is one use, and a scan would else look like 128 of each chunk. More than fetches run at once.
 */
const burstInserts = 32;

interface Kept {
  readonly key: Buffer;
  readonly plaintext: Buffer;
  /** `#inserts` when a hit last counted. */
  countedAt: number;
}

/** Decoded chunks in memory, at most `bytesMax`, kept by S3-FIFO. */
export class MemoryTier {
  readonly #fifo: S3Fifo;
  readonly #kept = new Map<string, Kept>();
  #inserts = 0;

  constructor(bytesMax: number) {
    this.#fifo = new S3Fifo(bytesMax);
  }

  get bytes(): number {
    return this.#fifo.bytes;
  }

  /** Null also for who has another key than the chunk's: its name alone opens nothing. */
  get(chunk: ChunkRef): Buffer | null {
    const kept = this.#kept.get(chunk.name);
    if (kept === undefined || !kept.key.equals(chunk.key)) return null;
    if (this.#inserts - kept.countedAt >= burstInserts) {
      kept.countedAt = this.#inserts;
      this.#fifo.hit(chunk.name);
    }
    return kept.plaintext;
  }

  has(chunk: ChunkRef): boolean {
    return this.#kept.has(chunk.name);
  }

  /** @param plaintext Not changed by anybody from now on. */
  add(chunk: ChunkRef, plaintext: Buffer): void {
    this.#inserts++;
    this.#kept.set(chunk.name, { key: chunk.key, plaintext, countedAt: this.#inserts });
    for (const name of this.#fifo.add(chunk.name, plaintext.length)) this.#kept.delete(name);
  }
}
