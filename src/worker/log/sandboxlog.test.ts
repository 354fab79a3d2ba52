import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestId } from '../../kernel/ids.js';
import type { FunctionSpec, LoggingSpec } from '../../wire/functionspec.js';
import { makeSpec, realClock } from '../fake/world.js';
import type { InvocationFigures, PlatformLine } from '../messages.js';
import { SandboxLog } from './sandboxlog.js';

const requestId = '6d68ca91-49c9-448d-89b8-7ca3e6dc66aa' as RequestId;
const nowMs = Date.UTC(2024, 2, 13, 18, 56, 24, 46);
const time = '2024-03-13T18:56:24.046Z';
const header = 'Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1';
const figures: InvocationFigures = {
  durationMs: 693.9204,
  initMs: null,
  status: 'success',
  errorType: null,
  producedBytes: 15,
};

function open(logging: Partial<LoggingSpec>, over: Partial<FunctionSpec> = {}) {
  const events: string[] = [];
  const opened: string[] = [];
  const logs = {
    open: (_scope: object, group: string, stream: string) => {
      opened.push(group, stream);
      return { append: (_timestampMs: number, message: string) => void events.push(message) };
    },
    flush() {},
  };
  const spec = makeSpec({
    logging: { format: 'JSON', applicationLevel: 'INFO', systemLevel: 'INFO', ...logging },
    ...over,
  });
  const clock = { ...realClock, nowMs: () => nowMs };
  const random = { hex: (bytes: number) => 'ab'.repeat(bytes), fraction: () => 0, uuid: () => '' };
  const log = new SandboxLog(spec, { options: { logs, random }, clock, logged() {} }, () => 84);
  log.runtimeVersion = { name: 'nodejs:20.v22', arn: 'arn:aws:lambda:us-east-1::runtime:da57' };
  return { log, events, opened };
}

const life: readonly PlatformLine[] = [
  { kind: 'init-start', phase: 'init' },
  { kind: 'init-report', initMs: 397.684_4, phase: 'init', status: 'success', errorType: null },
  { kind: 'start', requestId },
  { kind: 'end', requestId, figures: { ...figures, initMs: 397.6844 }, lingered: false },
  { kind: 'report', requestId, figures: { ...figures, initMs: 397.6844 } },
];
const types = (events: readonly string[]) => events.map((text) => JSON.parse(text).type as string);

test('a log has the group of the function and a stream named as Lambda names it', () => {
  const { opened, log } = open({}, { logGroup: '/my/own', version: '7' });
  assert.deepEqual(opened, ['/my/own', `2024/03/13/f[7]${'ab'.repeat(16)}`]);
  assert.equal(log.stream, opened[1]);
});

test('JSON: platform events have the documented members, one line each', () => {
  const { log, events } = open({ systemLevel: 'DEBUG' });
  for (const line of life) log.line(line);
  assert.ok(events.every((text) => text.indexOf('\n') === text.length - 1));
  const metrics = { durationMs: 693.92, billedDurationMs: 1092, memorySizeMB: 128, maxMemoryUsedMB: 84 };
  assert.deepEqual(
    events.map((text) => JSON.parse(text)),
    [
      {
        time,
        type: 'platform.initStart',
        record: {
          initializationType: 'on-demand',
          phase: 'init',
          runtimeVersion: 'nodejs:20.v22',
          runtimeVersionArn: 'arn:aws:lambda:us-east-1::runtime:da57',
          functionName: 'f',
          functionVersion: '$LATEST',
          instanceId: `2024/03/13/[$LATEST]${'ab'.repeat(16)}`,
          instanceMaxMemory: 134_217_728,
        },
      },
      {
        time,
        type: 'platform.initRuntimeDone',
        record: { initializationType: 'on-demand', phase: 'init', status: 'success' },
      },
      {
        time,
        type: 'platform.initReport',
        record: {
          initializationType: 'on-demand',
          phase: 'init',
          status: 'success',
          metrics: { durationMs: 397.684 },
        },
      },
      { time, type: 'platform.start', record: { requestId, version: '$LATEST' } },
      {
        time,
        type: 'platform.runtimeDone',
        record: { requestId, status: 'success', metrics: { durationMs: 693.92, producedBytes: 15 } },
      },
      {
        time,
        type: 'platform.report',
        record: { requestId, metrics: { ...metrics, initDurationMs: 397.684 }, status: 'success' },
      },
    ],
  );
  // As the service writes it: members in this order, no blanks.
  assert.equal(
    events[5],
    `{"time":"${time}","type":"platform.report","record":{"requestId":"${requestId}","metrics":{"durationMs":693.92,"billedDurationMs":1092,"memorySizeMB":128,"maxMemoryUsedMB":84,"initDurationMs":397.684},"status":"success"}}\n`,
  );
});

