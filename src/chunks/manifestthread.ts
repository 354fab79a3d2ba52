import { Worker } from 'node:worker_threads';
import { secondMs } from '../kernel/units.js';
import { ChunkError } from './chunkerror.js';
import { withinMs } from './deadline.js';
import type { Manifest } from './layout.js';
import { decodeManifest } from './manifest.js';
import type { ManifestAnswer, ManifestOrder } from './manifestworker.js';
import { lazyManifest } from './packedmanifest.js';
import { openRecord } from './sealedrecord.js';

/** Sealed manifests up to this size, some 1,000 runs, are opened at once: a millisecond, less than the way to a thread. */
export const openedHereBytesMax = 8_192;
/** The largest takes half a second; a thread that starts on a busy machine, much longer. */
const openMsMax = 60 * secondMs;

interface Waiting {
  readonly resolve: (manifest: Manifest) => void;
  readonly reject: (error: Error) => void;
  /** When the thread has died. */
  readonly here: () => Manifest;
}

/**
 * Opens sealed manifests in a thread: one of a memory in many pieces takes 25 to 50 ms, during which the platform would
 * serve nobody. What comes back is as the thread packed it, and is unpacked only for who looks into it. Idle, the thread
 * keeps no process alive; should it die, its work is done here, and the next manifest gets a new one.
 */
export class ManifestThread {
  #worker: Worker | null = null;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /** Rejects with ChunkError (`corrupt`), as `openRecord` and `decodeManifest` throw it. */
  async open(label: string, sealed: Uint8Array, key: Buffer): Promise<Manifest> {
    const here = () => decodeManifest(openRecord(label, sealed, key));
    if (sealed.length <= openedHereBytesMax) return here();
    const opened = new Promise<Manifest>((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { resolve, reject, here });
      const order: ManifestOrder = { id, label, sealed, key };
      this.#worker ??= this.#start();
      this.#worker.ref();
      this.#worker.postMessage(order);
    });
    return await withinMs(openMsMax, `opening ${label}`, opened);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./manifestworker.js', import.meta.url), { name: 'manifests' });
    worker.on('message', (answer: ManifestAnswer) => this.#hear(answer));
    const ended = () => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      const left = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { resolve, reject, here } of left) {
        try {
          resolve(here());
        } catch (error) {
          reject(error as Error);
        }
      }
    };
    worker.on('error', ended);
    worker.on('exit', ended);
    return worker;
  }

  #hear({ id, opened, failure }: ManifestAnswer): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if (opened === null) waiting.reject(new ChunkError(failure?.kind ?? 'corrupt', failure?.message ?? 'no answer'));
    else waiting.resolve(lazyManifest(opened.packed, opened.parent));
  }
}
