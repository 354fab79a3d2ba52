import { parentPort } from 'node:worker_threads';
import { assert } from '../kernel/assert.js';
import { ChunkError, type ChunkErrorKind } from './chunkerror.js';
import { decodeManifest } from './manifest.js';
import { type PackedManifest, packManifest } from './packedmanifest.js';
import { openRecord } from './sealedrecord.js';

/** To the thread. */
export interface ManifestOrder {
  readonly id: number;
  readonly label: string;
  readonly sealed: Uint8Array;
  readonly key: Uint8Array;
}

export interface OpenedManifest {
  readonly packed: PackedManifest;
  readonly parent: string | null;
}

/** From the thread, in the orders' order. */
export interface ManifestAnswer {
  readonly id: number;
  readonly opened: OpenedManifest | null;
  readonly failure: { readonly kind: ChunkErrorKind; readonly message: string } | null;
}

const port = parentPort;
assert(port !== null, 'this file is the body of a worker thread');

port.on('message', ({ id, label, sealed, key }: ManifestOrder) => {
  let answer: ManifestAnswer;
  let transfer: ArrayBuffer[] = [];
  try {
    const manifest = decodeManifest(openRecord(label, sealed, Buffer.from(key)));
    const packed = packManifest(manifest);
    transfer = [packed.sizes.buffer as ArrayBuffer, packed.runs.buffer as ArrayBuffer];
    answer = { id, opened: { packed, parent: manifest.parent }, failure: null };
  } catch (error) {
    const kind = error instanceof ChunkError ? error.kind : 'corrupt';
    answer = { id, opened: null, failure: { kind, message: (error as Error).message } };
  }
  port.postMessage(answer, transfer);
});
