// The sparse file system's own figures, as one line of JSON a round; started by scenarios/sparsefs.ts inside a mount
// namespace. Arguments: rounds.
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EmbeddedBlob } from '../src/adapters/embedded/blob.js';
import type { SparseFsComposition } from '../src/bin/sparsefsserver.js';
import { type Manifest, pageBytes } from '../src/chunks/layout.js';
import { Origin } from '../src/chunks/origin.js';
import { Packer } from '../src/chunks/packer.js';
import { bufferSource } from '../src/chunks/source.js';
import { kib, mib } from '../src/kernel/units.js';
import { SparseFsClient } from '../src/sparsefs/client.js';
import { quantile } from './statistics.js';

/** One round. */
export interface FaultFigures {
  /** Of reads of one page that is in L1 and not in the page cache. */
  readonly faultUs: { readonly p50: number; readonly p99: number };
  /** What the kernel asked for, divided by what was touched. */
  readonly amplification: number;
  /** In order, 128 KiB at a time, with the kernel's read-ahead. */
  readonly sequentialMbps: number;
  /** Scattered pages put into the page cache ahead of faults. */
  readonly pushedPagesPerS: number;
  /** Of reads of pages so pushed. */
  readonly pushedUs: number;
  /** Memory that a guest never used, page by page upwards: all of it, and what the kernel asked for. */
  readonly fresh: { readonly ms: number; readonly reads: number };
}

const imageBytes = 96 * mib;
const imagePages = imageBytes / pageBytes;
const faults = 4_000;
const freshBytes = 64 * mib;
const program = fileURLToPath(new URL('../src/bin/sparsefsserver.js', import.meta.url));

/** Different pages in random order. */
function somePages(count: number): Uint32Array {
  const pages = Uint32Array.from({ length: imagePages }, (_, page) => page);
  for (let at = 0; at < count; at += 1) {
    const other = at + Math.floor(Math.random() * (imagePages - at));
    [pages[at], pages[other]] = [pages[other]!, pages[at]!];
  }
  return pages.slice(0, count);
}

async function until(done: () => Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + 60_000; !(await done()); ) {
    if (Date.now() > endMs) throw new Error('the sparse file system did not get ready');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function pack(folder: string): Promise<Manifest> {
  const packer = new Packer(new Origin(new EmbeddedBlob(folder)), null);
  const source = bufferSource(randomBytes(imageBytes));
  const { manifest } = await packer.pack({ source, bytes: imageBytes, parent: null, salt: randomBytes(32) });
  await packer.close();
  return manifest;
}

/**
 * µs of each read of one page. Node cannot map a file: read(2) of a page that is not cached takes the same way through
 * the kernel, the server and back as a page fault does.
 */
function touch(descriptor: number, pages: Uint32Array): number[] {
  const page = Buffer.alloc(pageBytes);
  return Array.from(pages, (number) => {
    const startedMs = performance.now();
    readSync(descriptor, page, 0, pageBytes, number * pageBytes);
    return (performance.now() - startedMs) * 1_000;
  });
}

async function round(fs: SparseFsClient, manifest: Manifest, number: number): Promise<FaultFigures> {
  const faulted = openSync(await fs.expose(`faults-${number}`, imageBytes, manifest), 'r+');
  const before = (await fs.metrics()).readBytes;
  const faultUs = touch(faulted, somePages(faults));
  const amplification = ((await fs.metrics()).readBytes - before) / (faults * pageBytes);
  closeSync(faulted);

  const streamed = openSync(await fs.expose(`stream-${number}`, imageBytes, manifest, 'stream'), 'r');
  const buffer = Buffer.alloc(128 * kib);
  const streamMs = performance.now();
  while (readSync(streamed, buffer, 0, buffer.length, null) > 0);
  const sequentialMbps = imageBytes / 1_000 / (performance.now() - streamMs);
  closeSync(streamed);

  const pushed = openSync(await fs.expose(`pushed-${number}`, imageBytes, manifest), 'r+');
  const pages = somePages(faults);
  const { prefetchedPages } = await fs.metrics();
  const pushMs = performance.now();
  fs.prefetch(`pushed-${number}`, pages);
  await until(async () => (await fs.metrics()).prefetchedPages >= prefetchedPages + faults);
  const pushedPagesPerS = (faults * 1_000) / (performance.now() - pushMs);
  const pushedUs = quantile(touch(pushed, pages), 0.5);
  closeSync(pushed);

  const empty = { bytes: freshBytes, chunks: [], runs: [], parent: null };
  const fresh = openSync(await fs.expose(`fresh-${number}`, freshBytes, empty), 'r+');
  const readsBefore = (await fs.metrics()).reads.hits;
  const freshMs = performance.now();
  touch(
    fresh,
    Uint32Array.from({ length: freshBytes / pageBytes }, (_, page) => page),
  );
  const ms = performance.now() - freshMs;
  const reads = (await fs.metrics()).reads.hits - readsBefore;
  closeSync(fresh);

  for (const kind of ['faults', 'stream', 'pushed', 'fresh']) await fs.withdraw(`${kind}-${number}`);
  return {
    faultUs: { p50: quantile(faultUs, 0.5), p99: quantile(faultUs, 0.99) },
    amplification,
    sequentialMbps,
    pushedPagesPerS,
    pushedUs,
    fresh: { ms, reads },
  };
}

const folder = mkdtempSync(join(tmpdir(), 'hearth-bench-'));
const origin = join(folder, 'origin');
const composition: SparseFsComposition = {
  memoryBytesMax: 2 * imageBytes,
  disk: null,
  l2: null,
  origin: { folder: origin },
};
const manifest = await pack(origin);
const fs = await SparseFsClient.open({ directory: join(folder, 'fs'), program, composition });
try {
  // Nothing to push: all of the file goes to L1.
  await fs.expose('warming', imageBytes, manifest);
  fs.prefetch('warming', new Uint32Array(0));
  const held = openSync(join(fs.directory, 'pages', 'warming'), 'r');
  await until(async () => (await fs.metrics()).tiers.origin?.hits === manifest.chunks.length);
  closeSync(held);
  for (let number = 0; number < Number(process.argv[2]); number += 1) {
    process.stdout.write(`${JSON.stringify(await round(fs, manifest, number))}\n`);
  }
} finally {
  await fs.close();
  rmSync(folder, { recursive: true, force: true });
}
