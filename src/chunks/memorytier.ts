import type { ChunkRef } from './layout.js';
import { S3Fifo } from './s3fifo.js';

/**
 * Hits of one chunk within so long count as one (the "correlated references" of LRU-K, SIGMOD 1993). A reader asks for
 * the pages of a chunk one after the other: that is one use, and a scan would else look like 128 uses of each chunk. As
 * long as a restore takes.
 */
const burstMs = 500;

interface Kept {
  readonly key: Buffer;
  readonly plaintext: Buffer;
  countedAtMs: number;
}

/** Decoded chunks in memory, at most `bytesMax`, kept by S3-FIFO. Times are of a clock that never goes back. */
export class MemoryTier {
  readonly #fifo: S3Fifo;
  readonly #kept = new Map<string, Kept>();

  constructor(bytesMax: number) {
    this.#fifo = new S3Fifo(bytesMax);
  }

  get bytes(): number {
    return this.#fifo.bytes;
  }

  /** Null also for who has another key than the chunk's: its name alone opens nothing. */
  get(chunk: ChunkRef, nowMs: number): Buffer | null {
    const kept = this.#kept.get(chunk.name);
    if (kept === undefined || !kept.key.equals(chunk.key)) return null;
    if (nowMs - kept.countedAtMs >= burstMs) {
      kept.countedAtMs = nowMs;
      this.#fifo.hit(chunk.name);
    }
    return kept.plaintext;
  }

  has(chunk: ChunkRef): boolean {
    return this.#kept.has(chunk.name);
  }

  /** @param plaintext Not changed by anybody from now on. */
  add(chunk: ChunkRef, plaintext: Buffer, nowMs: number): void {
    this.#kept.set(chunk.name, { key: chunk.key, plaintext, countedAtMs: nowMs });
    for (const name of this.#fifo.add(chunk.name, plaintext.length)) this.#kept.delete(name);
  }
}
