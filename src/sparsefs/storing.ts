import { Worker } from 'node:worker_threads';
import { pageBytes } from '../chunks/layout.js';
import { storeHeadBytes, writeStoreHead } from './protocol.js';

/** Pages of one batch: 1 MiB of them. */
export const batchPagesMax = 256;
/** A batch whose pages are all apart has a head for each. */
const batchBytesMax = batchPagesMax * (pageBytes + storeHeadBytes);
/** Batches being filled or written: one each. More would lie there while a guest that is as fast reads the same pages. */
const batchesMax = 2;
/** Jobs of zero pages that the thread has not ended yet; more are refused. Each takes it half a millisecond at most. */
const zeroJobsMax = 4;

/** Pages that lie one behind the other, from one place. */
export interface StoredRun {
  readonly page: number;
  readonly bytes: Buffer;
}

/** From us to the thread: messages one behind the other in `buffer`, and how long each is. */
export interface StoreJob {
  readonly descriptor: number;
  readonly buffer: ArrayBuffer;
  readonly lengths: Uint32Array;
}

/** Neighbouring pages; at most `batchPagesMax`. */
export interface PageRange {
  readonly page: number;
  readonly count: number;
}

/** From us to the thread, which has zeros of its own. */
export interface ZeroJob {
  readonly descriptor: number;
  readonly node: number;
  readonly ranges: readonly PageRange[];
}

/** The buffer, if there was one, comes back with the bytes that the kernel took. */
export interface StoreResult {
  readonly buffer: ArrayBuffer | null;
  readonly taken: number;
}

/**
 * Puts pages into the page cache from a thread of its own. Storing a page waits for its lock, which a read of that page
 * holds until we answer it: from the thread that answers reads it would wait for itself.
 */
export class StoringThread {
  private readonly free: ArrayBuffer[] = Array.from({ length: batchesMax }, () => new ArrayBuffer(batchBytesMax));
  private readonly waiting: ((buffer: ArrayBuffer) => void)[] = [];
  private readonly sent: ((taken: number) => void)[] = [];
  private zeroJobs = 0;
  private readonly worker = new Worker(new URL('./storethread.js', import.meta.url));

  /** `onFailure`: the thread broke; nothing is stored any more, reads are served as before. */
  constructor(onFailure: (error: unknown) => void) {
    this.worker.on('message', ({ buffer, taken }: StoreResult) => {
      if (buffer === null) this.zeroJobs -= 1;
      else {
        const next = this.waiting.shift();
        if (next === undefined) this.free.push(buffer);
        else next(buffer);
      }
      this.sent.shift()?.(taken);
    });
    this.worker.on('error', onFailure);
    // Last: whoever listens is waited for again.
    this.worker.unref();
  }

  /** A free place for a batch; whoever asks waits in order. */
  place(): Promise<ArrayBuffer> {
    const place = this.free.pop();
    return place === undefined ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve(place);
  }

  /**
   * Copies the runs (at most `batchPagesMax` pages) into the place and sends it off. Resolves with the number of pages
   * that the kernel took.
   */
  store(place: ArrayBuffer, descriptor: number, node: number, runs: readonly StoredRun[]): Promise<number> {
    const target = Buffer.from(place);
    const lengths = new Uint32Array(runs.length);
    let at = 0;
    runs.forEach(({ page, bytes }, index) => {
      writeStoreHead(target, at, node, page * pageBytes, bytes.length);
      bytes.copy(target, at + storeHeadBytes);
      lengths[index] = storeHeadBytes + bytes.length;
      at += lengths[index];
    });
    const job: StoreJob = { descriptor, buffer: place, lengths };
    return new Promise((resolve) => {
      this.sent.push((taken) => resolve(taken / pageBytes));
      this.worker.postMessage(job, [place]);
    });
  }

  /** Sends zero pages off, copying nothing; resolves with the number that the kernel took. Null when it has enough to do. */
  zeros(descriptor: number, node: number, ranges: readonly PageRange[]): Promise<number> | null {
    if (this.zeroJobs === zeroJobsMax) return null;
    this.zeroJobs += 1;
    const job: ZeroJob = { descriptor, node, ranges };
    return new Promise((resolve) => {
      this.sent.push((taken) => resolve(taken / pageBytes));
      this.worker.postMessage(job);
    });
  }
}
