/** Immutable byte objects by key (`[a-zA-Z0-9._/-]`, at most 200 characters). Embedded: a directory. */
export interface Blob {
  /** Stores all bytes or nothing; resolves once durable. A second put of a key replaces it atomically. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** The object's bytes, or null. */
  get(key: string): Promise<Uint8Array | null>;
  /** `length` bytes from `offset`, fewer at the end, or null when there is no such object. */
  range(key: string, offset: number, length: number): Promise<Uint8Array | null>;
  size(key: string): Promise<number | null>;
  delete(key: string): Promise<void>;
  list(prefix: string): Promise<readonly string[]>;
  close(): Promise<void>;
}
