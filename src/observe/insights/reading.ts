import { basename } from 'node:path';
import { type Analytics, AnalyticsError } from '../../kernel/ports/analytics.js';
import { dayMs, mib } from '../../kernel/units.js';
import { groupIndexes } from '../groupindex.js';
import type { LogGroup } from '../loggroup.js';
import type { LogScope, LogStore } from '../logstore.js';
import { segmentFile } from '../segment.js';
import type { Compiled } from './compile.js';
import type { QueryOutcome, ResultRow } from './queries.js';
import { eventsOf, type GroupFiles, type TimeRange } from './source.js';

/** Characters of one answer: the platform makes JSON of it at once, in some 0.1 s. More rows are cut off. Ours. */
const answerCharsMax = 16 * mib;
/** Files may go by retention between looking and reading. */
const attemptsMax = 3;

/** What a query reads of some groups: segments with events in the range, and those that tell of deletions. */
export interface Reading {
  readonly groups: readonly GroupFiles[];
  readonly bytes: number;
}

/** Only what is on disk: call `LogStore.flush` first. */
export async function planReading(
  store: LogStore,
  scope: LogScope,
  groups: readonly LogGroup[],
  range: TimeRange,
): Promise<Reading> {
  const files: GroupFiles[] = [];
  let bytes = 0;
  for (const group of groups) {
    const paths: string[] = [];
    let hasDeletions = false;
    for (const [segment, index] of await groupIndexes(group)) {
      const deletes = [...index.streams.values()].some(({ deletedPlace }) => deletedPlace > 0);
      if (!deletes && (index.maxMs < range.startMs || index.minMs > range.endMs)) continue;
      hasDeletions ||= deletes;
      paths.push([scope.account, scope.region, basename(group.folder), segmentFile(segment)].join('/'));
      bytes += index.bytes;
    }
    const retentionDays = group.present ? group.record.retentionDays : null;
    const keptFromMs = retentionDays === null ? 0 : store.nowMs() - retentionDays * dayMs;
    files.push({ log: `${scope.account}:${group.name}`, paths, keptFromMs, hasDeletions });
  }
  return { groups: files, bytes };
}

export interface ReadingTask {
  readonly analytics: Analytics;
  readonly compiled: Compiled;
  readonly range: TimeRange;
  readonly rowsMax: number;
  /** Asked again when a file was gone. */
  readonly plan: () => Promise<Reading>;
}

/** Rejects with `AnalyticsError`. */
export async function readEvents(first: Reading, task: ReadingTask, signal: AbortSignal): Promise<QueryOutcome> {
  let reading = first;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readOnce(reading, task, signal);
    } catch (error) {
      const isGone = error instanceof AnalyticsError && error.kind === 'gone';
      if (!isGone || attempt === attemptsMax) throw error;
      reading = await task.plan();
    }
  }
}

async function readOnce({ groups, bytes }: Reading, task: ReadingTask, signal: AbortSignal): Promise<QueryOutcome> {
  const { analytics, compiled, range, rowsMax } = task;
  const { sql, parameters } = eventsOf(groups, range);
  const answer = await analytics.query({
    sql: compiled.rows(sql),
    parameters,
    rowsMax,
    charsMax: answerCharsMax,
    signal,
  });
  const counted = await analytics.query({
    sql: compiled.counts(sql),
    parameters,
    rowsMax: 1,
    charsMax: 100,
    signal,
  });
  const [recordsScanned = 0, recordsMatched = 0] = (counted.rows[0] ?? []).map(Number);
  let chars = 0;
  const rows = answer.rows.map((values): ResultRow => {
    const row: { readonly field: string; readonly value: string }[] = [];
    for (const [i, value] of values.entries()) {
      if (value === null) continue;
      row.push({ field: compiled.columns[i]!, value });
      chars += value.length + 32;
    }
    return row;
  });
  return { rows, recordsMatched, recordsScanned, bytesScanned: bytes, chars };
}
