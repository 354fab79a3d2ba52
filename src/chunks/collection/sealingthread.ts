import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { secondMs } from '../../kernel/units.js';
import type { SealedChunk } from '../codec.js';
import { withinMs } from '../deadline.js';
import type { SealAnswer, SealOrder } from './sealworker.js';

/** One chunk takes some 6 ms; a thread that starts on a busy machine, much longer. */
const sealMsMax = 60 * secondMs;

/** A thread that seals chunks, one after the other: compression has no place on an event loop that serves. */
export class SealingThread {
  readonly #worker = new Worker(new URL('./sealworker.js', import.meta.url), { name: 'sealer' });

  constructor() {
    // Whoever waits for an answer is told by `once`.
    this.#worker.on('error', () => {});
    this.#worker.unref();
  }

  /** One at a time. Rejects when the thread has died. */
  async seal(plaintext: Buffer, salt: Buffer): Promise<SealedChunk> {
    const copy = new Uint8Array(plaintext);
    const order: SealOrder = { plaintext: copy, salt: new Uint8Array(salt) };
    this.#worker.ref();
    const answered = once(this.#worker, 'message');
    this.#worker.postMessage(order, [copy.buffer]);
    const [answer] = (await withinMs(sealMsMax, 'sealing a chunk', answered)) as [SealAnswer];
    this.#worker.unref();
    const { name, bytes } = answer;
    const ciphertext = Buffer.from(answer.ciphertext);
    return { ref: { name, key: Buffer.from(answer.key), storedBytes: ciphertext.length, bytes }, ciphertext };
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
