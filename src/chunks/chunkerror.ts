/**
 * `missing`: no tier has it. `corrupt`: a tier answered, but with other bytes than the name stands for, and none had the
 * right ones. `timeout`: not within the deadline. `busy`: more fetches wait than may.
 */
export type ChunkErrorKind = 'missing' | 'corrupt' | 'timeout' | 'busy';

/** A chunk or manifest could not be had intact. Wrong bytes are never handed out: this is. */
export class ChunkError extends Error {
  override readonly name = 'ChunkError';
  readonly kind: ChunkErrorKind;

  constructor(kind: ChunkErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
