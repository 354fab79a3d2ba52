/** A value with the revision that `compareAndSet` and `compareAndDelete` check. Revisions only grow per key. */
export interface Versioned<T> {
  readonly value: T;
  readonly revision: number;
}

export interface KvChange<T> {
  readonly key: string;
  /** Null when the key was deleted. */
  readonly entry: Versioned<T> | null;
}

/** One write of a `transact`: applied only if the key's revision is `expected` (0: the key must not exist). */
export type KvWrite<T> =
  | { readonly kind: 'put'; readonly key: string; readonly value: T; readonly expected: number }
  | { readonly kind: 'delete'; readonly key: string; readonly expected: number };

/**
 * Durable key-value store with compare-and-set and watch. Values are JSON-compatible. Keys are at most 500 bytes of
 * UTF-8 and order as bytes. Embedded: LMDB. Distributed: etcd.
 */
export interface Kv<T = unknown> {
  get(key: string): Promise<Versioned<T> | null>;
  /** All entries whose key starts with `prefix`, in key order, after `after` (exclusive) when given. */
  list(
    prefix: string,
    options?: { readonly after?: string; readonly limit?: number },
  ): Promise<readonly (Versioned<T> & { readonly key: string })[]>;
  /** Applies all writes or none. Resolves once durable; false when any expectation did not hold. */
  transact(writes: readonly KvWrite<T>[]): Promise<boolean>;
  /**
   * Calls back for every change after the call, in commit order. The returned function ends the watch. A client's own
   * watches have heard of its `transact` before that resolves.
   */
  watch(prefix: string, onChange: (change: KvChange<T>) => void): () => void;
  close(): Promise<void>;
}
