import { kib } from '../kernel/units.js';

/** Size of a chunk's plaintext (on-demand container loading, section 3: 512 KiB). */
export const chunkBytes = 512 * kib;
/** Smallest unit of memory and of images: the processor's page, the file system's block. */
export const pageBytes = 4 * kib;
export const pagesPerChunk = chunkBytes / pageBytes;

/** Where a chunk is and how it opens. Who has it can read the chunk: it stands only in encrypted manifests. */
export interface ChunkRef {
  /** SHA-256 of the ciphertext, 64 hexadecimal digits: the chunk's key in every tier. */
  readonly name: string;
  /** AES-256 key, 32 bytes: keyed hash (salt of the root) of what it encrypts, the compressed plaintext. */
  readonly key: Buffer;
  /** Size of the ciphertext. */
  readonly storedBytes: number;
  /** Size of the plaintext: a whole number of pages, at most `chunkBytes`. */
  readonly bytes: number;
}

/**
 * `count` pages of a file from page `page` on lie in chunk `chunk` (index into the manifest's chunks) from its page
 * `slot` on. Pages of a file that no run names are zero.
 */
export interface PageRun {
  readonly page: number;
  readonly count: number;
  readonly chunk: number;
  readonly slot: number;
}

/**
 * Contents of one file (guest memory or a drive image). Flat: names every chunk it needs, also those its parents
 * stored, so that reading it follows no chain.
 */
export interface Manifest {
  /** Logical size, a whole number of pages. */
  readonly bytes: number;
  readonly chunks: readonly ChunkRef[];
  /** Ascending, not overlapping. */
  readonly runs: readonly PageRun[];
  /** Name of the manifest whose pages this one differs from, or null. For reports only. */
  readonly parent: string | null;
}

/** In which order a tier serves when it must choose: a guest that waits comes before a guess, a guess before the rest. */
export type Urgency = 'fault' | 'prefetch' | 'background';

/** Reads chunks through the tiers. */
export interface ChunkReader {
  /**
   * Plaintext of a chunk, verified. Concurrent requests for one chunk are one fetch. Rejects with ChunkError when no
   * tier has it intact within the deadline.
   */
  read(chunk: ChunkRef, urgency: Urgency): Promise<Buffer>;
}
