import { createHash } from 'node:crypto';
import { type ChunkRef, chunkBytes, type Manifest, type PageRun, pageBytes } from '../chunks/layout.js';

/** Chunks whose contents follow from their number, so that a server of another process has the same; for tests. */

/** How the tests' chunk reader treats a chunk: in the first byte of its key. `stuck`: silent for faults only. */
export const behaviour = { present: 0, missing: 1, silent: 2, slow: 3, stuck: 4 } as const;
export const slowMs = 300;

export function testChunk(index: number, kind: keyof typeof behaviour = 'present'): ChunkRef {
  const name = createHash('sha256').update(`chunk ${index}`).digest('hex');
  const key = Buffer.alloc(32);
  key[0] = behaviour[kind];
  key.writeUInt32LE(index, 4);
  return { name, key, storedBytes: chunkBytes, bytes: chunkBytes };
}

/** Every page is different: chunk and slot in every 8 bytes, with their place. */
export function testPage(index: number, slot: number): Buffer {
  const page = Buffer.alloc(pageBytes);
  for (let at = 0; at < pageBytes; at += 8) {
    page.writeUInt32LE(((index << 8) | slot) >>> 0, at);
    page.writeUInt32LE(at + 1, at + 4);
  }
  return page;
}

export function testManifest(pages: number, chunks: readonly ChunkRef[], runs: readonly PageRun[]): Manifest {
  return { bytes: pages * pageBytes, chunks, runs, parent: null };
}

/** What the file of a manifest must read. */
export function expectedBytes(manifest: Manifest): Buffer {
  const bytes = Buffer.alloc(manifest.bytes);
  for (const { page, count, chunk, slot } of manifest.runs) {
    const index = manifest.chunks[chunk]!.key.readUInt32LE(4);
    for (let next = 0; next < count; next += 1) testPage(index, slot + next).copy(bytes, (page + next) * pageBytes);
  }
  return bytes;
}
