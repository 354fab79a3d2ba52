import { limits } from '../../kernel/limits.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { LogGroup } from '../loggroup.js';
import type { LogsApi, LogsCaller, LogsFailure } from '../logsapi.js';
import { LogsInput } from '../logsinput.js';
import {
  badToken,
  groupIdentifierRule,
  groupNameRule,
  groupOfArn,
  logsFailure,
  packToken,
  unpackToken,
} from '../logsresource.js';
import type { LogStore } from '../logstore.js';
import { readQuery } from './commands.js';
import { type Compiled, compileQuery } from './compile.js';
import { MalformedQuery } from './malformed.js';
import type { InsightsQueries, QueryRecord, QueryStatus } from './queries.js';
import { planReading, readEvents } from './reading.js';

/** Log groups of one query (API reference, StartQuery). */
const groupsMax = 50;
/** Times are seconds; larger numbers are taken as milliseconds, as the service does. (This is the year 5138.) */
const secondsMax = 100_000_000_000;

const statuses: readonly (QueryStatus | 'Unknown')[] = [
  'Scheduled',
  'Running',
  'Complete',
  'Failed',
  'Cancelled',
  'Timeout',
  'Unknown',
];

type InsightsApi = Pick<LogsApi, 'DescribeQueries' | 'GetQueryResults' | 'StartQuery' | 'StopQuery'>;

/** Queries in the language of Logs Insights. Without `queries` there is no engine, and none can be started. */
export function insightsOperations(store: LogStore, queries: InsightsQueries | null): InsightsApi {
  return {
    async StartQuery(caller, body) {
      const input = new LogsInput(body);
      const named = readGroups(input);
      const start = input.integer('startTime', { required: true, min: 0 }) ?? 0;
      const end = input.integer('endTime', { required: true, min: 0 }) ?? 0;
      const text = input.text('queryString', { required: true, max: limits.insightsQueryCharsMax }) ?? '';
      const limit = input.integer('limit', { min: 1, max: limits.insightsRowsMax }) ?? limits.insightsRowsMax;
      const language = input.text('queryLanguage', { values: ['CWLI', 'SQL', 'PPL'] });
      const failure = input.failure();
      if (failure !== null) return { ok: false, failure };
      if (queries === null) return logsFailure('InvalidOperationException', 'This process has no engine for queries.');
      if (language === 'SQL' || language === 'PPL') {
        return logsFailure('InvalidParameterException', `The query language ${language} is not supported by Hearth.`);
      }
      // A second is included as a whole.
      const range = { startMs: toMs(start), endMs: end < secondsMax ? toMs(end) + 999 : end };
      if (range.startMs > range.endMs) {
        return logsFailure('InvalidParameterException', 'The start time must not be after the end time.');
      }
      const groups = findGroups(store, caller, named);
      if (!groups.ok) return groups;
      const compiled = understood(text, limit, queries.nowMs());
      if (!compiled.ok) return compiled;
      const plan = () => {
        store.flush();
        return planReading(store, caller, groups.value, range);
      };
      const reading = await plan();
      if (reading.bytes > queries.scanBytesMax) {
        return logsFailure(
          'LimitExceededException',
          `The query would read ${reading.bytes} bytes, and may read ${queries.scanBytesMax}. Name fewer groups or a shorter time.`,
        );
      }
      const task = { analytics: queries.analytics, compiled: compiled.value, range, rowsMax: limit, plan };
      const query = queries.start({
        scope: caller,
        text,
        groups: groups.value.map(({ name }) => name),
        work: (signal) => readEvents(reading, task, signal),
      });
      if (query === null) {
        return logsFailure('LimitExceededException', 'Account maximum query concurrency limit reached.');
      }
      return ok({ queryId: query.id });
    },

    async GetQueryResults(caller, body) {
      const query = findQuery(queries, caller, body);
      if (!query.ok) return query;
      const { outcome, status, asked } = query.value;
      return ok({
        queryLanguage: 'CWLI',
        results: outcome?.rows ?? [],
        statistics: {
          recordsMatched: outcome?.recordsMatched ?? 0,
          recordsScanned: outcome?.recordsScanned ?? 0,
          estimatedRecordsSkipped: 0,
          bytesScanned: outcome?.bytesScanned ?? 0,
          estimatedBytesSkipped: 0,
          logGroupsScanned: asked.groups.length,
        },
        status,
      });
    },

    async StopQuery(caller, body) {
      const query = findQuery(queries, caller, body);
      if (!query.ok) return query;
      if (queries?.stop(query.value) !== true) {
        return logsFailure('InvalidParameterException', `The query ${query.value.id} is not running.`);
      }
      return ok({ success: true });
    },

    async DescribeQueries(caller, body) {
      const input = new LogsInput(body);
      const group = input.text('logGroupName', groupNameRule);
      const status = input.text('status', { values: statuses });
      const max = input.integer('maxResults', { min: 1, max: 1_000 }) ?? 1_000;
      const token = input.text('nextToken', { min: 1 });
      input.text('queryLanguage', { values: ['CWLI', 'SQL', 'PPL'] });
      const failure = input.failure();
      if (failure !== null) return { ok: false, failure };
      const skipped = token === undefined ? 0 : unpackToken(token);
      if (typeof skipped !== 'number' || !Number.isSafeInteger(skipped) || skipped < 0) return badToken;
      const found = (queries?.list(caller) ?? []).filter(
        (query) =>
          (group === undefined || query.asked.groups.includes(group)) && (status ?? query.status) === query.status,
      );
      const next = skipped + max;
      return ok({
        queries: found.slice(skipped, next).map(({ id, asked, status: now, createdMs }) => ({
          queryLanguage: 'CWLI',
          queryId: id,
          queryString: asked.text,
          status: now,
          createTime: createdMs,
          logGroupName: asked.groups[0],
        })),
        ...(found.length > next ? { nextToken: packToken(next) } : {}),
      });
    },
  };
}

