import type { LogSource } from '../log/logcapture.js';
import { formatLine, type LineFacts } from '../log/loglines.js';
import { type PlatformEvent, platformEvents } from '../log/platformevents.js';
import type { PlatformLine } from '../messages.js';
import type { Subscription, TelemetryType } from './subscription.js';

/** Something that happened, before it is spelled for a subscriber. */
export type TelemetryEvent =
  | { readonly type: 'platform'; readonly line: PlatformLine; readonly events: readonly PlatformEvent[] }
  | { readonly type: 'function' | 'extension'; readonly time: string; readonly record: string; readonly json: boolean }
  | { readonly type: 'platform'; readonly line: null; readonly events: readonly PlatformEvent[] };

/** Events of the Telemetry API that the Logs API of either version has, too. */
const logsEvents: readonly string[] = [
  'platform.start',
  'platform.report',
  'platform.extension',
  'platform.logsSubscription',
  'platform.logsDropped',
];

/** Of a report; the Logs API knew nothing of restores. */
type Metrics = Readonly<Record<string, number>>;

/** Events that the schema of the Telemetry API does not have. */
const logsOnly: readonly string[] = ['platform.fault', 'platform.end', 'platform.logsSubscription'];

/** Follows one sandbox's lines, and adds to their events what one line alone does not tell. */
export class EventSpelling {
  #startedMs = 0;
  #runtimeMs = 0;

  /** `facts` are the line's, of this moment. */
  platform(line: PlatformLine, facts: LineFacts): TelemetryEvent {
    if (line.kind === 'start') this.#startedMs = facts.nowMs;
    const events = platformEvents(line, facts).map(({ event }) => this.#spanned(event, line));
    const fault = line.kind === 'failure' || line.kind === 'timed-out' ? formatLine(line, facts) : null;
    const time = new Date(facts.nowMs).toISOString();
    if (fault !== null) events.push({ time, type: 'platform.fault', record: { text: fault.trim() } });
    if (line.kind === 'end') events.push({ time, type: 'platform.end', record: { requestId: line.requestId } });
    return { type: 'platform', line, events };
  }

  #spanned(event: PlatformEvent, line: PlatformLine): PlatformEvent {
    const span = (name: string, startMs: number, durationMs: number) => ({
      name,
      start: new Date(startMs).toISOString(),
      durationMs: Math.round(durationMs * 1000) / 1000,
    });
    if (event.type === 'platform.runtimeDone' && (line.kind === 'end' || line.kind === 'runtime-done')) {
      const { durationMs, status } = line.figures;
      this.#runtimeMs = durationMs;
      if (status !== 'success') return event;
      // An answer comes whole: nothing passes between its first byte and its last.
      const spans = [
        span('responseLatency', this.#startedMs, durationMs),
        span('responseDuration', this.#startedMs + durationMs, 0),
      ];
      return { ...event, record: { ...event.record, spans } };
    }
    if (event.type === 'platform.report' && line.kind === 'report') {
      const overheadMs = line.figures.durationMs - this.#runtimeMs;
      if (overheadMs <= 0) return event;
      const spans = [span('extensionOverhead', this.#startedMs + this.#runtimeMs, overheadMs)];
      return { ...event, record: { ...event.record, spans } };
    }
    return event;
  }
}

export function logEvent(timestampMs: number, text: string, source: LogSource, json: boolean): TelemetryEvent {
  const type = source === 'extension' ? 'extension' : 'function';
  return { type, time: new Date(timestampMs).toISOString(), record: text, json };
}

/** JSON texts of what this subscriber gets of an event: none, one or several. */
export function spell(event: TelemetryEvent, { api, schemaVersion, types }: Subscription): readonly string[] {
  if (!types.includes(event.type as TelemetryType)) return [];
  if ('record' in event) {
    const { time, type, json } = event;
    const record = json && schemaVersion >= '2022-12-13' ? parsed(event.record) : event.record;
    return [JSON.stringify({ time, type, record })];
  }
  return event.events.flatMap((one) => {
    const spelled = api === 'logs' ? forLogs(one, schemaVersion) : forTelemetry(one, schemaVersion);
    return spelled === null ? [] : [JSON.stringify(spelled)];
  });
}

/** A function that logs JSON has its lines as objects in the newer schemas. */
function parsed(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : line;
  } catch {
    return line;
  }
}

function forTelemetry(event: PlatformEvent, schemaVersion: string): object | null {
  if (logsOnly.includes(event.type)) return null;
  // Before 2022-12-13, how init went was in initRuntimeDone only.
  if (event.type === 'platform.initReport' && schemaVersion === '2022-07-01') {
    const { status: _status, errorType: _errorType, ...record } = event.record;
    return { ...event, record };
  }
  return event;
}

function forLogs(event: PlatformEvent, schemaVersion: string): object | null {
  const { time, type, record } = event;
  if (type === 'platform.fault') return { time, type, record: record.text };
  if (type === 'platform.end') return event;
  if (type === 'platform.runtimeDone') {
    if (schemaVersion < '2021-03-18') return null;
    // An error that the handler reported was a failure then.
    const status = record.status === 'error' ? 'failure' : record.status;
    return { time, type, record: { requestId: record.requestId, status } };
  }
  if (!logsEvents.includes(type)) return null;
  if (type === 'platform.report') {
    const { restoreDurationMs: _, billedRestoreDurationMs: _billed, ...metrics } = record.metrics as Metrics;
    return { time, type, record: { requestId: record.requestId, metrics } };
  }
  return event;
}