test('JSON: the system level decides which platform events are logged', () => {
  const failed = { ...figures, status: 'timeout', durationMs: 3000 } as const;
  const failing: PlatformLine[] = [
    { kind: 'init-report', initMs: 5, phase: 'init', status: 'error', errorType: 'Runtime.ExitError' },
    { kind: 'start', requestId },
    { kind: 'end', requestId, figures: failed, lingered: false },
    { kind: 'report', requestId, figures: failed },
  ];
  const logged = (systemLevel: LoggingSpec['systemLevel']) => {
    const { log, events } = open({ systemLevel });
    for (const line of [...life, ...failing]) log.line(line);
    return types(events).map((type) => type.slice('platform.'.length));
  };
  const failures = ['initRuntimeDone', 'initReport', 'runtimeDone', 'report'];
  assert.deepEqual(logged('WARN'), failures);
  assert.deepEqual(logged('INFO'), [
    'initStart',
    'start',
    'report',
    'initRuntimeDone',
    'initReport',
    'start',
    'runtimeDone',
    'report',
  ]);
  assert.equal(logged('DEBUG').length, 11);
});

test('JSON: an error that the handler reported is an error of the invocation; a timeout is said in words, too', () => {
  const { log, events } = open({ systemLevel: 'WARN' });
  log.line({ kind: 'report', requestId, figures: { ...figures, errorType: 'TypeError' } });
  assert.deepEqual(
    [JSON.parse(events[0]!).record.status, JSON.parse(events[0]!).record.errorType],
    ['error', 'TypeError'],
  );
  log.line({ kind: 'timed-out', requestId, timeoutMs: 3000 });
  assert.deepEqual(JSON.parse(events[1]!), {
    timestamp: time,
    level: 'ERROR',
    requestId,
    message: 'Task timed out after 3.00 seconds',
  });
  const message = `RequestId: ${requestId} Error: Runtime exited with error: exit status 3`;
  log.line({ kind: 'failure', requestId, errorType: 'Runtime.ExitError', message });
  assert.deepEqual(JSON.parse(events[2]!), {
    timestamp: time,
    level: 'ERROR',
    requestId,
    message: 'Runtime exited with error: exit status 3',
    errorType: 'Runtime.ExitError',
  });
});

test('a trace is shown when tracing is active and the invocation sampled', () => {
  const tracing = { spanId: '0efbd19962d95b05', type: 'X-Amzn-Trace-Id', value: header };
  const traceOf = (over: Partial<FunctionSpec>, text: string) => {
    const { log, events } = open({}, over);
    log.begin(text, false);
    log.line({ kind: 'start', requestId });
    return JSON.parse(events[0]!).record.tracing as unknown;
  };
  assert.deepEqual(traceOf({ tracing: 'Active' }, header), tracing);
  assert.equal(traceOf({ tracing: 'Active' }, header.replace('Sampled=1', 'Sampled=0')), undefined);
  assert.equal(traceOf({ tracing: 'Active' }, 'nonsense'), undefined);
  assert.equal(traceOf({ tracing: 'PassThrough' }, header), undefined);
});

test('JSON: raw lines are filtered by the level they name; what names none stays', () => {
  const kept = (applicationLevel: LoggingSpec['applicationLevel'], ...lines: string[]) => {
    const { log, events } = open({ applicationLevel });
    log.capture.raw('stdout', Buffer.from(`${lines.join('\n')}\n`), nowMs);
    return events.map((event) => event.trimEnd());
  };
  const at = (level: unknown, stamp: unknown = time) => JSON.stringify({ level, msg: 'm', timestamp: stamp });
  const debug = at('debug');
  const warning = JSON.stringify({ level: 'warning', time, msg: 'm' });
  const none = JSON.stringify({ msg: 'm' });
  assert.deepEqual(kept('INFO', debug, warning, none, 'text', '{broken'), [warning, none, 'text', '{broken']);
  assert.deepEqual(kept('ERROR', debug, warning, none, at('FATAL'), 'text'), [at('FATAL'), 'text']);
  assert.deepEqual(kept('TRACE', debug, at('trace')), [debug, at('trace')]);
  // Without a valid time or level the line counts as INFO.
  assert.deepEqual(kept('INFO', at('debug', 'yesterday'), at('loud')), [at('debug', 'yesterday'), at('loud')]);
  assert.deepEqual(kept('WARN', at('error', 'yesterday'), at('loud')), []);
  assert.deepEqual(kept('WARN', at('error', '2024-11-02T16:51:31.587199+01:00')), [
    at('error', '2024-11-02T16:51:31.587199+01:00'),
  ]);
});

test('text: nothing is filtered, and what a runtime printed comes before the lines that end its invocation', () => {
  const { log, events } = open({ format: 'Text', applicationLevel: null, systemLevel: null });
  log.line({ kind: 'start', requestId });
  log.capture.raw('stdout', Buffer.from('{"level":"debug"}\nno newline'), nowMs);
  log.line({ kind: 'end', requestId, figures, lingered: false });
  assert.deepEqual(events.slice(1), ['{"level":"debug"}\n', 'no newline', `END RequestId: ${requestId}\n`]);
});
