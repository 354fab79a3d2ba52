import type { Manifest } from './layout.js';

/** A manifest as few large arrays: between threads, thousands of small objects would be copied one by one. */
export interface FlatManifest {
  readonly bytes: number;
  readonly parent: string | null;
  /** 64 bytes a chunk: name, key. */
  readonly names: Uint8Array;
  /** Two numbers a chunk: stored bytes, bytes. */
  readonly sizes: Uint32Array;
  /** Four numbers a run: page, count, chunk, slot. */
  readonly runs: Uint32Array;
}

export function flatten({ bytes, parent, chunks, runs }: Manifest): FlatManifest {
  const names = Buffer.alloc(chunks.length * 64);
  const sizes = new Uint32Array(chunks.length * 2);
  for (const [at, { name, key, storedBytes, bytes: plainBytes }] of chunks.entries()) {
    names.write(name, at * 64, 'hex');
    names.set(key, at * 64 + 32);
    sizes.set([storedBytes, plainBytes], at * 2);
  }
  const flat = new Uint32Array(runs.length * 4);
  let at = 0;
  for (const { page, count, chunk, slot } of runs) {
    flat[at++] = page;
    flat[at++] = count;
    flat[at++] = chunk;
    flat[at++] = slot;
  }
  return { bytes, parent, names, sizes, runs: flat };
}

export function unflatten({ bytes, parent, names, sizes, runs }: FlatManifest): Manifest {
  return {
    bytes,
    parent,
    chunks: Array.from({ length: sizes.length / 2 }, (_, at) => ({
      name: Buffer.from(names.buffer, names.byteOffset + at * 64, 32).toString('hex'),
      key: Buffer.from(names.slice(at * 64 + 32, at * 64 + 64)),
      storedBytes: sizes[at * 2]!,
      bytes: sizes[at * 2 + 1]!,
    })),
    runs: Array.from({ length: runs.length / 4 }, (_, at) => ({
      page: runs[at * 4]!,
      count: runs[at * 4 + 1]!,
      chunk: runs[at * 4 + 2]!,
      slot: runs[at * 4 + 3]!,
    })),
  };
}
