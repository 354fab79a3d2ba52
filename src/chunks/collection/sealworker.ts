import { parentPort } from 'node:worker_threads';
import { sealChunk } from '../codec.js';

export interface SealOrder {
  readonly plaintext: Uint8Array<ArrayBuffer>;
  readonly salt: Uint8Array;
}

export interface SealAnswer {
  readonly name: string;
  readonly key: Uint8Array;
  readonly bytes: number;
  readonly ciphertext: Uint8Array;
}

// The thread of `SealingThread`: one chunk at a time.
parentPort!.on('message', ({ plaintext, salt }: SealOrder) => {
  const { ref, ciphertext } = sealChunk(plaintext, salt);
  const answer: SealAnswer = { name: ref.name, key: ref.key, bytes: ref.bytes, ciphertext };
  parentPort!.postMessage(answer);
});
