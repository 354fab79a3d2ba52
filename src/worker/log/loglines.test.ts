import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestId } from '../../kernel/ids.js';
import type { InvocationFigures, PlatformLine } from '../messages.js';
import { formatLine, logStreamName } from './loglines.js';

const requestId = '3604cbc1-2bb9-4fb8-9e4c-2a1f4b9c5a11' as RequestId;
const facts = {
  functionName: 'f',
  version: '$LATEST',
  logStream: '2024/01/01/[$LATEST]ab',
  memoryMib: 128,
  runtimeVersion: { name: 'python:3.13.v11', arn: 'arn:aws:lambda:us-east-1::runtime:ab' },
  memoryPeakMib: () => 36,
  trace: null,
  nowMs: Date.UTC(2024, 0, 1),
};
const figures: InvocationFigures = {
  durationMs: 3.009,
  initMs: null,
  status: 'success',
  errorType: null,
  producedBytes: 2,
};
const format = (line: PlatformLine) => formatLine(line, facts);
const report = (over: Partial<InvocationFigures>) =>
  format({
    kind: 'report',
    requestId,
    figures: { ...figures, ...over },
  });

test('platform lines, as recorded from the service', () => {
  assert.equal(
    format({ kind: 'init-start', phase: 'init' }),
    'INIT_START Runtime Version: python:3.13.v11\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:ab\n',
  );
  assert.equal(format({ kind: 'init-start', phase: 'invoke' }), null);
  assert.equal(format({ kind: 'start', requestId }), `START RequestId: ${requestId} Version: $LATEST\n`);
  assert.equal(format({ kind: 'end', requestId, figures, lingered: false }), `END RequestId: ${requestId}\n`);
  assert.equal(
    report({}),
    `REPORT RequestId: ${requestId}\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n`,
  );
  assert.equal(
    report({ initMs: 110.1 }),
    `REPORT RequestId: ${requestId}\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n`,
  );
  assert.equal(
    report({ durationMs: 180_000, status: 'timeout' }),
    `REPORT RequestId: ${requestId}\tDuration: 180000.00 ms\tBilled Duration: 180000 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tStatus: timeout\n`,
  );
  assert.equal(
    report({ durationMs: 11.48, status: 'error', errorType: 'Runtime.InvalidEntrypoint' }),
    `REPORT RequestId: ${requestId}\tDuration: 11.48 ms\tBilled Duration: 12 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tStatus: error\tError Type: Runtime.InvalidEntrypoint\n`,
  );
  assert.equal(
    format({ kind: 'restore-start' }),
    'RESTORE_START Runtime Version: python:3.13.v11\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:ab\n',
  );
  const restore = { kind: 'restore-report', restoreMs: 511.25 } as const;
  assert.equal(
    format({ ...restore, status: 'success', errorType: null }),
    'RESTORE_REPORT Restore Duration: 511.25 ms\n',
  );
  assert.equal(
    format({ ...restore, status: 'timeout', errorType: null }),
    'RESTORE_REPORT Restore Duration: 511.25 ms\tStatus: timeout\n',
  );
  assert.equal(
    format({ ...restore, status: 'error', errorType: 'Runtime.ExitError' }),
    'RESTORE_REPORT Restore Duration: 511.25 ms\tStatus: error\tError Type: Runtime.ExitError\n',
  );
  assert.equal(
    report({ durationMs: 2338.66, restore: { restoreMs: 398.97, billedMs: 182 } }),
    `REPORT RequestId: ${requestId}\tDuration: 2338.66 ms\tBilled Duration: 2521 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tRestore Duration: 398.97 ms\tBilled Restore Duration: 182 ms\t\n`,
  );
  const init = { kind: 'init-report', phase: 'init' } as const;
  assert.equal(
    format({ ...init, snapStart: true, initMs: 9908.09, status: 'success', errorType: null }),
    'INIT_REPORT Init Duration: 9908.09 ms\tPhase: init\n',
  );
  assert.equal(
    format({ ...init, initMs: 150.79, status: 'error', errorType: 'Runtime.ExitError' }),
    'INIT_REPORT Init Duration: 150.79 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\n',
  );
  assert.equal(
    format({ ...init, phase: 'invoke', initMs: 5031.95, status: 'error', errorType: 'Runtime.ImportModuleError' }),
    'INIT_REPORT Init Duration: 5031.95 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError\n',
  );
  assert.equal(
    format({ ...init, initMs: 9999.79, status: 'timeout', errorType: null }),
    'INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout\n',
  );
  assert.equal(
    format({ kind: 'timed-out', requestId, timeoutMs: 3000 }),
    `2024-01-01T00:00:00.000Z ${requestId} Task timed out after 3.00 seconds\n\n`,
  );
});

test('the stream’s name has the day in UTC, the version and 32 hex digits', () => {
  const hex = '0123456789abcdef0123456789abcdef';
  const named = (logGroup: string) =>
    logStreamName(Date.UTC(2024, 11, 31, 23, 59), { functionName: 'f', version: '7', logGroup }, hex);
  assert.equal(named('/aws/lambda/f'), `2024/12/31/[7]${hex}`);
  assert.equal(named('/aws/lambda/g'), `2024/12/31/f[7]${hex}`, 'a group that others may write to as well');
});

test('REPORT names the trace of a sampled invocation, whatever its status', () => {
  const trace = { header: 'h', traceId: '1-6ac7d556-032906e375c910cf42cb849e', segmentId: '90cbc97f4ee64a7f' };
  const traced = (over: Partial<InvocationFigures>) =>
    formatLine({ kind: 'report', requestId, figures: { ...figures, ...over } }, { ...facts, trace });
  const last = 'XRAY TraceId: 1-6ac7d556-032906e375c910cf42cb849e\tSegmentId: 90cbc97f4ee64a7f\tSampled: true\t\n';
  assert.equal(
    traced({ initMs: 1987.45, durationMs: 1776.81 }),
    `REPORT RequestId: ${requestId}\tDuration: 1776.81 ms\tBilled Duration: 3765 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 1987.45 ms\t\n${last}`,
  );
  assert.equal(
    traced({ durationMs: 10_935.7, status: 'error', errorType: 'Runtime.OutOfMemory' }),
    `REPORT RequestId: ${requestId}\tDuration: 10935.70 ms\tBilled Duration: 10936 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tStatus: error\tError Type: Runtime.OutOfMemory\n${last}`,
  );
});
