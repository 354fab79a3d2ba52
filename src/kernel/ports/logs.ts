/** Writes one log stream. Calls are synchronous and cheap; `LogStore.flush` makes them survive a `kill -9`. */
export interface LogStreamWriter {
  /** One event, its time in whole epoch milliseconds. Messages beyond 256 KiB are split; the bytes are kept as given. */
  append(timestampMs: number, message: string): void;
}

/** What the worker needs of the log store. The full store (queries, groups, retention) is in `observe/`. */
export interface LogSink {
  /** Finds or makes group and stream. Both names as CloudWatch Logs has them. */
  open(scope: { readonly account: string; readonly region: string }, group: string, stream: string): LogStreamWriter;
  /** Hands everything appended so far to the kernel (one write per touched segment). Synchronous. */
  flush(): void;
}
