import type { Result } from '../result.js';

/** Why an object could not be had, in S3's words where they are S3's. */
export interface ObjectFailure {
  /** S3's error code (`NoSuchKey`, `AccessDenied` …), `TooLarge`, or `Unreachable`. */
  readonly code: string;
  readonly message: string;
}

export interface ObjectRequest {
  readonly bucket: string;
  readonly key: string;
  /** Null: the current version. */
  readonly version: string | null;
  /** A larger object is refused (`TooLarge`) without reading all of it. */
  readonly bytesMax: number;
}

/** Objects that clients put elsewhere and name by bucket and key, read only. Bounded in size and time; never rejects. */
export interface ObjectStore {
  get(request: ObjectRequest): Promise<Result<Uint8Array, ObjectFailure>>;
}
