import { randomUUID } from 'node:crypto';
import type { Analytics } from '../../kernel/ports/analytics.js';
import type { Clock } from '../../kernel/ports/clock.js';
import { mib, minuteMs } from '../../kernel/units.js';
import type { LogScope } from '../logstore.js';

/** As the service spells them. */
export type QueryStatus = 'Scheduled' | 'Running' | 'Complete' | 'Failed' | 'Cancelled' | 'Timeout';

/** One row: only the fields that have a value. */
export type ResultRow = readonly { readonly field: string; readonly value: string }[];

export interface QueryOutcome {
  readonly rows: readonly ResultRow[];
  readonly recordsMatched: number;
  readonly recordsScanned: number;
  readonly bytesScanned: number;
  /** Characters of the rows, about. */
  readonly chars: number;
}

export interface QueryAsked {
  readonly scope: LogScope;
  readonly text: string;
  readonly groups: readonly string[];
  /** Rejects when it fails, and soon after the signal. */
  readonly work: (signal: AbortSignal) => Promise<QueryOutcome>;
}

export interface QueryRecord {
  readonly id: string;
  readonly asked: QueryAsked;
  readonly createdMs: number;
  status: QueryStatus;
  outcome: QueryOutcome | null;
}

export interface InsightsOptions {
  readonly analytics: Analytics;
  readonly clock: Pick<Clock, 'nowMs' | 'after'>;
  /** Something is wrong with a query or with the engine: the service has no message for clients. */
  readonly onFailure?: (error: Error) => void;
  /** Scheduled or running (quota of the service: 30 concurrent queries). */
  readonly queriesMax?: number;
  /** Running; the others wait. Each keeps a processor busy. */
  readonly runningMax?: number;
  /** Bytes that one query may read: some ten seconds to some minutes, by what it asks. */
  readonly scanBytesMax?: number;
  /** A query that runs longer ends as `Timeout`. The service has 60 minutes; a minute reads all that a group may have. */
  readonly runMsMax?: number;
  /** Results can be had so long after the end. */
  readonly keptMsMax?: number;
  /** Ended queries that are kept, and characters of their results: the oldest go. */
  readonly keptMax?: number;
  readonly keptCharsMax?: number;
}

/** Queries of Logs Insights from their start until their results are forgotten. They end with the platform. */
export class InsightsQueries {
  readonly analytics: Analytics;
  readonly #options: Required<Omit<InsightsOptions, 'analytics'>>;
  /** In order of starting. */
  readonly #queries = new Map<string, QueryRecord>();
  readonly #waiting: QueryRecord[] = [];
  readonly #running = new Map<QueryRecord, AbortController>();
  /** In order of ending. */
  readonly #ended: QueryRecord[] = [];
  readonly #forgetting = new Set<() => void>();
  readonly #work = new Set<Promise<void>>();
  #keptChars = 0;
  #closed = false;

  constructor(options: InsightsOptions) {
    this.analytics = options.analytics;
    this.#options = {
      onFailure: () => {},
      queriesMax: 30,
      runningMax: 2,
      scanBytesMax: 8 * 1024 * mib,
      runMsMax: minuteMs,
      keptMsMax: 15 * minuteMs,
      keptMax: 100,
      keptCharsMax: 64 * mib,
      ...options,
    };
  }

  nowMs(): number {
    return this.#options.clock.nowMs();
  }

  get scanBytesMax(): number {
    return this.#options.scanBytesMax;
  }

  /** Null: too many are under way. */
  start(asked: QueryAsked): QueryRecord | null {
    if (this.#closed || this.#waiting.length + this.#running.size >= this.#options.queriesMax) return null;
    const query: QueryRecord = { id: randomUUID(), asked, createdMs: this.nowMs(), status: 'Scheduled', outcome: null };
    this.#queries.set(query.id, query);
    this.#waiting.push(query);
    this.#runNext();
    return query;
  }

  get(scope: LogScope, id: string): QueryRecord | null {
    const query = this.#queries.get(id);
    const isTheirs = query?.asked.scope.account === scope.account && query.asked.scope.region === scope.region;
    return isTheirs ? query : null;
  }

  /** Latest first. */
  list(scope: LogScope): readonly QueryRecord[] {
    return [...this.#queries.keys()].reverse().flatMap((id) => this.get(scope, id) ?? []);
  }

  /** False: it is over already. */
  stop(query: QueryRecord): boolean {
    const running = this.#running.get(query);
    const place = this.#waiting.indexOf(query);
    if (running === undefined && place < 0) return false;
    if (place >= 0) this.#waiting.splice(place, 1);
    this.#running.delete(query);
    this.#end(query, 'Cancelled', null);
    running?.abort();
    this.#runNext();
    return true;
  }

  /** Ends all queries; what was asked of them is forgotten. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const query of [...this.#waiting, ...this.#running.keys()]) this.stop(query);
    for (const cancel of this.#forgetting) cancel();
    await this.analytics.close();
    await Promise.all(this.#work);
  }

  #runNext(): void {
    while (this.#running.size < this.#options.runningMax) {
      const query = this.#waiting.shift();
      if (query === undefined) return;
      const running = this.#run(query).finally(() => this.#work.delete(running));
      this.#work.add(running);
    }
  }

  async #run(query: QueryRecord): Promise<void> {
    const controller = new AbortController();
    this.#running.set(query, controller);
    query.status = 'Running';
    const cancel = this.#options.clock.after(this.#options.runMsMax, () => {
      if (!this.#running.delete(query)) return;
      this.#end(query, 'Timeout', null);
      controller.abort();
      this.#runNext();
    });
    try {
      const outcome = await query.asked.work(controller.signal);
      if (this.#running.delete(query)) this.#end(query, 'Complete', outcome);
    } catch (error) {
      if (this.#running.delete(query)) {
        this.#end(query, 'Failed', null);
        this.#options.onFailure(error as Error);
      }
    }
    cancel();
    this.#runNext();
  }

  #end(query: QueryRecord, status: QueryStatus, outcome: QueryOutcome | null): void {
    query.status = status;
    query.outcome = outcome;
    this.#ended.push(query);
    this.#keptChars += outcome?.chars ?? 0;
    const { keptMax, keptCharsMax, keptMsMax, clock } = this.#options;
    while (this.#ended.length > keptMax || (this.#keptChars > keptCharsMax && this.#ended.length > 1)) {
      this.#forget(this.#ended[0]!);
    }
    if (this.#closed) return;
    const cancel = clock.after(keptMsMax, () => {
      this.#forgetting.delete(cancel);
      this.#forget(query);
    });
    this.#forgetting.add(cancel);
  }

  #forget(query: QueryRecord): void {
    if (!this.#queries.delete(query.id)) return;
    this.#ended.splice(this.#ended.indexOf(query), 1);
    this.#keptChars -= query.outcome?.chars ?? 0;
  }
}
