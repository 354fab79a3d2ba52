import type { Blob } from '../src/kernel/ports/blob.js';
import { secondMs } from '../src/kernel/units.js';

export interface Distance {
  /** From a request to the first byte of its answer. */
  readonly latencyMs: number;
  /** Of all answers together; megabytes of 10⁶ bytes. */
  readonly mbPerS: number;
}

/** A blob store as from far away: each read waits, and all of them share one line. Writing is not slowed. */
export class SlowBlob implements Blob {
  /** When the line is free again. */
  #freeMs = 0;

  constructor(
    private readonly blob: Blob,
    private readonly distance: Distance,
  ) {}

  get(key: string): Promise<Uint8Array | null> {
    return this.#slowed(this.blob.get(key));
  }

  range(key: string, offset: number, length: number): Promise<Uint8Array | null> {
    return this.#slowed(this.blob.range(key, offset, length));
  }

  async size(key: string): Promise<number | null> {
    await this.#slowed(Promise.resolve(null));
    return this.blob.size(key);
  }

  async list(prefix: string): Promise<readonly string[]> {
    await this.#slowed(Promise.resolve(null));
    return this.blob.list(prefix);
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.blob.put(key, bytes);
  }

  delete(key: string): Promise<void> {
    return this.blob.delete(key);
  }

  close(): Promise<void> {
    return this.blob.close();
  }

  async #slowed(read: Promise<Uint8Array | null>): Promise<Uint8Array | null> {
    const { latencyMs, mbPerS } = this.distance;
    const askedMs = performance.now();
    const bytes = await read;
    const sentMs = ((bytes?.length ?? 0) / (mbPerS * 1e6)) * secondMs;
    this.#freeMs = Math.max(this.#freeMs, askedMs + latencyMs) + sentMs;
    const waitMs = this.#freeMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    return bytes;
  }
}
