import { type FileHandle, open } from 'node:fs/promises';
import { assert } from '../kernel/assert.js';
import { pageBytes } from './layout.js';

/** Pages to pack, read in any order. `Capture` of a virtual machine is one. */
export interface PageSource {
  /** Which pages it has, ascending; null: all of the file. Those it has not are as in the parent, or zero. */
  readonly pages: Uint32Array | null;
  /** Bytes of `count` (1 to 128) pages from page `first` on. */
  read(first: number, count: number): Buffer | Promise<Buffer>;
}

export interface FileSource extends PageSource {
  /** Size of the file, rounded up to a whole page. */
  readonly bytes: number;
  close(): Promise<void>;
}

/** All pages of a file that nobody changes meanwhile; a last half page is filled up with zeros. Holes are read as zeros. */
export async function fileSource(path: string): Promise<FileSource> {
  const file: FileHandle = await open(path, 'r');
  const { size } = await file.stat();
  return {
    bytes: Math.ceil(size / pageBytes) * pageBytes,
    pages: null,
    read: async (first, count) => {
      const buffer = Buffer.alloc(count * pageBytes);
      const wanted = Math.min(buffer.length, size - first * pageBytes);
      for (let filled = 0; filled < wanted; ) {
        const { bytesRead } = await file.read(buffer, filled, wanted - filled, first * pageBytes + filled);
        assert(bytesRead > 0, `${path} became shorter while it was packed`);
        filled += bytesRead;
      }
      return buffer;
    },
    close: () => file.close(),
  };
}

/** A source over bytes in memory. */
export function bufferSource(bytes: Buffer): PageSource & { readonly bytes: number } {
  const padded = Buffer.alloc(Math.ceil(bytes.length / pageBytes) * pageBytes);
  padded.set(bytes);
  return {
    bytes: padded.length,
    pages: null,
    read: (first, count) => padded.subarray(first * pageBytes, (first + count) * pageBytes),
  };
}

/** One message to the packing thread: pages and their bytes, which it gets for itself. */
export interface Slice {
  readonly pages: Uint32Array;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Reads a source slice by slice: first the pages of `order` that it has, in that order, so that what is read together
 * lies together; then the others, ascending.
 * @param pagesTotal Pages of the file: what `pages: null` means.
 */
export async function* slices(
  source: PageSource,
  pagesTotal: number,
  order: Uint32Array,
  slicePages: number,
): AsyncGenerator<Slice> {
  let pages = new Uint32Array(slicePages);
  let bytes = new Uint8Array(slicePages * pageBytes);
  let filled = 0;
  for (const [first, count] of runsOf(ordered(source, pagesTotal, order))) {
    for (let done = 0; done < count; ) {
      const part = Math.min(count - done, slicePages - filled);
      bytes.set(await source.read(first + done, part), filled * pageBytes);
      for (let each = 0; each < part; each++) pages[filled + each] = first + done + each;
      filled += part;
      done += part;
      if (filled < slicePages) continue;
      yield { pages, bytes };
      pages = new Uint32Array(slicePages);
      bytes = new Uint8Array(slicePages * pageBytes);
      filled = 0;
    }
  }
  if (filled > 0) yield { pages: pages.slice(0, filled), bytes: bytes.slice(0, filled * pageBytes) };
}

function* ordered(source: PageSource, pagesTotal: number, order: Uint32Array): Generator<number> {
  if (order.length === 0) {
    yield* source.pages ?? numbersBelow(pagesTotal);
    return;
  }
  /** 1: the source has the page, and it was not given yet. */
  const left = new Uint8Array(pagesTotal);
  if (source.pages === null) left.fill(1);
  else for (const page of source.pages) left[page] = 1;
  for (const page of order) {
    if (left[page] !== 1) continue;
    left[page] = 0;
    yield page;
  }
  for (let page = 0; page < pagesTotal; page++) if (left[page] === 1) yield page;
}

function* numbersBelow(end: number): Generator<number> {
  for (let number = 0; number < end; number++) yield number;
}

function* runsOf(pages: Iterable<number>): Generator<[first: number, count: number]> {
  let first = -1;
  let count = 0;
  for (const page of pages) {
    if (page === first + count && count > 0) count++;
    else {
      if (count > 0) yield [first, count];
      first = page;
      count = 1;
    }
  }
  if (count > 0) yield [first, count];
}
