import { Worker } from 'node:worker_threads';
import { assert } from '../kernel/assert.js';
import { minuteMs, secondMs } from '../kernel/units.js';
import { ChunkError } from './chunkerror.js';
import { withinMs } from './deadline.js';
import { type ChunkReader, type Manifest, pageBytes } from './layout.js';
import { lazyManifest, packManifest } from './packedmanifest.js';
import type { PackingCounts } from './packing.js';
import type { PackAnswer, PackOrder } from './packworker.js';
import { checkIndex, type PageIndex, pageHash } from './pageindex.js';
import { type PageSource, slices } from './source.js';
import type { ChunkStore } from './tier.js';

export interface PackRequest {
  readonly source: PageSource;
  /** Logical size of the file, a whole number of pages; with a parent it may differ from the parent's. */
  readonly bytes: number;
  /**
   * The file that this one is a changed copy of, or null. Pages that the source does not have are the parent's; those it
   * has are stored only where their contents are nowhere in the parent. Without an index its chunks are read (`reader`).
   */
  readonly parent: { readonly name: string; readonly manifest: Manifest; readonly index: PageIndex | null } | null;
  /** `Keyring.salt` of the scope that the new chunks belong to. */
  readonly salt: Buffer;
  /** Pages that are read together when the file is used (page-access log): they come to lie together, in this order. */
  readonly order?: Uint32Array;
  /** Ends the packing; it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface PackReport {
  readonly logicalBytes: number;
  /** Different contents that neither the parent nor an earlier page had, before compression. */
  readonly uniqueBytes: number;
  /** What was added to the store: chunks that it had already count nothing. */
  readonly storedBytes: number;
  readonly newChunks: number;
  /** Pages whose contents lay elsewhere already (in the parent, or packed before). */
  readonly duplicatePages: number;
  readonly zeroPages: number;
  /** Pages equal to the parent's at the same place. */
  readonly samePages: number;
}

export interface PackResult {
  /** Every chunk it names is durable. Store it (`ManifestStore.put`) before anything else happens to the file. */
  readonly manifest: Manifest;
  /** To be stored with the manifest where children will be packed from it. */
  readonly index: PageIndex;
  readonly report: PackReport;
}

export interface PackerOptions {
  /** One chunk to the store; then the packing fails. */
  readonly putDeadlineMs?: number;
  /** Packings at once; others wait. */
  readonly jobsMax?: number;
  /** Packings that wait; one more is refused with ChunkError (`busy`). */
  readonly waitingMax?: number;
  /** How long one waits at most, then it is refused (`timeout`). */
  readonly waitMsMax?: number;
}

export const packerDefaults = {
  /** S3 answers a put within seconds or not at all. */
  putDeadlineMs: 30 * secondMs,
  /** Two share the thread: one compresses while the other stores. */
  jobsMax: 2,
  /** A platform that publishes more versions at once has them refused, and tries again. */
  waitingMax: 256,
  /** Two at a time, each 1 s for 100 MB: the 256th has its turn before. */
  waitMsMax: 10 * minuteMs,
} satisfies PackerOptions;

/** Pages of a slice: one chunk's worth, about 6 ms of the thread's time. */
const slicePages = 128;
/** Slices on their way to the thread, per packing: it never idles, and memory stays below 2 MiB. */
export const slicesInFlightMax = 3;
/** Chunks on their way to the store, per packing: at 512 KiB each 4 MiB, and enough to hide a store's round trip. */
export const putsInFlightMax = 8;

/** Without a sign of life from thread and store: 64 slices' work of other packings and a put's deadline lie below it. */
export const stallMsMax = 60 * secondMs;

interface Job {
  /** Name of the parent's manifest. */
  readonly parent: string | null;
  readonly puts: Set<Promise<void>>;
  /** Slices the thread has not answered. */
  inFlight: number;
  newChunks: number;
  storedBytes: number;
  /** Wakes whoever waits for room. */
  wake: () => void;
  failure: Error | null;
  packed: { manifest: Manifest; index: PageIndex; counts: PackingCounts } | null;
}

