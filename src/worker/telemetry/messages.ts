/** One subscriber's buffer, decided by `machine.ts` and performed by `subscriber.ts`. Times as elsewhere. */
export type BufferInput =
  | { readonly kind: 'event'; readonly nowMs: number; readonly text: string; readonly bytes: number }
  /** What is there goes now: the sandbox is about to end. */
  | { readonly kind: 'flush'; readonly nowMs: number }
  | { readonly kind: 'timer'; readonly nowMs: number }
  | { readonly kind: 'delivered'; readonly nowMs: number }
  | { readonly kind: 'failed'; readonly nowMs: number };

export type BufferEffect =
  /** One delivery at a time; answered by `delivered` or `failed`. */
  | { readonly kind: 'deliver'; readonly events: readonly string[] }
  /** One timer: replaces the one before. */
  | { readonly kind: 'arm'; readonly atMs: number }
  /** Told once deliveries work again. */
  | { readonly kind: 'dropped'; readonly records: number; readonly bytes: number };

/** Telemetry API, "Configuring memory usage and buffering". */
export interface BufferLimits {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}
