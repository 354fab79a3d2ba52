import { parentPort } from 'node:worker_threads';
import { assert } from '../kernel/assert.js';
import { ChunkError, type ChunkErrorKind } from './chunkerror.js';
import { type ManifestOrder, type ManifestResult, perform } from './manifestorder.js';

/** To the thread. */
export interface ManifestRequest {
  readonly id: number;
  readonly order: ManifestOrder;
}

/** From the thread, in the requests' order. */
export interface ManifestAnswer {
  readonly id: number;
  readonly result: ManifestResult | null;
  readonly failure: { readonly kind: ChunkErrorKind; readonly message: string } | null;
}

const port = parentPort;
assert(port !== null, 'this file is the body of a worker thread');

port.on('message', ({ id, order }: ManifestRequest) => {
  let answer: ManifestAnswer;
  try {
    answer = { id, result: perform(order), failure: null };
  } catch (error) {
    const kind = error instanceof ChunkError ? error.kind : 'corrupt';
    answer = { id, result: null, failure: { kind, message: (error as Error).message } };
  }
  const { result } = answer;
  const large = result?.kind === 'opened' ? [result.packed.sizes.buffer, result.packed.runs.buffer] : [];
  port.postMessage(answer, large as ArrayBuffer[]);
});
