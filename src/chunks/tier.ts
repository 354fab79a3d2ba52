import type { Urgency } from './layout.js';

/**
 * One place that chunks' ciphertexts come from: L1 on disk, L2, the origin. A tier never rejects because it lacks a chunk
 * or fails: that is null, and the next tier is asked. Should it reject all the same, that is a miss too, and the reason is
 * told if no tier has the chunk.
 */
export interface ChunkTier {
  /** `disk`, `l2`, `origin`: the tier in metrics and reports. */
  readonly name: string;
  /**
   * Whether what `get` gives has been compared with the chunk's name (its SHA-256) already. If not, the caller does;
   * wrong bytes are then a miss of this tier.
   */
  readonly verified: boolean;
  /** The ciphertext, or null: it is not here, not intact, or did not come within the tier's deadline. */
  get(name: string, storedBytes: number, urgency: Urgency): Promise<Buffer | null>;
  /**
   * Keeps a ciphertext whose name has been verified. A cache may drop it (at its bound, or when it is down) and resolves
   * all the same; the origin rejects when it is not durable.
   */
  put(name: string, bytes: Buffer): Promise<void>;
  /** What it gave for this name was wrong: a cache forgets it. Optional; the right bytes follow as a `put`. */
  discard?(name: string): Promise<void>;
}

/** Where new chunks go: the origin, under whatever roots it keeps. */
export interface ChunkStore {
  /**
   * Makes sure that the store has the chunk, durably, and will keep it until the manifest that names it is stored:
   * true when it was added, false when it was there. Rejects when it cannot.
   */
  add(name: string, bytes: Buffer): Promise<boolean>;
}

/** What one tier of a reader (or another source of bytes) has done since it was made. */
export interface TierMetrics {
  readonly hits: number;
  readonly misses: number;
  /** Handed out by hits. */
  readonly bytes: number;
  /** Answers that failed verification; their chunks were fetched from the next tier. */
  readonly corrupt: number;
  /** Upper bounds in µs and how many answers took at most that (cumulative, last bound infinite). */
  readonly latency: readonly { readonly us: number; readonly count: number }[];
}
