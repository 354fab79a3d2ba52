import { type ChunkRef, chunkBytes, type Manifest, pageBytes, pagesPerChunk } from '../chunks/layout.js';
import { assert } from '../kernel/assert.js';

/** A manifest as it travels between processes: few large buffers instead of many small objects. */
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

const hashBytes = 32;

/** Throws AssertionError when the runs are not ascending or leave their chunks or the file: who made it is wrong. */
export function packManifest(manifest: Manifest): PackedManifest {
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

/** Where a stretch of pages comes from. `chunk` −1: they are zero. */
export interface Stretch {
  readonly chunk: number;
  readonly slot: number;
  /** Pages of the stretch from the asked one on. */
  readonly count: number;
}

/** Finds the chunk of a page: binary search, as manifests of large guests have a hundred thousand runs. */
export class PageMap {
  readonly chunkCount: number;
  private readonly refs: (ChunkRef | undefined)[];

  constructor(private readonly packed: PackedManifest) {
    this.chunkCount = packed.sizes.length / 2;
    this.refs = new Array<ChunkRef | undefined>(this.chunkCount);
  }

  /** What a file without contents is: zero. */
  static readonly empty = new PageMap({
    bytes: 0,
    names: Buffer.alloc(0),
    keys: Buffer.alloc(0),
    sizes: new Uint32Array(0),
    runs: new Uint32Array(0),
  });

  chunk(index: number): ChunkRef {
    const { names, keys, sizes } = this.packed;
    this.refs[index] ??= {
      name: names.toString('hex', index * hashBytes, (index + 1) * hashBytes),
      key: keys.subarray(index * hashBytes, (index + 1) * hashBytes),
      storedBytes: sizes[index * 2]!,
      bytes: sizes[index * 2 + 1]!,
    };
    return this.refs[index];
  }

  /** The source of `page` and of those behind it up to `countMax` pages. */
  locate(page: number, countMax: number): Stretch {
    const { runs } = this.packed;
    let low = 0;
    let high = runs.length / 4;
    // First run that begins behind the page.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (runs[middle * 4]! <= page) low = middle + 1;
      else high = middle;
    }
    const next = low * 4 < runs.length ? runs[low * 4]! : Number.POSITIVE_INFINITY;
    const at = (low - 1) * 4;
    if (at >= 0) {
      const into = page - runs[at]!;
      const left = runs[at + 1]! - into;
      if (left > 0) return { chunk: runs[at + 2]!, slot: runs[at + 3]! + into, count: Math.min(left, countMax) };
    }
    return { chunk: -1, slot: 0, count: Math.min(next - page, countMax) };
  }
}
