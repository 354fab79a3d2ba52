import { randomBytes, randomFillSync, randomUUID } from 'node:crypto';
import type { Random } from '../../kernel/ports/random.js';

/** Random bytes drawn at once: one system call serves some hundred calls of the hot path. */
const poolBytes = 4_096;

/** Cryptographic randomness of the operating system. */
export class RealRandom implements Random {
  readonly #pool = Buffer.alloc(poolBytes);
  #used = poolBytes;

  uuid(): string {
    return randomUUID();
  }

  fraction(): number {
    return this.#take(6).readUIntBE(0, 6) / 2 ** 48;
  }

  hex(count: number): string {
    return count > poolBytes ? randomBytes(count).toString('hex') : this.#take(count).toString('hex');
  }

  #take(count: number): Buffer {
    if (this.#used + count > poolBytes) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const bytes = this.#pool.subarray(this.#used, this.#used + count);
    this.#used += count;
    return bytes;
  }
}
