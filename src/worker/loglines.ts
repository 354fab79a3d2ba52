import type { PlatformLine } from './messages.js';

/** What the lines say beside the machine's figures. */
export interface LineFacts {
  readonly version: string;
  readonly memoryMib: number;
  readonly runtimeVersion: { readonly name: string; readonly arn: string };
  /** High-water mark, or null where the machine cannot tell: REPORT then has no `Max Memory Used`. */
  memoryPeakMib(): number | null;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

/** One platform line, newline included, spelled as the service does (recorded lines; see the tests). */
export function formatLine(line: PlatformLine, facts: LineFacts): string {
  switch (line.kind) {
    case 'init-start':
      return `INIT_START Runtime Version: ${facts.runtimeVersion.name}\tRuntime Version ARN: ${facts.runtimeVersion.arn}\n`;
    case 'init-report': {
      const type = line.errorType === null ? '' : `\tError Type: ${line.errorType}`;
      return `INIT_REPORT Init Duration: ${line.initMs.toFixed(2)} ms\tPhase: ${line.phase}\tStatus: ${line.status}${type}\n`;
    }
    case 'start':
      return `START RequestId: ${line.requestId} Version: ${facts.version}\n`;
    case 'end':
      return `END RequestId: ${line.requestId}\n`;
    case 'timed-out':
      return `${new Date(facts.nowMs).toISOString()} ${line.requestId} Task timed out after ${(line.timeoutMs / 1000).toFixed(2)} seconds\n\n`;
    case 'failure':
      return `${line.message}\n${line.errorType}\n`;
    case 'report': {
      const { durationMs, initMs, status, errorType } = line.figures;
      // Init is billed; a part of a millisecond counts as one.
      const billedMs = Math.ceil(durationMs + (initMs ?? 0));
      const peakMib = facts.memoryPeakMib();
      const fields =
        `REPORT RequestId: ${line.requestId}\tDuration: ${durationMs.toFixed(2)} ms\tBilled Duration: ${billedMs} ms` +
        `\tMemory Size: ${facts.memoryMib} MB${peakMib === null ? '' : `\tMax Memory Used: ${peakMib} MB`}` +
        `${initMs === null ? '' : `\tInit Duration: ${initMs.toFixed(2)} ms`}`;
      if (status === 'success') return `${fields}\t\n`;
      return `${fields}\tStatus: ${status}${errorType === null ? '' : `\tError Type: ${errorType}`}\n`;
    }
  }
}

/** `YYYY/MM/DD/[VERSION]32hex` in UTC. */
export function logStreamName(nowMs: number, version: string, hex32: string): string {
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '/');
  return `${day}/[${version}]${hex32}`;
}
