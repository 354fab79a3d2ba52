/**
 * An append-only log with fencing: an append names the sequence it expects to get, so a deposed leader is refused by
 * the journal and not by clocks. Sequences start at 1. Embedded: LMDB. Distributed: etcd.
 */
export interface Journal<T = unknown> {
  /** Appends all entries, the first at `expected`. Resolves once durable; false when `expected` is not the next. */
  append(expected: number, entries: readonly T[]): Promise<boolean>;
  /** Entries from `sequence` on, at most `limit`. */
  read(sequence: number, limit: number): Promise<readonly { readonly sequence: number; readonly entry: T }[]>;
  /** Sequence the next append must expect. */
  next(): Promise<number>;
  /** Forgets all entries below `sequence` (checkpoint). */
  trim(sequence: number): Promise<void>;
  close(): Promise<void>;
}
