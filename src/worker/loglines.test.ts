import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestId } from '../kernel/ids.js';
import { formatLine, logStreamName } from './loglines.js';
import type { InvocationFigures, PlatformLine } from './messages.js';

const requestId = '3604cbc1-2bb9-4fb8-9e4c-2a1f4b9c5a11' as RequestId;
const facts = {
  version: '$LATEST',
  memoryMib: 128,
  runtimeVersion: { name: 'python:3.13.v11', arn: 'arn:aws:lambda:us-east-1::runtime:ab' },
  memoryPeakMib: () => 36,
  nowMs: Date.UTC(2024, 0, 1),
};
const format = (line: PlatformLine) => formatLine(line, facts);
const report = (over: Partial<InvocationFigures>) =>
  format({
    kind: 'report',
    requestId,
    figures: { durationMs: 3.009, initMs: null, status: 'success', errorType: null, ...over },
  });

test('platform lines, as recorded from the service', () => {
  assert.equal(
    format({ kind: 'init-start' }),
    'INIT_START Runtime Version: python:3.13.v11\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:ab\n',
  );
  assert.equal(format({ kind: 'start', requestId }), `START RequestId: ${requestId} Version: $LATEST\n`);
  assert.equal(format({ kind: 'end', requestId }), `END RequestId: ${requestId}\n`);
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
  const init = { kind: 'init-report', phase: 'init' } as const;
  assert.equal(
    format({ ...init, initMs: 150.79, status: 'error', errorType: 'Runtime.ExitError' }),
    'INIT_REPORT Init Duration: 150.79 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\n',
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
  assert.equal(
    logStreamName(Date.UTC(2024, 11, 31, 23, 59), '7', '0123456789abcdef0123456789abcdef'),
    '2024/12/31/[7]0123456789abcdef0123456789abcdef',
  );
});
