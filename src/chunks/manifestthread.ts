import { Worker } from 'node:worker_threads';
import { assert } from '../kernel/assert.js';
import { secondMs } from '../kernel/units.js';
import { ChunkError } from './chunkerror.js';
import { withinMs } from './deadline.js';
import type { Manifest } from './layout.js';
import { type ManifestOrder, type ManifestResult, perform } from './manifestorder.js';
import type { ManifestAnswer, ManifestRequest } from './manifestworker.js';
import { asBuffer, lazyManifest, packManifest } from './packedmanifest.js';

/** Sealed manifests up to this size, some 1,000 runs, are opened at once: a millisecond, less than the way to a thread. */
export const openedHereBytesMax = 8_192;
/** The same for manifests that are encoded, by runs, and for records that are sealed. */
const encodedHereRunsMax = 1_000;
const sealedHereBytesMax = 65_536;
/** The largest takes half a second; a thread that starts on a busy machine, much longer. */
const answerMsMax = 60 * secondMs;

interface Waiting {
  readonly order: ManifestOrder;
  readonly resolve: (result: ManifestResult) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Opens and seals manifests in a thread: one of a memory in many pieces takes 25 to 50 ms, during which the platform would
 * serve nobody. What comes back is as the thread packed it, and is unpacked only for who looks into it. Idle, the thread
 * keeps no process alive; should it die, its work is done here, and the next manifest gets a new one.
 */
export class ManifestThread {
  #worker: Worker | null = null;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /** Rejects with ChunkError (`corrupt`), as `openRecord` and `decodeManifest` throw it. */
  async open(label: string, sealed: Uint8Array, key: Buffer): Promise<Manifest> {
    const result = await this.#do({ kind: 'open', label, sealed, key }, sealed.length <= openedHereBytesMax);
    assert(result.kind === 'opened', 'an order has its answer');
    return lazyManifest(result.packed, result.parent);
  }

  /** As `encodeManifest` and `recordName`. */
  async encode(manifest: Manifest, key: Buffer): Promise<{ readonly encoded: Buffer; readonly name: string }> {
    const packed = packManifest(manifest);
    const order: ManifestOrder = { kind: 'encode', packed, parent: manifest.parent, key };
    const result = await this.#do(order, packed.runs.length <= 4 * encodedHereRunsMax);
    assert(result.kind === 'encoded', 'an order has its answer');
    return { encoded: asBuffer(result.encoded), name: result.name };
  }

  /** As `sealRecord`. */
  async seal(label: string, plaintext: Uint8Array, key: Buffer): Promise<Buffer> {
    const result = await this.#do({ kind: 'seal', label, plaintext, key }, plaintext.length <= sealedHereBytesMax);
    assert(result.kind === 'sealed', 'an order has its answer');
    return asBuffer(result.sealed);
  }

  async #do(order: ManifestOrder, here: boolean): Promise<ManifestResult> {
    if (here) return perform(order);
    const done = new Promise<ManifestResult>((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { order, resolve, reject });
      this.#worker ??= this.#start();
      this.#worker.ref();
      const request: ManifestRequest = { id, order };
      this.#worker.postMessage(request);
    });
    return await withinMs(answerMsMax, `to ${order.kind} a manifest`, done);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./manifestworker.js', import.meta.url), { name: 'manifests' });
    worker.on('message', (answer: ManifestAnswer) => this.#hear(answer));
    const ended = () => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      const left = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { order, resolve, reject } of left) {
        try {
          resolve(perform(order));
        } catch (error) {
          reject(error as Error);
        }
      }
    };
    worker.on('error', ended);
    worker.on('exit', ended);
    return worker;
  }

  #hear({ id, result, failure }: ManifestAnswer): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if (result === null) waiting.reject(new ChunkError(failure?.kind ?? 'corrupt', failure?.message ?? 'no answer'));
    else waiting.resolve(result);
  }
}
