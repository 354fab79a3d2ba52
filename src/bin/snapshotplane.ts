import { randomUUID } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { S3BlobOptions } from '../adapters/s3/blob.js';
import { KeptChunks } from '../chunks/collection/keptchunks.js';
import type { CollectionReport } from '../chunks/collection/messages.js';
import { Protection } from '../chunks/collection/protection.js';
import { RootStore } from '../chunks/collection/rootstore.js';
import { Collector } from '../chunks/collection/service.js';
import type { Keyring } from '../chunks/keyring.js';
import { watchMembers } from '../chunks/l2/members.js';
import type { Member } from '../chunks/l2/placement.js';
import { ManifestStore } from '../chunks/manifeststore.js';
import { Origin } from '../chunks/origin.js';
import type { ChunkStore } from '../chunks/tier.js';
import type { Blob } from '../kernel/ports/blob.js';
import type { Clock } from '../kernel/ports/clock.js';
import { secondMs } from '../kernel/units.js';
import type { CollectorOrder } from './collectorthread.js';
import type { MemberAddress } from './sparsefsserver.js';

/** L2 as a platform was told of it. */
export interface SharedCache {
  readonly members: readonly Member[];
  /** Where the list came from, to be read again when it changes; null: it does not. */
  readonly file: string | null;
  readonly secret: Buffer;
}

/** Where snapshots are beyond the data folder; null: nowhere. */
export interface SnapshotPlaces {
  readonly sharedCache: SharedCache | null;
  /** Instead of the data folder. */
  readonly bucket: S3BlobOptions | null;
}

/** Where new chunks and manifests go, and what collects them. */
export interface CollectedStore {
  readonly chunks: ChunkStore;
  readonly manifests: ManifestStore;
  /** Not started. A platform has it in a thread of its own instead (`CollectorThread`); never both. */
  readonly collector: Collector;
}

/** Composes writing and collecting over one blob store. */
export function collectedStore(blob: Blob, keyring: Keyring, clock: Clock): CollectedStore {
  const roots = new RootStore(blob);
  const protection = new Protection(roots, { id: randomUUID() });
  const manifests = new ManifestStore(blob, keyring, protection);
  return {
    chunks: new KeptChunks(new Origin(blob), protection),
    manifests,
    collector: new Collector({ store: roots, manifests, clock, onRound: reportRound }),
  };
}

/** Says on standard error what went wrong; the rest is silence. */
function reportRound({ failure }: CollectionReport): void {
  if (failure !== null) process.stderr.write(`collection of unused chunks: ${failure}; tried again in a minute\n`);
}

/** The step under way when the platform ends: at most one answer of the store. */
const closeMsMax = 5 * secondMs;

/** Collects in a thread of its own, from now until `close`. */
export class CollectorThread {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;

  constructor(order: CollectorOrder) {
    this.#worker = new Worker(new URL('./collectorthread.js', import.meta.url), {
      name: 'collector',
      workerData: order,
    });
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.on('error', (error) => process.stderr.write(`collection of unused chunks ended: ${error.stack}\n`));
    this.#worker.on('message', () => void this.#worker.terminate());
    this.#worker.unref();
  }

  async close(): Promise<void> {
    this.#worker.ref();
    this.#worker.postMessage('close');
    const timer = setTimeout(() => void this.#worker.terminate(), closeMsMax);
    await this.#ended;
    clearTimeout(timer);
  }
}

/** The list of L2's members as it is now, and what follows it when it changes. */
export class MemberList {
  #members: readonly Member[];
  readonly #end: () => void;

  constructor(cache: SharedCache, onChange: (members: readonly MemberAddress[]) => void) {
    this.#members = cache.members;
    const changed = (members: readonly Member[]) => {
      this.#members = members;
      onChange(this.addresses);
    };
    const trouble = (message: string) => process.stderr.write(`members of the shared cache: ${message}\n`);
    this.#end = cache.file === null ? () => {} : watchMembers(cache.file, cache.members, changed, trouble);
  }

  get addresses(): MemberAddress[] {
    return this.#members.map(({ id, url }) => ({ id, url: url.href }));
  }

  close(): void {
    this.#end();
  }
}