function toMs(time: number): number {
  return time < secondsMax ? time * 1000 : time;
}

/** Names or ARNs of groups; problems are collected by the input. */
function readGroups(input: LogsInput): readonly (readonly string[])[] {
  const name = input.text('logGroupName', groupNameRule);
  const names = input.texts('logGroupNames', { max: groupsMax, item: groupNameRule });
  const identifiers = input.texts('logGroupIdentifiers', { max: groupsMax, item: groupIdentifierRule });
  return [name === undefined ? undefined : [name], names, identifiers].filter((list) => list !== undefined);
}

function findGroups(
  store: LogStore,
  caller: LogsCaller,
  named: readonly (readonly string[])[],
): Result<readonly LogGroup[], LogsFailure> {
  const [wanted = [], ...more] = named;
  if (more.length > 0 || wanted.length === 0) {
    return logsFailure(
      'InvalidParameterException',
      'Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must name log groups.',
    );
  }
  const groups = new Map<string, LogGroup>();
  for (const id of wanted) {
    const name = id.startsWith('arn:') ? groupOfArn(caller, id) : id;
    const group = name === null ? null : store.group(caller, name);
    if (group === null) {
      return logsFailure(
        'ResourceNotFoundException',
        `Log group '${id}' does not exist for account ID '${caller.account}'`,
      );
    }
    groups.set(group.name, group);
  }
  return ok([...groups.values()]);
}

function understood(text: string, limit: number, nowMs: number): Result<Compiled, LogsFailure> {
  try {
    return ok(compileQuery(readQuery(text), { limit, nowMs }));
  } catch (error) {
    if (!(error instanceof MalformedQuery)) throw error;
    const { message, at } = error;
    const location = { startCharOffset: at.start, endCharOffset: at.end };
    return fail({ code: 'MalformedQueryException', message, members: { queryCompileError: { location, message } } });
  }
}

function findQuery(
  queries: InsightsQueries | null,
  caller: LogsCaller,
  body: unknown,
): Result<QueryRecord, LogsFailure> {
  const input = new LogsInput(body);
  const id = input.text('queryId', { required: true, max: 256 }) ?? '';
  const failure = input.failure();
  if (failure !== null) return { ok: false, failure };
  const query = queries?.get(caller, id) ?? null;
  return query === null ? logsFailure('ResourceNotFoundException', `Query ID ${id} does not exist.`) : ok(query);
}
