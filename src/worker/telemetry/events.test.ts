import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestId } from '../../kernel/ids.js';
import type { LineFacts } from '../log/loglines.js';
import type { InvocationFigures, PlatformLine } from '../messages.js';
import { EventSpelling, logEvent, spell, type TelemetryEvent } from './events.js';
import type { Subscription } from './subscription.js';

const requestId = '3f1c' as RequestId;
const factsAt = (nowMs: number): LineFacts => ({
  functionName: 'f',
  version: '$LATEST',
  logStream: '2024/01/01/[$LATEST]ab',
  memoryMib: 128,
  runtimeVersion: { name: 'nodejs:22.v1', arn: 'arn' },
  memoryPeakMib: () => 60,
  trace: null,
  nowMs,
});
const subscription = (over: Partial<Subscription> = {}): Subscription => ({
  api: 'telemetry',
  schemaVersion: '2022-12-13',
  types: ['platform', 'function', 'extension'],
  destination: { kind: 'tcp', port: 1 },
  limits: { maxItems: 1000, maxBytes: 262_144, timeoutMs: 25 },
  ...over,
});
const figures = (over: Partial<InvocationFigures> = {}): InvocationFigures => ({
  durationMs: 12.5,
  initMs: null,
  status: 'success',
  errorType: null,
  producedBytes: 3,
  ...over,
});
const told = (event: TelemetryEvent, over: Partial<Subscription> = {}) =>
  spell(event, subscription(over)).map((text) => JSON.parse(text));
const logs = { api: 'logs', schemaVersion: '2021-03-18' } as const;

test('an invocation: runtimeDone with spans, report with the time of extensions', () => {
  const spelling = new EventSpelling();
  spelling.platform({ kind: 'start', requestId }, factsAt(1000));
  const [done] = told(spelling.platform({ kind: 'runtime-done', requestId, figures: figures() }, factsAt(1013)));
  assert.equal(done.type, 'platform.runtimeDone');
  assert.equal(done.time, '1970-01-01T00:00:01.013Z');
  assert.deepEqual(done.record, {
    requestId,
    status: 'success',
    metrics: { durationMs: 12.5, producedBytes: 3 },
    spans: [
      { name: 'responseLatency', start: '1970-01-01T00:00:01.000Z', durationMs: 12.5 },
      { name: 'responseDuration', start: '1970-01-01T00:00:01.012Z', durationMs: 0 },
    ],
  });
  const line: PlatformLine = { kind: 'report', requestId, figures: figures({ durationMs: 40 }) };
  const [report] = told(spelling.platform(line, factsAt(1040)));
  assert.equal(report.type, 'platform.report');
  assert.deepEqual(report.record.spans, [
    { name: 'extensionOverhead', start: '1970-01-01T00:00:01.012Z', durationMs: 27.5 },
  ]);
  assert.deepEqual(
    told(spelling.platform({ kind: 'end', requestId, figures: figures(), lingered: true }, factsAt(1))),
    [],
  );
});

test('the Logs API: end, report and faults; runtimeDone since 2021-03-18', () => {
  const spelling = new EventSpelling();
  const end: PlatformLine = { kind: 'end', requestId, figures: figures({ errorType: 'Error' }), lingered: false };
  assert.deepEqual(
    told(spelling.platform(end, factsAt(1)), logs).map(({ type, record }) => [type, record]),
    [
      ['platform.runtimeDone', { requestId, status: 'failure' }],
      ['platform.end', { requestId }],
    ],
  );
  const old = told(spelling.platform(end, factsAt(1)), { ...logs, schemaVersion: '2020-08-15' });
  assert.deepEqual(
    old.map(({ type }) => type),
    ['platform.end'],
  );
  const [report] = told(spelling.platform({ kind: 'report', requestId, figures: figures() }, factsAt(1)), logs);
  assert.deepEqual(Object.keys(report.record), ['requestId', 'metrics']);
  const message = `RequestId: ${requestId} Error: Runtime exited with error: exit status 1`;
  const failure: PlatformLine = { kind: 'failure', requestId, errorType: 'Runtime.ExitError', message };
  assert.deepEqual(told(spelling.platform(failure, factsAt(1)), logs), [
    { time: '1970-01-01T00:00:00.001Z', type: 'platform.fault', record: `${message}\nRuntime.ExitError` },
  ]);
  assert.deepEqual(told(spelling.platform(failure, factsAt(1))), []);
  assert.deepEqual(told(spelling.platform({ kind: 'init-start', phase: 'init' }, factsAt(1)), logs), []);
});

