import type { Urgency } from './layout.js';

/**
 * One place that chunks' ciphertexts come from: L1 on disk, L2, the origin. A tier never rejects because it lacks a chunk
 * or fails: that is null, and the next tier is asked.
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
}
