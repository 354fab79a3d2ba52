import { mib } from '../../kernel/units.js';
import type { LoggingSpec } from '../../wire/functionspec.js';
import type { InitializationType } from '../../wire/start.js';
import type { InvocationFigures, PlatformLine } from '../messages.js';
import type { LineFacts } from './loglines.js';

/** One platform event as the Telemetry API and the JSON log format spell it (Telemetry API event schema 2022-12-13). */
export interface PlatformEvent {
  /** ISO 8601, milliseconds, UTC. */
  readonly time: string;
  readonly type: string;
  readonly record: Readonly<Record<string, unknown>>;
}

export type SystemLevel = NonNullable<LoggingSpec['systemLevel']>;

/** An event and the level at which it is logged (developer guide, "System log level event mapping"). */
export interface LeveledEvent {
  readonly level: SystemLevel;
  readonly event: PlatformEvent;
}

const ranks: Readonly<Record<SystemLevel, number>> = { DEBUG: 0, INFO: 1, WARN: 2 };

/** Whether an event of this level is logged when `lowest` is configured. */
export function isLogged(level: SystemLevel, lowest: SystemLevel | null): boolean {
  return ranks[level] >= ranks[lowest ?? 'INFO'];
}

/** The service's figures have a thousandth of a millisecond. */
function toThousandths(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/**
 * The events that a platform line stands for, in order; none for lines that only the text format has. A handler that
 * reported an error makes the invocation an `error` here, although the text REPORT has no status for it.
 */
export function platformEvents(line: PlatformLine, facts: LineFacts): readonly LeveledEvent[] {
  const time = new Date(facts.nowMs).toISOString();
  const made = (level: SystemLevel, type: string, record: PlatformEvent['record']): LeveledEvent => ({
    level,
    event: { time, type: `platform.${type}`, record },
  });
  switch (line.kind) {
    case 'init-start':
      return [
        made('INFO', 'initStart', {
          initializationType: initializationType(line),
          phase: line.phase,
          ...environment(facts),
        }),
      ];
    case 'init-report': {
      const { phase, status, errorType } = line;
      const level = status === 'success' ? 'DEBUG' : 'WARN';
      const record = { initializationType: initializationType(line), phase, status, ...named(errorType) };
      const metrics = { durationMs: toThousandths(line.initMs) };
      return [made(level, 'initRuntimeDone', record), made(level, 'initReport', { ...record, metrics })];
    }
    case 'restore-start':
      return [made('INFO', 'restoreStart', environment(facts))];
    case 'restore-report': {
      const { status, errorType } = line;
      const level = status === 'success' ? 'DEBUG' : 'WARN';
      const record = { status, ...named(errorType) };
      const metrics = { durationMs: toThousandths(line.restoreMs) };
      return [made(level, 'restoreRuntimeDone', record), made(level, 'restoreReport', { ...record, metrics })];
    }
    case 'start':
      return [made('INFO', 'start', { requestId: line.requestId, version: facts.version, ...tracing(facts) })];
    case 'runtime-done':
    case 'end': {
      if (line.kind === 'end' && line.lingered) return [];
      const { durationMs, producedBytes } = line.figures;
      const status = statusOf(line.figures);
      const record = {
        requestId: line.requestId,
        ...status,
        ...tracing(facts),
        metrics: { durationMs: toThousandths(durationMs), producedBytes },
      };
      return [made(status.status === 'success' ? 'DEBUG' : 'WARN', 'runtimeDone', record)];
    }
    case 'report': {
      const { durationMs, initMs, restore } = line.figures;
      const status = statusOf(line.figures);
      const metrics = {
        durationMs: toThousandths(durationMs),
        billedDurationMs: billedMs(line.figures),
        memorySizeMB: facts.memoryMib,
        // Never left out: AWS's own library for extensions takes no batch that has a report without it.
        maxMemoryUsedMB: facts.memoryPeakMib() ?? 0,
        ...(initMs === null ? {} : { initDurationMs: toThousandths(initMs) }),
        ...(restore === undefined
          ? {}
          : { restoreDurationMs: toThousandths(restore.restoreMs), billedRestoreDurationMs: restore.billedMs }),
      };
      const record = { requestId: line.requestId, metrics, ...status, ...tracing(facts) };
      return [made(status.status === 'success' ? 'INFO' : 'WARN', 'report', record)];
    }
    case 'extension': {
      const { name, state, events, errorType } = line;
      return [made(errorType === null ? 'INFO' : 'WARN', 'extension', { name, state, events, ...named(errorType) })];
    }
    case 'subscription': {
      const type = line.api === 'telemetry' ? 'telemetrySubscription' : 'logsSubscription';
      return [made('INFO', type, { name: line.name, state: 'Subscribed', types: line.types })];
    }
    case 'timed-out':
    case 'failure':
      return [];
  }
}

/**
 * Init is billed, and of a restore what the runtime and its hooks took; a part of a millisecond counts as one. (Recorded:
 * 2338.66 ms and a billed restore of 182 ms are billed as 2521 ms.)
 */
export function billedMs({ durationMs, initMs, restore }: InvocationFigures): number {
  return Math.ceil(durationMs + (initMs ?? 0)) + (restore?.billedMs ?? 0);
}

/** As the service records it: the instance is named by its log stream, its memory is in bytes. */
function environment({
  runtimeVersion,
  functionName,
  version,
  logStream,
  memoryMib,
}: LineFacts): PlatformEvent['record'] {
  return {
    runtimeVersion: runtimeVersion.name,
    runtimeVersionArn: runtimeVersion.arn,
    functionName,
    functionVersion: version,
    instanceId: logStream,
    instanceMaxMemory: memoryMib * mib,
  };
}

function initializationType(line: {
  readonly snapStart?: boolean;
  readonly provisioned?: boolean;
}): InitializationType {
  return line.snapStart === true ? 'snap-start' : line.provisioned === true ? 'provisioned-concurrency' : 'on-demand';
}

function statusOf({ status, errorType }: InvocationFigures): { readonly status: string; readonly errorType?: string } {
  return { status: status === 'success' && errorType !== null ? 'error' : status, ...named(errorType) };
}

function named(errorType: string | null): { readonly errorType?: string } {
  return errorType === null ? {} : { errorType };
}

function tracing({ trace }: LineFacts): { readonly tracing?: object } {
  if (trace === null) return {};
  return { tracing: { spanId: trace.segmentId, type: 'X-Amzn-Trace-Id', value: trace.header } };
}