test('init: its report names the status since 2022-12-13', () => {
  const line: PlatformLine = { kind: 'init-report', initMs: 5, phase: 'init', status: 'error', errorType: 'E' };
  const event = new EventSpelling().platform(line, factsAt(1));
  const reportOf = (schemaVersion: string) =>
    told(event, { schemaVersion }).find(({ type }) => type === 'platform.initReport').record;
  assert.deepEqual(reportOf('2022-07-01'), {
    initializationType: 'on-demand',
    phase: 'init',
    metrics: { durationMs: 5 },
  });
  for (const version of ['2022-12-13', '2025-01-29']) {
    assert.equal(reportOf(version).status, 'error');
    assert.equal(reportOf(version).errorType, 'E');
  }
});

test('log lines: text, or objects where the function logs JSON and the schema knows them', () => {
  const line = '{"level":"INFO"}\n';
  assert.deepEqual(told(logEvent(1, line, 'function', true))[0].record, { level: 'INFO' });
  assert.equal(told(logEvent(1, line, 'function', true), { schemaVersion: '2022-07-01' })[0].record, line);
  assert.equal(told(logEvent(1, line, 'function', false))[0].record, line);
  assert.equal(told(logEvent(1, '12\n', 'extension', true))[0].record, '12\n');
  assert.deepEqual(told(logEvent(1, line, 'extension', true), { types: ['platform', 'function'] }), []);
});

test('a restore: three events, and its figures in the first report', () => {
  const spelling = new EventSpelling();
  const [start] = told(spelling.platform({ kind: 'restore-start' }, factsAt(1000)));
  assert.deepEqual(
    [start.type, start.record],
    [
      'platform.restoreStart',
      {
        runtimeVersion: 'nodejs:22.v1',
        runtimeVersionArn: 'arn',
        functionName: 'f',
        functionVersion: '$LATEST',
        instanceId: '2024/01/01/[$LATEST]ab',
        instanceMaxMemory: 134_217_728,
      },
    ],
  );
  const failed = { kind: 'restore-report', restoreMs: 15.19, status: 'error', errorType: 'Runtime.ExitError' } as const;
  const record = { status: 'error', errorType: 'Runtime.ExitError' };
  assert.deepEqual(
    told(spelling.platform(failed, factsAt(1000))).map((event) => [event.type, event.record]),
    [
      ['platform.restoreRuntimeDone', record],
      ['platform.restoreReport', { ...record, metrics: { durationMs: 15.19 } }],
    ],
  );
  const restore = { restoreMs: 70.87, billedMs: 13 };
  const [report] = told(spelling.platform({ kind: 'report', requestId, figures: figures({ restore }) }, factsAt(1040)));
  const { restoreDurationMs, billedRestoreDurationMs, billedDurationMs } = report.record.metrics;
  assert.deepEqual([restoreDurationMs, billedRestoreDurationMs, billedDurationMs], [70.87, 13, 26]);
});

test('an init names its type: of a publication, of a provisioned sandbox', () => {
  const spelling = new EventSpelling();
  const ended = { kind: 'init-report', initMs: 5, phase: 'init', status: 'success', errorType: null } as const;
  for (const [of, type] of [
    [{ snapStart: true }, 'snap-start'],
    [{ provisioned: true }, 'provisioned-concurrency'],
    [{}, 'on-demand'],
  ] as const) {
    const lines: PlatformLine[] = [
      { kind: 'init-start', phase: 'init', ...of },
      { ...ended, ...of },
    ];
    const types = lines.flatMap((line) =>
      told(spelling.platform(line, factsAt(1000))).map(({ record }) => record.initializationType),
    );
    assert.deepEqual(types, [type, type, type]);
  }
});
