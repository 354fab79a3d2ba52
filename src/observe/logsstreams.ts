import { ok, type Result } from '../kernel/result.js';
import { dayMs, hourMs, mib } from '../kernel/units.js';
import { finishLine, lineStart, streamPart } from './eventline.js';
import { groupStreams, type StreamSummary } from './eventquery.js';
import type { LogGroup } from './loggroup.js';
import type { LogsApi, LogsCaller, LogsFailure } from './logsapi.js';
import { LogsInput } from './logsinput.js';
import {
  badToken,
  deletionProtected,
  findGroup,
  groupArn,
  groupNameRule,
  logsFailure,
  packToken,
  readGroup,
  streamMissing,
  streamNameRule,
  unpackToken,
} from './logsresource.js';
import type { LogStore } from './logstore.js';

/**
 * PutLogEvents (API reference): batch size with 26 bytes for each event, its span, and how old or new events may be.
 * One event may have 1 MB, so the batch is the bound: it is kept whole, unlike what a function logs.
 */
const batchBytesMax = 1 * mib;
const batchSpanMsMax = dayMs;
const eventAgeMsMax = 14 * dayMs;
const eventAheadMsMax = 2 * hourMs;
const eventOverheadBytes = 26;

type StreamOperations = Pick<LogsApi, 'CreateLogStream' | 'DeleteLogStream' | 'DescribeLogStreams' | 'PutLogEvents'>;

/** The operations on log streams, and writing to them. */
export function streamOperations(store: LogStore): StreamOperations {
  return {
    async CreateLogStream(caller, body) {
      const found = await findStream(store, caller, body);
      if (!found.ok) return found;
      const { group, stream, exists } = found.value;
      if (exists) {
        return logsFailure('ResourceAlreadyExistsException', 'The specified log stream already exists');
      }
      store.mark(group, stream, 'created');
      return ok({});
    },

    async DeleteLogStream(caller, body) {
      const found = await findStream(store, caller, body);
      if (!found.ok) return found;
      const { group, stream, exists } = found.value;
      if (!exists) return streamMissing;
      if (group.record.protected === true) return deletionProtected;
      store.mark(group, stream, 'deleted');
      return ok({});
    },

    async DescribeLogStreams(caller, body) {
      const input = new LogsInput(body);
      const named = readGroup(input, true);
      const prefix = input.text('logStreamNamePrefix', streamNameRule);
      const orderBy = input.text('orderBy', { values: ['LogStreamName', 'LastEventTime'] }) ?? 'LogStreamName';
      const descending = input.boolean('descending') ?? false;
      const limit = input.integer('limit', { min: 1, max: 50 }) ?? 50;
      const token = input.text('nextToken', { min: 1 });
      const failure = input.failure();
      if (failure !== null) return { ok: false, failure };
      if (prefix !== undefined && orderBy === 'LastEventTime') {
        return logsFailure('InvalidParameterException', 'Cannot order by LastEventTime with a logStreamNamePrefix.');
      }
      const after = token === undefined ? null : readPlace(unpackToken(token));
      if (after === undefined) return badToken;
      const group = findGroup(store, caller, named);
      if (!group.ok) return group;
      store.flush();
      const sign = descending ? -1 : 1;
      const place = (stream: StreamSummary): Place => [
        orderBy === 'LastEventTime' ? (stream.lastMs ?? 0) : 0,
        stream.name,
      ];
      const streams = [...(await groupStreams(group.value)).values()]
        .filter((stream) => stream.name.startsWith(prefix ?? ''))
        .filter((stream) => after === null || comparePlaces(place(stream), after) * sign > 0)
        .sort((a, b) => comparePlaces(place(a), place(b)) * sign);
      const page = streams.slice(0, limit);
      const arn = groupArn(caller, group.value.name);
      return ok({
        logStreams: page.map((stream) => describeStream(arn, stream)),
        ...(streams.length > limit ? { nextToken: packToken(place(page.at(-1)!)) } : {}),
      });
    },

    async PutLogEvents(caller, body) {
      const input = new LogsInput(body);
      const named = { name: input.text('logGroupName', { ...groupNameRule, required: true }) ?? '' };
      const stream = input.text('logStreamName', { ...streamNameRule, required: true });
      const events = (input.list('logEvents', { required: true, min: 1, max: 10_000 }) ?? []).map((item, i) => {
        const event = new LogsInput(item);
        const timestampMs = event.integer('timestamp', { required: true, min: 0 }) ?? 0;
        // Half a character cannot be stored as UTF-8, and readers of segments would refuse its line.
        const message = (event.text('message', { required: true }) ?? '').replace(/\p{Surrogate}/gu, '\ufffd');
        if (message === '')
          input.refuse('', `logEvents.${i + 1}.member.message`, 'have length greater than or equal to 1');
        return { timestampMs, message, failure: event.failure() };
      });
      const failure = input.failure() ?? events.find((event) => event.failure !== null)?.failure ?? null;
      if (failure !== null) return { ok: false, failure };
      const group = findGroup(store, caller, named);
      if (!group.ok) return group;
      store.flush();
      const known = (await groupStreams(group.value)).has(stream!);
      if (!known) return streamMissing;
      const bytes = events.reduce((sum, event) => sum + Buffer.byteLength(event.message) + eventOverheadBytes, 0);
      if (bytes > batchBytesMax) {
        return logsFailure(
          'InvalidParameterException',
          `Upload too large: ${bytes} bytes exceeds limit of ${batchBytesMax}`,
        );
      }
      if (events.some((event, i) => i > 0 && event.timestampMs < events[i - 1]!.timestampMs)) {
        return logsFailure(
          'InvalidParameterException',
          'Log events in a single PutLogEvents request must be in chronological order.',
        );
      }
      if (events.at(-1)!.timestampMs - events[0]!.timestampMs > batchSpanMsMax) {
        return logsFailure(
          'InvalidParameterException',
          'The batch of log events in a single PutLogEvents request cannot span more than 24 hours.',
        );
      }
      const nowMs = store.nowMs();
      const { retentionDays } = group.value.record;
      const expiredMs = retentionDays === null ? 0 : nowMs - retentionDays * dayMs;
      const part = streamPart(stream!);
      let old = 0;
      let expired = 0;
      let tooNew: number | null = null;
      for (const [i, event] of events.entries()) {
        if (event.timestampMs < expiredMs) expired = i + 1;
        else if (event.timestampMs < nowMs - eventAgeMsMax) old = i + 1;
        else if (event.timestampMs > nowMs + eventAheadMsMax) tooNew ??= i;
        else group.value.append(finishLine(lineStart(event.timestampMs, nowMs, part), event.message));
      }
      store.flush();
      const rejected = {
        ...(tooNew === null ? {} : { tooNewLogEventStartIndex: tooNew }),
        ...(old === 0 ? {} : { tooOldLogEventEndIndex: old }),
        ...(expired === 0 ? {} : { expiredLogEventEndIndex: expired }),
      };
      return ok({
        // Sequence tokens are ignored since 2023, but clients of before expect one: 56 digits, never checked.
        nextSequenceToken: String(nowMs).padStart(56, '4'),
        ...(Object.keys(rejected).length === 0 ? {} : { rejectedLogEventsInfo: rejected }),
      });
    },
  };
}

