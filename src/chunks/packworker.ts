import { parentPort } from 'node:worker_threads';
import { assert } from '../kernel/assert.js';
import { type PackedManifest, packManifest, unpackManifest } from './packedmanifest.js';
import { Packing, type PackingCounts } from './packing.js';
import type { PageIndex } from './pageindex.js';

/** To the thread. Jobs are told apart by number; each gets `begin`, slices, and `finish` or `forget`. */
export type PackOrder =
  | {
      readonly kind: 'begin';
      readonly job: number;
      readonly bytes: number;
      readonly salt: Uint8Array;
      readonly parent: { readonly name: string; readonly manifest: PackedManifest; readonly index: PageIndex } | null;
    }
  | { readonly kind: 'slice'; readonly job: number; readonly pages: Uint32Array; readonly bytes: Uint8Array }
  | { readonly kind: 'finish'; readonly job: number }
  | { readonly kind: 'forget'; readonly job: number };

/** From the thread. Each slice is answered by its new chunks, if any, then `taken`. */
export type PackAnswer =
  | { readonly kind: 'chunk'; readonly job: number; readonly name: string; readonly ciphertext: Uint8Array }
  | { readonly kind: 'taken'; readonly job: number }
  | {
      readonly kind: 'packed';
      readonly job: number;
      readonly manifest: PackedManifest;
      readonly hashes: Uint8Array;
      readonly counts: PackingCounts;
    }
  | { readonly kind: 'failed'; readonly job: number; readonly message: string };

const port = parentPort;
assert(port !== null, 'this file is the body of a worker thread');
const jobs = new Map<number, Packing>();

function answer(message: PackAnswer, transfer: ArrayBuffer[] = []): void {
  port!.postMessage(message, transfer);
}

function perform(order: PackOrder): void {
  const { job } = order;
  if (order.kind === 'begin') {
    const send = (name: string, ciphertext: Uint8Array) => answer({ kind: 'chunk', job, name, ciphertext });
    const { bytes, salt } = order;
    const parent =
      order.parent === null ? null : { ...order.parent, manifest: unpackManifest(order.parent.manifest, null) };
    jobs.set(job, new Packing({ bytes, salt, parent }, ({ ref, ciphertext }) => send(ref.name, ciphertext)));
    return;
  }
  const packing = jobs.get(job);
  if (packing === undefined) return;
  if (order.kind === 'slice') {
    packing.add(order.pages, order.bytes);
    answer({ kind: 'taken', job });
    return;
  }
  jobs.delete(job);
  if (order.kind === 'forget') return;
  const { manifest, index, counts } = packing.finish();
  answer({ kind: 'packed', job, manifest: packManifest(manifest), hashes: index.hashes, counts });
}

port.on('message', (order: PackOrder) => {
  try {
    perform(order);
  } catch (error) {
    jobs.delete(order.job);
    answer({ kind: 'failed', job: order.job, message: (error as Error).stack ?? String(error) });
  }
});
