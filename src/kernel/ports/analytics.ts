/** What is used of an `AbortSignal`. */
export interface AnalyticsSignal {
  readonly aborted: boolean;
  addEventListener(kind: 'abort', listener: () => void, options: { readonly once: true }): void;
  removeEventListener(kind: 'abort', listener: () => void): void;
}

/** One statement. `$1`, `$2` … in `sql` stand for `parameters`, which are bound, never spelled into the text. */
export interface AnalyticsQuestion {
  readonly sql: string;
  readonly parameters: readonly (string | number | boolean | null)[];
  /** Rows of the answer, most. */
  readonly rowsMax: number;
  /** Characters of all values of the answer together, most (the row that goes beyond is left out). */
  readonly charsMax: number;
  /** Ends the work; the promise then rejects with `AnalyticsError` of kind `cancelled`. */
  readonly signal: AnalyticsSignal;
}

export interface AnalyticsAnswer {
  readonly columns: readonly string[];
  /** Every column must be text in `sql`. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** There were more rows than the bounds allow. */
  readonly truncated: boolean;
}

/**
 * SQL (DuckDB's dialect) over files of NDJSON in one folder, which relative names are looked up in; no other file can be
 * reached. Embedded: DuckDB.
 */
export interface Analytics {
  /** Rejects with `AnalyticsError` only. */
  query(question: AnalyticsQuestion): Promise<AnalyticsAnswer>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/**
 * `cancelled`: by the signal, or closed. `unavailable`: the engine is not installed for this machine, or does not start.
 * `gone`: a file to read does not exist. `memory`: more than the engine may use. `failed`: anything else.
 */
export class AnalyticsError extends Error {
  override readonly name = 'AnalyticsError';
  constructor(
    readonly kind: 'cancelled' | 'unavailable' | 'gone' | 'memory' | 'failed',
    message: string,
  ) {
    super(message);
  }
}
