import type { ChunkRef } from '../chunks/layout.js';
import { hashBytes, type PackedManifest } from '../chunks/packedmanifest.js';

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