/** The stream that a request names, in a group that is there. */
async function findStream(
  store: LogStore,
  caller: LogsCaller,
  body: unknown,
): Promise<Result<{ readonly group: LogGroup; readonly stream: string; readonly exists: boolean }, LogsFailure>> {
  const input = new LogsInput(body);
  const named = readGroup(input, false);
  const stream = input.text('logStreamName', { ...streamNameRule, required: true });
  const failure = input.failure();
  if (failure !== null) return { ok: false, failure };
  const group = findGroup(store, caller, named);
  if (!group.ok) return group;
  store.flush();
  const exists = (await groupStreams(group.value)).has(stream!);
  return ok({ group: group.value, stream: stream!, exists });
}

/** Order value and name: where a page of streams ended. */
type Place = readonly [number, string];

function readPlace(value: unknown): Place | undefined {
  if (!Array.isArray(value) || typeof value[0] !== 'number' || typeof value[1] !== 'string') return undefined;
  return [value[0], value[1]];
}

function comparePlaces(a: Place, b: Place): number {
  return a[0] - b[0] || (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0);
}

function describeStream(arn: string, stream: StreamSummary): object {
  return {
    logStreamName: stream.name,
    creationTime: stream.createdMs,
    ...(stream.firstMs === null ? {} : { firstEventTimestamp: stream.firstMs }),
    ...(stream.lastMs === null ? {} : { lastEventTimestamp: stream.lastMs }),
    ...(stream.lastIngestionMs === null ? {} : { lastIngestionTime: stream.lastIngestionMs }),
    arn: `${arn}:log-stream:${stream.name}`,
    // The service reports 0 for every stream since June 2019.
    storedBytes: 0,
  };
}
