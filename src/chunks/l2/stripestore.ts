import { S3Fifo } from '../s3fifo.js';

/** What a member holds, by chunk name: bodies as workers put them. Bounded; what has to go is S3-FIFO's choice. */
export interface StripeStore {
  readonly bytes: number;
  readonly count: number;
  readonly evictions: number;
  get(name: string): Promise<Buffer | null>;
  /** Replaces what was there. */
  put(name: string, body: Buffer): Promise<void>;
}

/** In memory; gone with the process, which only costs the origin a fetch of each. */
export class MemoryStripes implements StripeStore {
  readonly #bodies = new Map<string, Buffer>();
  readonly #kept: S3Fifo;
  evictions = 0;

  constructor(bytesMax: number) {
    this.#kept = new S3Fifo(bytesMax);
  }

  get bytes(): number {
    return this.#kept.bytes;
  }

  get count(): number {
    return this.#kept.count;
  }

  async get(name: string): Promise<Buffer | null> {
    this.#kept.hit(name);
    return this.#bodies.get(name) ?? null;
  }

  async put(name: string, body: Buffer): Promise<void> {
    this.#bodies.set(name, body);
    for (const gone of this.#kept.add(name, body.length)) {
      this.#bodies.delete(gone);
      this.evictions += 1;
    }
  }
}
