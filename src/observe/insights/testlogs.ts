import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDbAnalytics } from '../../adapters/duckdb/analytics.js';
import { RealClock } from '../../adapters/embedded/clock.js';
import type { AccountId, Region } from '../../kernel/ids.js';
import type { LogsApi } from '../logsapi.js';
import { createLogsApi } from '../logsoperations.js';
import { LogStore } from '../logstore.js';
import { type InsightsOptions, InsightsQueries } from './queries.js';

export const caller = { account: '000000000000' as AccountId, region: 'us-east-1' as Region };
/** 2024-11-22T02:17:22.000Z */
export const nowMs = 1_732_241_842_000;

export interface Found {
  readonly rows: readonly Readonly<Record<string, string>>[];
  readonly statistics: Readonly<Record<string, number>>;
}

/** A log store in a temporary folder, the Logs API over it, and a real engine. */
export class TestLogs {
  readonly folder = mkdtempSync(join(tmpdir(), 'insights-'));
  readonly store = new LogStore({ folder: this.folder, clock: { nowMs: () => nowMs } });
  readonly failures: Error[] = [];
  readonly queries: InsightsQueries;
  readonly api: LogsApi;

  constructor(options: Partial<InsightsOptions> = {}) {
    const real = new RealClock();
    this.queries = new InsightsQueries({
      analytics: new DuckDbAnalytics({ folder: this.folder, clock: real }),
      clock: { nowMs: () => nowMs, after: (delayMs, action) => real.after(delayMs, action) },
      onFailure: (error) => this.failures.push(error),
      ...options,
    });
    this.api = createLogsApi(this.store, this.queries);
  }

  /** One event a second, in this order. */
  write(group: string, messages: readonly string[], stream = 's'): void {
    const writer = this.store.open(caller, group, stream);
    for (const [i, message] of messages.entries()) writer.append(nowMs + i * 1000, message);
  }

  /** Rows without their `@ptr`. */
  async ask(group: string, queryString: string, more: object = {}): Promise<Found> {
    const input = { logGroupName: group, queryString, startTime: 0, endTime: nowMs * 2, ...more };
    const started = await this.api.StartQuery(caller, input);
    assert.ok(started.ok, JSON.stringify(started));
    for (;;) {
      const answer = await this.api.GetQueryResults(caller, started.value);
      assert.ok(answer.ok);
      const { status, results, statistics } = answer.value as {
        readonly status: string;
        readonly results: readonly (readonly { readonly field: string; readonly value: string }[])[];
        readonly statistics: Readonly<Record<string, number>>;
      };
      if (status === 'Scheduled' || status === 'Running') {
        await new Promise((resolve) => setTimeout(resolve, 2));
        continue;
      }
      assert.equal(status, 'Complete', `${queryString}: ${this.failures.map(({ message }) => message).join()}`);
      const rows = results.map((row) =>
        Object.fromEntries(row.filter(({ field }) => field !== '@ptr').map(({ field, value }) => [field, value])),
      );
      return { rows, statistics };
    }
  }

  /** The values of one column, null where a row has none. */
  async column(group: string, query: string, name?: string): Promise<(string | null)[]> {
    const { rows } = await this.ask(group, query);
    return rows.map((row) => (name === undefined ? (Object.values(row)[0] ?? null) : (row[name] ?? null)));
  }

  async remove(): Promise<void> {
    await this.queries.close();
    await this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
