import { ok } from '../kernel/result.js';
import { dayMs, mib } from '../kernel/units.js';
import { type EventKey, formatKey, keyAfter, keyAtTime, keyBefore, parseKey } from './eventkey.js';
import { groupStreams, queryEvents } from './eventquery.js';
import { parseFilterPattern } from './filterpattern.js';
import type { LogGroup } from './loggroup.js';
import type { LogsApi } from './logsapi.js';
import { LogsInput } from './logsinput.js';
import { badToken, findGroup, logsFailure, readGroup, streamMissing, streamNameRule } from './logsresource.js';
import type { LogStore } from './logstore.js';

const eventsMax = 10_000;
/** A search answers after reading this much (some 0.3 s), with what it found and where to go on. */
const scanBytesMax = 64 * mib;

/** Reading events. */
export function eventOperations(store: LogStore): Pick<LogsApi, 'FilterLogEvents' | 'GetLogEvents'> {
  return {
    async GetLogEvents(caller, body) {
      const input = new LogsInput(body);
      const named = readGroup(input, true);
      const stream = input.text('logStreamName', { ...streamNameRule, required: true });
      const startMs = input.integer('startTime', { min: 0 }) ?? 0;
      const endMs = input.integer('endTime', { min: 0 }) ?? Number.MAX_SAFE_INTEGER;
      const limit = input.integer('limit', { min: 1, max: eventsMax }) ?? eventsMax;
      const startFromHead = input.boolean('startFromHead') ?? false;
      const token = input.text('nextToken', { min: 1 });
      const failure = input.failure();
      if (failure !== null) return { ok: false, failure };
      const gap = token === undefined ? null : readToken(token);
      if (gap === undefined) return badToken;
      const group = findGroup(store, caller, named);
      if (!group.ok) return group;
      store.flush();
      const known = (await groupStreams(group.value)).has(stream!);
      if (!known) return streamMissing;
      const direction = gap?.direction ?? (startFromHead ? 'forward' : 'backward');
      const { events } = await queryEvents(group.value, {
        acceptsStream: (name) => name === stream,
        fromMs: Math.max(startMs, keptFromMs(store, group.value)),
        // The end is exclusive here, and inclusive in FilterLogEvents (API reference).
        toMs: endMs - 1,
        after: gap?.direction === 'forward' ? gap.key : null,
        before: gap?.direction === 'backward' ? gap.key : null,
        direction,
        limit,
        matches: null,
        scanBytesMax: null,
      });
      const first = events[0]?.key;
      const last = events.at(-1)?.key;
      // An empty page stands in the gap it was asked for: the token in its direction stays equal, which is how
      // clients see the end, and the other one goes back over the same gap.
      const start = gap?.key ?? keyAtTime(startMs);
      const forward = last ?? (gap?.direction === 'backward' ? keyBefore(start) : start);
      const backward = first ?? (gap?.direction === 'forward' ? keyAfter(start) : start);
      return ok({
        events: events.map((event) => ({
          timestamp: event.key.timestampMs,
          message: event.message,
          ingestionTime: event.ingestionMs,
        })),
        nextForwardToken: `f/${formatKey(forward)}/s`,
        nextBackwardToken: `b/${formatKey(backward)}/s`,
      });
    },

    async FilterLogEvents(caller, body) {
      const input = new LogsInput(body);
      const named = readGroup(input, true);
      const streams = input.texts('logStreamNames', { min: 1, max: 100, item: streamNameRule });
      const prefix = input.text('logStreamNamePrefix', streamNameRule);
      const startMs = input.integer('startTime', { min: 0 }) ?? 0;
      const endMs = input.integer('endTime', { min: 0 }) ?? Number.MAX_SAFE_INTEGER;
      const pattern = input.text('filterPattern', { max: 1024 }) ?? '';
      const limit = input.integer('limit', { min: 1, max: eventsMax }) ?? eventsMax;
      const token = input.text('nextToken', { min: 1 });
      // Always interleaved: the service ignores the value since June 2019. Data protection does not exist here.
      input.boolean('interleaved');
      input.boolean('unmask');
      const failure = input.failure();
      if (failure !== null) return { ok: false, failure };
      if (streams !== undefined && prefix !== undefined) {
        return logsFailure(
          'InvalidParameterException',
          'logStreamNames and logStreamNamePrefix are mutually exclusive parameters.',
        );
      }
      const filter = parseFilterPattern(pattern);
      if (!filter.ok) return logsFailure('InvalidParameterException', filter.failure);
      const after = token === undefined ? null : parseKey(token);
      if (token !== undefined && after === null) return badToken;
      const group = findGroup(store, caller, named);
      if (!group.ok) return group;
      store.flush();
      if (streams !== undefined) {
        const known = await groupStreams(group.value);
        if (!streams.every((name) => known.has(name))) return streamMissing;
      }
      const wanted = new Set(streams);
      const { events, resumeAfter } = await queryEvents(group.value, {
        acceptsStream:
          streams !== undefined
            ? (name) => wanted.has(name)
            : prefix !== undefined
              ? (name) => name.startsWith(prefix)
              : null,
        fromMs: Math.max(startMs, keptFromMs(store, group.value)),
        toMs: endMs,
        after,
        before: null,
        direction: 'forward',
        limit,
        matches: filter.value,
        scanBytesMax,
      });
      return ok({
        events: events.map((event) => ({
          logStreamName: event.stream,
          timestamp: event.key.timestampMs,
          message: event.message,
          ingestionTime: event.ingestionMs,
          eventId: formatKey(event.key),
        })),
        // Deprecated: the service always answers an empty list.
        searchedLogStreams: [],
        ...(resumeAfter === null ? {} : { nextToken: formatKey(resumeAfter) }),
      });
    },
  };
}

/** Segments go as a whole, so events older than the retention may still be there; nobody sees them. */
function keptFromMs(store: LogStore, group: LogGroup): number {
  const { retentionDays } = group.record;
  return retentionDays === null ? 0 : store.nowMs() - retentionDays * dayMs;
}

function readToken(token: string): { readonly direction: 'forward' | 'backward'; readonly key: EventKey } | undefined {
  const found = /^([fb])\/(\d{56})\/s$/.exec(token);
  const key = found === null ? null : parseKey(found[2]!);
  if (key === null) return undefined;
  return { direction: found![1] === 'f' ? 'forward' : 'backward', key };
}
