import { getPriority, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { assert } from '../kernel/assert.js';
import { openChunk } from './codec.js';

/** To the thread. */
export interface OpenOrder {
  readonly id: number;
  readonly chunk: {
    readonly name: string;
    readonly key: Uint8Array;
    readonly storedBytes: number;
    readonly bytes: number;
  };
  readonly ciphertext: Uint8Array;
}

/** From the thread, in the orders' order. */
export type OpenAnswer =
  | { readonly id: number; readonly plaintext: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly plaintext: null; readonly failure: string };

const port = parentPort;
assert(port !== null, 'this file is the body of a worker thread');

// The process that answers page faults runs ahead of the guests; what is opened here nobody waits for yet.
if (getPriority() < 0) setPriority(0);

port.on('message', ({ id, chunk, ciphertext }: OpenOrder) => {
  let answer: OpenAnswer;
  try {
    const opened = openChunk({ ...chunk, key: Buffer.from(chunk.key) }, ciphertext);
    // Only a buffer of its own can be handed over.
    const isWhole = opened.buffer instanceof ArrayBuffer && opened.byteLength === opened.buffer.byteLength;
    answer = { id, plaintext: isWhole ? (opened as Uint8Array<ArrayBuffer>) : new Uint8Array(opened) };
  } catch (error) {
    answer = { id, plaintext: null, failure: (error as Error).message };
  }
  port.postMessage(answer, answer.plaintext === null ? [] : [answer.plaintext.buffer]);
});
