import { ownLogGroup } from '../../wire/functionspec.js';
import type { PlatformLine } from '../messages.js';
import type { SampledTrace } from '../trace.js';
import { billedMs } from './platformevents.js';

/** What the lines say beside the machine's figures. */
export interface LineFacts {
  readonly functionName: string;
  readonly version: string;
  readonly logStream: string;
  readonly memoryMib: number;
  readonly runtimeVersion: { readonly name: string; readonly arn: string };
  /** High-water mark, or null where the machine cannot tell: REPORT then has no `Max Memory Used`. */
  memoryPeakMib(): number | null;
  /** Of the invocation in progress, when the function has active tracing and this one is sampled. */
  readonly trace: SampledTrace | null;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

/**
 * One platform line of the text format, newline included, spelled as the service does (recorded lines; see the tests).
 * Null: the format has none for it.
 */
export function formatLine(line: PlatformLine, facts: LineFacts): string | null {
  switch (line.kind) {
    case 'init-start':
      if (line.phase === 'invoke') return null;
      return `INIT_START Runtime Version: ${facts.runtimeVersion.name}\tRuntime Version ARN: ${facts.runtimeVersion.arn}\n`;
    case 'init-report': {
      if (line.status === 'success' && line.snapStart !== true) return null;
      return `INIT_REPORT Init Duration: ${line.initMs.toFixed(2)} ms\tPhase: ${line.phase}${statusText(line)}\n`;
    }
    case 'restore-start':
      return `RESTORE_START Runtime Version: ${facts.runtimeVersion.name}\tRuntime Version ARN: ${facts.runtimeVersion.arn}\n`;
    case 'restore-report':
      return `RESTORE_REPORT Restore Duration: ${line.restoreMs.toFixed(2)} ms${statusText(line)}\n`;
    case 'start':
      return `START RequestId: ${line.requestId} Version: ${facts.version}\n`;
    case 'end':
      return `END RequestId: ${line.requestId}\n`;
    case 'timed-out':
      return `${new Date(facts.nowMs).toISOString()} ${line.requestId} Task timed out after ${(line.timeoutMs / 1000).toFixed(2)} seconds\n\n`;
    case 'runtime-done':
      return null;
    case 'extension': {
      const type = line.errorType === null ? '' : `\tError Type: ${line.errorType}`;
      return `EXTENSION\tName: ${line.name}\tState: ${line.state}\tEvents: [${line.events.join(', ')}]${type}\n`;
    }
    case 'subscription': {
      const types = line.types.map((type) => type.charAt(0).toUpperCase() + type.slice(1)).join(', ');
      return `${line.api.toUpperCase()}\tName: ${line.name}\tState: Subscribed\tTypes: [${types}]\n`;
    }
    case 'failure':
      return `${line.message}\n${line.errorType}\n`;
    case 'report': {
      const { durationMs, initMs, restore, status, errorType } = line.figures;
      const peakMib = facts.memoryPeakMib();
      const fields =
        `REPORT RequestId: ${line.requestId}\tDuration: ${durationMs.toFixed(2)} ms\tBilled Duration: ${billedMs(line.figures)} ms` +
        `\tMemory Size: ${facts.memoryMib} MB${peakMib === null ? '' : `\tMax Memory Used: ${peakMib} MB`}` +
        `${initMs === null ? '' : `\tInit Duration: ${initMs.toFixed(2)} ms`}` +
        `${restore === undefined ? '' : `\tRestore Duration: ${restore.restoreMs.toFixed(2)} ms\tBilled Restore Duration: ${restore.billedMs} ms`}`;
      const { trace } = facts;
      const traced =
        trace === null ? '' : `XRAY TraceId: ${trace.traceId}\tSegmentId: ${trace.segmentId}\tSampled: true\t\n`;
      if (status === 'success') return `${fields}\t\n${traced}`;
      return `${fields}\tStatus: ${status}${errorType === null ? '' : `\tError Type: ${errorType}`}\n${traced}`;
    }
  }
}

/** Nothing for a success. */
function statusText({ status, errorType }: { readonly status: string; readonly errorType: string | null }): string {
  if (status === 'success') return '';
  return `\tStatus: ${status}${errorType === null ? '' : `\tError Type: ${errorType}`}`;
}

/**
 * What the text format says of a timeout or a dead runtime in a line of its own, as an object of the JSON format: the
 * platform events name the status only. Null for all other lines.
 */
export function jsonFailure(line: PlatformLine, { nowMs }: LineFacts): string | null {
  if (line.kind !== 'timed-out' && line.kind !== 'failure') return null;
  const message =
    line.kind === 'timed-out'
      ? `Task timed out after ${(line.timeoutMs / 1000).toFixed(2)} seconds`
      : line.message.replace(/^RequestId: \S+ Error: /, '');
  const event = {
    timestamp: new Date(nowMs).toISOString(),
    level: 'ERROR',
    requestId: line.requestId,
    message,
    ...(line.kind === 'failure' ? { errorType: line.errorType } : {}),
  };
  return `${JSON.stringify(event)}\n`;
}

/**
 * `YYYY/MM/DD/[VERSION]32hex` in UTC; in a group that is not the function's own, which others may share,
 * `YYYY/MM/DD/NAME[VERSION]32hex` (developer guide, Configuring CloudWatch log groups).
 */
export function logStreamName(
  nowMs: number,
  { functionName, version, logGroup }: { functionName: string; version: string; logGroup: string },
  hex32: string,
): string {
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '/');
  const name = logGroup === ownLogGroup(functionName) ? '' : functionName;
  return `${day}/${name}[${version}]${hex32}`;
}
