import type { ChunkStore } from '../tier.js';
import type { Protection } from './protection.js';

/** New chunks go to the origin under the protection of a root: none is collected before its manifest is stored. */
export class KeptChunks implements ChunkStore {
  readonly #origin: ChunkStore;
  readonly #protection: Protection;

  constructor(origin: ChunkStore, protection: Protection) {
    this.#origin = origin;
    this.#protection = protection;
  }

  async add(name: string, bytes: Buffer): Promise<boolean> {
    // First: what is found there must not go afterwards.
    await this.#protection.protect([name]);
    return await this.#origin.add(name, bytes);
  }
}