/**
 * Packs files into chunks and stores these. Hashing, compression and encryption run in a thread of its own, made at the
 * first packing; the caller's loop only copies slices of 512 KiB.
 */
export class Packer {
  readonly #store: ChunkStore;
  readonly #reader: ChunkReader | null;
  readonly #putDeadlineMs: number;
  readonly #jobsMax: number;
  readonly #waitingMax: number;
  readonly #waitMsMax: number;
  readonly #jobs = new Map<number, Job>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #lastJob = 0;
  #worker: Worker | null = null;
  #closed = false;

  /** @param reader Reads chunks of parents that come without an index; null: their pages are not looked at. */
  constructor(store: ChunkStore, reader: ChunkReader | null, options: PackerOptions = {}) {
    this.#store = store;
    this.#reader = reader;
    const { putDeadlineMs, jobsMax, waitingMax, waitMsMax } = { ...packerDefaults, ...options };
    this.#putDeadlineMs = putDeadlineMs;
    this.#jobsMax = jobsMax;
    this.#waitingMax = waitingMax;
    this.#waitMsMax = waitMsMax;
  }

  /** Rejects when the source, the store or the parent fails; chunks stored until then are named by nobody. */
  async pack(request: PackRequest): Promise<PackResult> {
    await this.#enter();
    try {
      return await this.#pack(request);
    } finally {
      this.#leave();
    }
  }

