import { type ChunkReader, pageBytes, pagesPerChunk } from '../chunks/layout.js';
import { secondMs } from '../kernel/units.js';
import type { SparseFile } from './files.js';
import type { PageSet } from './pageset.js';
import { batchPagesMax, type StoredRun, type StoringThread } from './storing.js';

/** Chunks of one batch: 8 MiB at most are held for it. */
const batchChunksMax = 16;
/**
 * Batches whose chunks are asked for before their turn: at most 64 MiB. A batch waits for the last of its chunks: with an
 * origin 20 ms and 50 MB/s away, a first reply takes 0.8 s with eight, 1.2 s with four and 1.8 s with two of half the size.
 */
const batchesAhead = 8;
/** Chunks of the rest that are asked for at once. */
const backgroundChunks = 2;
/** Files prefetched at once, of half a GiB together; more wait in order. */
const runningMax = 8;
/** Files that wait, for either stage; beyond this it is left out: reads are served all the same. */
const waitingMax = 1_024;
/** How long the kernel may take to look the file up: a monitor that starts opens its memory within a second. */
const knownMsMax = 10 * secondMs;

/** A mount. */
export interface PrefetchTarget {
  readonly device: { readonly descriptor: number };
  readonly files: { follow(file: SparseFile): PageSet };
}

interface Batch {
  /** Ascending within the batch. */
  readonly pages: Uint32Array;
  /** Chunk of the manifest → its bytes, or null when no tier has them. */
  readonly chunks: Map<number, Promise<Buffer | null>>;
}

/** Tasks in order, so many at once. */
class Lane {
  private running = 0;
  private readonly waiting: (() => Promise<void>)[] = [];

  constructor(private readonly runningMax: number) {}

  add(task: () => Promise<void>): void {
    if (this.waiting.length < waitingMax) this.waiting.push(task);
    this.next();
  }

  private next(): void {
    if (this.running === this.runningMax) return;
    const task = this.waiting.shift();
    if (task === undefined) return;
    this.running += 1;
    // Nothing in a task rejects for a chunk's sake; a broken file system tells itself by its reads.
    const over = () => {
      this.running -= 1;
      this.next();
    };
    task().then(over, over);
  }
}

/** Brings pages into the page cache before they are asked for. All of it is a hint: what fails is read on demand. */
export class Prefetching {
  private readonly recorded = new Lane(runningMax);
  private readonly others = new Lane(1);
  /** Pages that the kernel took. */
  pages = 0;

  constructor(
    private readonly reader: ChunkReader,
    private readonly storing: StoringThread,
  ) {}

  /** `target`: where the file is. */
  start(target: PrefetchTarget, file: SparseFile, pages: Uint32Array): void {
    this.recorded.add(() => this.run(target, file, pages));
  }

  private async run(target: PrefetchTarget, file: SparseFile, pages: Uint32Array): Promise<void> {
    // What the kernel was given before now, it may have dropped when memory was short.
    const given = target.files.follow(file);
    const batches: Batch[] = [];
    const known = this.known(file);
    const used = new Set<number>();
    const stored: Promise<void>[] = [];
    let next = 0;
    const fill = () => {
      while (batches.length < batchesAhead && next < pages.length && !file.withdrawn) {
        const length = this.batchLength(file, pages, next);
        batches.push(this.begin(file, pages.slice(next, next + length), given));
        next += length;
      }
    };
    fill();
    const isKnown = await known;
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      const plain = await bytesOf(batch.chunks);
      for (const chunk of batch.chunks.keys()) used.add(chunk);
      fill();
      if (!isKnown) continue;
      // In order, but without waiting for the kernel: the next batch is put together meanwhile.
      const place = await this.storing.place();
      const taken = this.storing.store(
        place,
        target.device.descriptor,
        file.node,
        this.runs(file, batch.pages, plain, given),
      );
      stored.push(
        taken.then((count) => {
          this.pages += count;
        }),
      );
    }
    await Promise.all(stored);
    if (file.given === given) file.given = null;
    this.others.add(() => this.rest(file, used));
  }

  private known(file: SparseFile): Promise<boolean> {
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(false), knownMsMax);
      file.whenKnown(() => {
        clearTimeout(late);
        resolve(true);
      });
    });
  }

  /** How many of the pages from `from` on make a batch. */
  private batchLength(file: SparseFile, pages: Uint32Array, from: number): number {
    const chunks = new Set<number>();
    const end = Math.min(pages.length, from + batchPagesMax);
    for (let index = from; index < end; index += 1) {
      const { chunk } = file.map.locate(pages[index]!, 1);
      if (chunk < 0 || chunks.has(chunk)) continue;
      if (chunks.size === batchChunksMax) return index - from;
      chunks.add(chunk);
    }
    return end - from;
  }

  private begin(file: SparseFile, pages: Uint32Array, given: PageSet): Batch {
    const chunks = new Map<number, Promise<Buffer | null>>();
    for (const page of pages) {
      const { chunk } = file.map.locate(page, 1);
      if (chunk < 0 || chunks.has(chunk) || given.has(page)) continue;
      chunks.set(
        chunk,
        this.reader.read(file.map.chunk(chunk), 'prefetch').catch(() => null),
      );
    }
    return { pages: pages.sort(), chunks };
  }

  /** Neighbouring pages from one place are one message; pages that the kernel has by now are left out. */
  private runs(
    file: SparseFile,
    pages: Uint32Array,
    plain: ReadonlyMap<number, Buffer | null>,
    given: PageSet,
  ): StoredRun[] {
    const runs: StoredRun[] = [];
    for (let index = 0; index < pages.length; ) {
      const page = pages[index]!;
      if (page >= file.pages || given.has(page)) {
        index += 1;
        continue;
      }
      let length = 1;
      while (pages[index + length] === page + length && !given.has(page + length)) length += 1;
      const found = file.map.locate(page, Math.min(length, file.pages - page));
      index += found.count;
      const bytes = found.chunk < 0 ? zeros : plain.get(found.chunk);
      // Not there: no tier has it, or the page was given when the batch began and forgotten since.
      if (bytes === undefined || bytes === null || bytes.length < (found.slot + found.count) * pageBytes) continue;
      const at = found.slot * pageBytes;
      runs.push({ page, bytes: bytes.subarray(at, at + found.count * pageBytes) });
      for (let pushed = page; pushed < page + found.count; pushed += 1) given.add(pushed);
    }
    return runs;
  }

  /** The chunks that no recorded page needs, into L1. */
  private async rest(file: SparseFile, used: ReadonlySet<number>): Promise<void> {
    const { map } = file;
    let next = 0;
    const one = async () => {
      while (next < map.chunkCount && !file.withdrawn) {
        const index = next;
        next += 1;
        if (!used.has(index)) await this.reader.read(map.chunk(index), 'background').catch(() => null);
      }
    };
    await Promise.all(Array.from({ length: backgroundChunks }, one));
  }
}

async function bytesOf(
  chunks: ReadonlyMap<number, Promise<Buffer | null>>,
): Promise<ReadonlyMap<number, Buffer | null>> {
  const plain = new Map<number, Buffer | null>();
  for (const [chunk, bytes] of chunks) plain.set(chunk, await bytes);
  return plain;
}

const zeros = Buffer.alloc(Math.max(batchPagesMax, pagesPerChunk) * pageBytes);
