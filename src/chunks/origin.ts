import type { Blob } from '../kernel/ports/blob.js';
import { isChunk } from './codec.js';
import type { Urgency } from './layout.js';
import type { ChunkStore, ChunkTier } from './tier.js';

/** The last tier, and where new chunks go: the blob store, keys `chunks/NAME`. */
export class Origin implements ChunkTier, ChunkStore {
  readonly name = 'origin';
  readonly verified = false;
  readonly #blob: Blob;

  constructor(blob: Blob) {
    this.#blob = blob;
  }

  async get(name: string, _storedBytes: number, _urgency: Urgency): Promise<Buffer | null> {
    const bytes = await this.#blob.get(key(name));
    return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  async put(name: string, bytes: Buffer): Promise<void> {
    await this.#blob.put(key(name), bytes);
  }

  async add(name: string, bytes: Buffer): Promise<boolean> {
    // One that is damaged is written again: who stores a thing once more may do so because it could not be read.
    if ((await this.#blob.size(key(name))) === bytes.length) {
      const there = await this.#blob.get(key(name));
      if (there !== null && isChunk(name, bytes.length, there)) return false;
    }
    await this.#blob.put(key(name), bytes);
    return true;
  }
}

function key(name: string): string {
  return `chunks/${name}`;
}
