import { Worker } from 'node:worker_threads';
import { ChunkError } from './chunkerror.js';
import { openChunk } from './codec.js';
import type { ChunkRef } from './layout.js';
import type { OpenAnswer, OpenOrder } from './openworker.js';

/** Opens chunks somewhere else than on the caller's event loop. */
export interface Opening {
  /** As `openChunk`, but rejecting. */
  open(chunk: ChunkRef, ciphertext: Buffer): Promise<Buffer>;
}

interface Waiting {
  readonly chunk: ChunkRef;
  readonly ciphertext: Buffer;
  readonly resolve: (plaintext: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A thread that opens chunks, one after the other: 1 to 2 ms each, which a page fault that memory could answer in
 * microseconds would else wait for. Whoever asks bounds how many wait. Idle, it keeps no process alive; should it die, its
 * work is done by the caller's thread, and the next chunk gets a new one.
 */
export class OpeningThread implements Opening {
  #worker: Worker | null = null;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  open(chunk: ChunkRef, ciphertext: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { chunk, ciphertext, resolve, reject });
      // A copy of its own: the caches still want the ciphertext, and a buffer may be a part of a larger one.
      const copy = new Uint8Array(ciphertext);
      const order: OpenOrder = { id, chunk: { ...chunk, key: new Uint8Array(chunk.key) }, ciphertext: copy };
      this.#worker ??= this.#start();
      this.#worker.ref();
      this.#worker.postMessage(order, [copy.buffer]);
    });
  }

  async close(): Promise<void> {
    this.#worker?.ref();
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./openworker.js', import.meta.url), { name: 'opener' });
    worker.on('message', (answer: OpenAnswer) => this.#hear(answer));
    const ended = () => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      const left = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const waiting of left) openHere(waiting);
    };
    worker.on('error', ended);
    worker.on('exit', ended);
    return worker;
  }

  #hear(answer: OpenAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if (answer.plaintext === null) waiting.reject(new ChunkError('corrupt', answer.failure));
    else {
      const { buffer, byteOffset, byteLength } = answer.plaintext;
      waiting.resolve(Buffer.from(buffer, byteOffset, byteLength));
    }
  }
}

function openHere({ chunk, ciphertext, resolve, reject }: Waiting): void {
  try {
    resolve(openChunk(chunk, ciphertext));
  } catch (error) {
    reject(error as Error);
  }
}
