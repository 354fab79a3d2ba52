import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Blob } from '../kernel/ports/blob.js';
import type { ChunkReader, ChunkRef, Manifest, PageRun, Urgency } from './layout.js';
import { pageBytes } from './layout.js';
import { Origin } from './origin.js';
import { TieredReader } from './tieredreader.js';

/** A folder that goes with the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-chunks-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const pages = new Map<number | string, Buffer>();

/** A page whose contents its label gives: half of it random-like, half compressible. Not to be changed. */
export function page(label: number | string): Buffer {
  const known = pages.get(label);
  if (known !== undefined) return known;
  const bytes = Buffer.alloc(pageBytes, `${label} `);
  pages.set(label, bytes);
  for (let at = 0; at < pageBytes / 2; at += 32) bytes.set(createHash('sha256').update(`${label}.${at}`).digest(), at);
  return bytes;
}

/** Labels one after the other; null: a zero page. */
export function file(labels: readonly (number | string | null)[]): Buffer {
  return Buffer.concat(labels.map((label) => (label === null ? Buffer.alloc(pageBytes) : page(label))));
}

/** The blob store's contract in memory; tests reach into `objects`. */
export class MemoryBlob implements Blob {
  readonly objects = new Map<string, Buffer>();
  puts = 0;
  gets = 0;

  async put(key: string, bytes: Uint8Array): Promise<void> {
    this.puts++;
    this.objects.set(key, Buffer.from(bytes));
  }
  async get(key: string): Promise<Uint8Array | null> {
    this.gets++;
    const found = this.objects.get(key);
    return found === undefined ? null : Buffer.from(found);
  }
  async range(key: string, offset: number, length: number): Promise<Uint8Array | null> {
    return this.objects.get(key)?.subarray(offset, offset + length) ?? null;
  }
  async size(key: string): Promise<number | null> {
    return this.objects.get(key)?.length ?? null;
  }
  async delete(key: string): Promise<void> {
    this.objects.delete(key);
  }
  async list(prefix: string): Promise<readonly string[]> {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
  async close(): Promise<void> {}
}

export function originOf(blob: Blob): { origin: Origin; reader: TieredReader } {
  const origin = new Origin(blob);
  return { origin, reader: new TieredReader({ memoryBytesMax: 0, tiers: [origin] }) };
}

/** Counts what goes through it. */
export class CountingReader implements ChunkReader {
  reads = 0;
  constructor(private readonly reader: ChunkReader) {}
  async read(chunk: ChunkRef, urgency: Urgency): Promise<Buffer> {
    this.reads++;
    return await this.reader.read(chunk, urgency);
  }
}

/**
 * Writes a manifest's file as a whole: zero pages stay holes. Replaces what is at `path`; rejects, leaving nothing
 * there, with ChunkError when a chunk cannot be had, or with the file system's error.
 */
export async function unpack(manifest: Manifest, reader: ChunkReader, path: string): Promise<void> {
  const runsOf: PageRun[][] = manifest.chunks.map(() => []);
  for (const run of manifest.runs) runsOf[run.chunk]!.push(run);
  await rm(path, { force: true });
  const file = await open(path, 'wx', 0o600);
  try {
    await file.truncate(manifest.bytes);
    for (const [at, chunk] of manifest.chunks.entries()) {
      const plaintext = await reader.read(chunk, 'prefetch');
      for (const { page, count, slot } of runsOf[at]!) {
        await file.write(plaintext, slot * pageBytes, count * pageBytes, page * pageBytes);
      }
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