  /** Ends the thread; packings under way reject. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#failAll(new Error('the packer was closed'));
    this.#worker?.ref();
    await this.#worker?.terminate();
    this.#worker = null;
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#jobsMax) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= this.#waitingMax) {
      throw new ChunkError('busy', `${this.#waitingMax} packings wait already`);
    }
    let turn = () => {};
    const turned = new Promise<void>((resolve) => {
      turn = resolve;
    });
    this.#waiting.push(turn);
    try {
      await withinMs(this.#waitMsMax, 'a turn to pack', turned);
    } catch (error) {
      const at = this.#waiting.indexOf(turn);
      // The turn came in the same moment: it is the next one's.
      if (at < 0) this.#leave();
      else this.#waiting.splice(at, 1);
      throw error;
    }
  }

  /** A place goes straight to who waits longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }

  async #pack(request: PackRequest): Promise<PackResult> {
    const { source, bytes, salt, order, signal } = request;
    assert(bytes % pageBytes === 0 && bytes > 0, 'a file of whole pages');
    const parent =
      request.parent === null
        ? null
        : {
            name: request.parent.name,
            manifest: packManifest(request.parent.manifest),
            index: await this.#indexOf(request.parent),
          };
    signal?.throwIfAborted();
    assert(!this.#closed, 'the packer is closed');
    const number = ++this.#lastJob;
    const job: Job = {
      parent: parent?.name ?? null,
      puts: new Set(),
      inFlight: 0,
      newChunks: 0,
      storedBytes: 0,
      wake: () => {},
      failure: null,
      packed: null,
    };
    this.#jobs.set(number, job);
    const abort = () => fail(job, asError(signal!.reason));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      this.#order({ kind: 'begin', job: number, bytes, salt, parent });
      const reading = slices(source, bytes / pageBytes, order ?? new Uint32Array(), slicePages);
      for (;;) {
        const slice = await withinMs(stallMsMax, 'reading what is packed', reading.next());
        if (slice.done === true) break;
        await until(job, () => job.inFlight < slicesInFlightMax && job.puts.size < putsInFlightMax);
        job.inFlight++;
        const { pages, bytes: content } = slice.value;
        this.#order({ kind: 'slice', job: number, pages, bytes: content }, [content.buffer]);
        // A source in memory answers at once: let others have the loop between two slices.
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.#order({ kind: 'finish', job: number });
      await until(job, () => job.packed !== null && job.puts.size === 0);
      const { manifest, index, counts } = job.packed!;
      const report: PackReport = {
        logicalBytes: bytes,
        uniqueBytes: counts.uniquePages * pageBytes,
        storedBytes: job.storedBytes,
        newChunks: job.newChunks,
        duplicatePages: counts.duplicatePages,
        zeroPages: counts.zeroPages,
        samePages: counts.samePages,
      };
      return { manifest, index, report };
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#jobs.delete(number);
      if (!this.#closed) {
        if (job.packed === null && this.#worker !== null) this.#order({ kind: 'forget', job: number });
        // An idle thread keeps no process alive.
        if (this.#jobs.size === 0) this.#worker?.unref();
      }
    }
  }

  async #indexOf(parent: { manifest: Manifest; index: PageIndex | null }): Promise<PageIndex> {
    const { manifest, index } = parent;
    if (index !== null) {
      checkIndex(index, manifest.chunks);
      return index;
    }
    assert(this.#reader !== null, 'a parent without an index needs a reader');
    const hashes: Buffer[] = [];
    for (const chunk of manifest.chunks) {
      const plaintext = await this.#reader.read(chunk, 'background');
      for (let at = 0; at < plaintext.length; at += pageBytes) {
        hashes.push(pageHash(plaintext.subarray(at, at + pageBytes)));
      }
    }
    return { hashes: Buffer.concat(hashes) };
  }

  #order(order: PackOrder, transfer: ArrayBuffer[] = []): void {
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage(order, transfer);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./packworker.js', import.meta.url), { name: 'packer' });
    worker.on('message', (answer: PackAnswer) => this.#hear(answer));
    const ended = (error: Error) => {
      if (this.#worker === worker) this.#worker = null;
      this.#failAll(error);
    };
    worker.on('error', ended);
    worker.on('exit', (code) => ended(new Error(`the packing thread ended with status ${code}`)));
    return worker;
  }

  #hear(answer: PackAnswer): void {
    const job = this.#jobs.get(answer.job);
    if (job === undefined) return;
    switch (answer.kind) {
      case 'chunk':
        this.#put(job, answer.name, answer.ciphertext);
        return;
      case 'taken':
        job.inFlight--;
        break;
      case 'packed':
        job.packed = {
          manifest: lazyManifest(answer.manifest, job.parent),
          index: { hashes: answer.hashes },
          counts: answer.counts,
        };
        break;
      case 'failed':
        fail(job, new Error(`packing failed: ${answer.message}`));
        return;
    }
    job.wake();
  }

  #put(job: Job, name: string, ciphertext: Uint8Array): void {
    const bytes = Buffer.from(ciphertext.buffer, ciphertext.byteOffset, ciphertext.byteLength);
    const add = async () => await this.#store.add(name, bytes);
    const put = withinMs(this.#putDeadlineMs, `storing chunk ${name}`, add())
      .then((added) => {
        if (!added) return;
        job.newChunks++;
        job.storedBytes += bytes.length;
      })
      .catch((error: unknown) => fail(job, asError(error)))
      .finally(() => {
        job.puts.delete(put);
        job.wake();
      });
    job.puts.add(put);
  }

  #failAll(error: Error): void {
    for (const job of this.#jobs.values()) fail(job, error);
  }
}

/** Waits until the job's state lets the caller go on; rejects with the job's failure. */
async function until(job: Job, ready: () => boolean): Promise<void> {
  for (;;) {
    if (job.failure !== null) throw job.failure;
    if (ready()) return;
    const moved = new Promise<void>((resolve) => {
      job.wake = resolve;
    });
    await withinMs(stallMsMax, 'packing', moved);
  }
}

function fail(job: Job, error: Error): void {
  job.failure ??= error;
  job.wake();
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
