import { assert } from '../kernel/assert.js';
import { type ChunkRef, chunkBytes, type Manifest, type PageRun, pageBytes, pagesPerChunk } from './layout.js';

/** A manifest as it travels between processes and threads, but for its parent: few large buffers instead of many small objects. */
export interface PackedManifest {
  readonly bytes: number;
  /** By chunk: 32 bytes of name. */
  readonly names: Buffer;
  /** By chunk: 32 bytes of key. */
  readonly keys: Buffer;
  /** By chunk: stored size, size. */
  readonly sizes: Uint32Array;
  /** By run: page, count, chunk, slot. */
  readonly runs: Uint32Array;
}

/** Of a name and of a key. */
export const hashBytes = 32;

/** Packed forms that exist: a manifest never changes. They go with their manifests. */
const packedForms = new WeakMap<Manifest, PackedManifest>();

/** The same manifest again costs nothing. Not to be changed. As `pack` throws. */
export function packManifest(manifest: Manifest): PackedManifest {
  const known = packedForms.get(manifest);
  if (known !== undefined) return known;
  const packed = pack(manifest);
  packedForms.set(manifest, packed);
  return packed;
}

/** Throws AssertionError when the runs are not ascending or leave their chunks or the file: who made it is wrong. */
function pack(manifest: Manifest): PackedManifest {
  const { chunks } = manifest;
  const names = Buffer.alloc(chunks.length * hashBytes);
  const keys = Buffer.alloc(chunks.length * hashBytes);
  const sizes = new Uint32Array(chunks.length * 2);
  chunks.forEach((chunk, index) => {
    assert(names.write(chunk.name, index * hashBytes, 'hex') === hashBytes, 'a chunk has no proper name');
    assert(chunk.key.copy(keys, index * hashBytes) === hashBytes, 'a chunk has no proper key');
    assert(chunk.bytes > 0 && chunk.bytes <= chunkBytes && chunk.bytes % pageBytes === 0, 'a chunk has no proper size');
    sizes[index * 2] = chunk.storedBytes;
    sizes[index * 2 + 1] = chunk.bytes;
  });
  const runs = new Uint32Array(manifest.runs.length * 4);
  let end = 0;
  manifest.runs.forEach(({ page, count, chunk, slot }, index) => {
    assert(page >= end && count > 0 && count <= pagesPerChunk, 'page runs are not in order');
    end = page + count;
    assert(slot >= 0 && (slot + count) * pageBytes <= (chunks[chunk]?.bytes ?? 0), 'a page run leaves its chunk');
    runs.set([page, count, chunk, slot], index * 4);
  });
  assert(end * pageBytes <= manifest.bytes, 'a page run leaves its file');
  return { bytes: manifest.bytes, names, keys, sizes, runs };
}

/** A manifest whose chunks and runs come into being when somebody looks at them: most travel on packed. */
export function lazyManifest(from: PackedManifest, parent: string | null): Manifest {
  // Between threads, buffers become plain arrays.
  const packed = { ...from, names: asBuffer(from.names), keys: asBuffer(from.keys) };
  let chunks: Manifest['chunks'] | null = null;
  let runs: Manifest['runs'] | null = null;
  const manifest: Manifest = {
    bytes: packed.bytes,
    parent,
    get chunks() {
      chunks ??= unpackChunks(packed);
      return chunks;
    },
    get runs() {
      runs ??= unpackRuns(packed);
      return runs;
    },
  };
  packedForms.set(manifest, packed);
  return manifest;
}

/** The same bytes. */
export function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

export function unpackManifest(packed: PackedManifest, parent: string | null): Manifest {
  return { bytes: packed.bytes, parent, chunks: unpackChunks(packed), runs: unpackRuns(packed) };
}

function unpackChunks({ names, keys, sizes }: PackedManifest): ChunkRef[] {
  return Array.from({ length: sizes.length / 2 }, (_, at) => ({
    name: Buffer.from(names.subarray(at * hashBytes, (at + 1) * hashBytes)).toString('hex'),
    key: Buffer.from(keys.subarray(at * hashBytes, (at + 1) * hashBytes)),
    storedBytes: sizes[at * 2]!,
    bytes: sizes[at * 2 + 1]!,
  }));
}

function unpackRuns({ runs }: PackedManifest): PageRun[] {
  return Array.from({ length: runs.length / 4 }, (_, at) => ({
    page: runs[at * 4]!,
    count: runs[at * 4 + 1]!,
    chunk: runs[at * 4 + 2]!,
    slot: runs[at * 4 + 3]!,
  }));
}
