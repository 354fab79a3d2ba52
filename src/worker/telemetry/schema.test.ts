import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestId, SandboxId } from '../../kernel/ids.js';
import type { FunctionSpec } from '../../wire/functionspec.js';
import { CaptureMachine } from '../capture/machine.js';
import { makeSpec, realClock } from '../fake/world.js';
import { SandboxLog } from '../log/sandboxlog.js';
import { WorkerMachine } from '../machine.js';
import type { PlatformLine, WorkerEffect, WorkerInput } from '../messages.js';
import { EventSpelling, logEvent, spell, type TelemetryEvent } from './events.js';
import type { Subscription } from './subscription.js';
import { eventTypes, type SchemaVersion, schemaFaults } from './testschema.js';

const sandboxId = 's' as SandboxId;
const a = '6d68ca91-49c9-448d-89b8-7ca3e6dc66aa' as RequestId;
const b = '79b4f56e-95b1-4643-9700-2807f4e68189' as RequestId;
const originMs = Date.UTC(2024, 0, 1);
const header = 'Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1';
const versions: readonly SchemaVersion[] = ['2020-08-15', '2021-03-18', '2022-07-01', '2022-12-13', '2025-01-29'];

const subscription = (schemaVersion: SchemaVersion): Subscription => ({
  api: schemaVersion < '2022' ? 'logs' : 'telemetry',
  schemaVersion,
  types: ['platform', 'function', 'extension'],
  destination: { kind: 'tcp', port: 1 },
  limits: { maxItems: 1000, maxBytes: 262_144, timeoutMs: 25 },
});

interface Told {
  readonly time: string;
  readonly type: string;
  readonly record: Readonly<Record<string, unknown>>;
}

/** An input of the machine, or a line that others than the machine write. */
type Happening = WorkerInput | { readonly nowMs: number; readonly line: PlatformLine };
/** With the boot number and token left to the machine. */
type Machine = { step(input: WorkerInput): readonly WorkerEffect[] };

const seen = new Map<SchemaVersion, Set<string>>(versions.map((version) => [version, new Set()]));

/** Every event is as published, whoever subscribed. Returns those of 2022-12-13. */
function published(event: TelemetryEvent): Told[] {
  const told = versions.map((version) => {
    const events = spell(event, subscription(version)).map((text) => JSON.parse(text) as Told);
    for (const one of events) {
      assert.deepEqual(schemaFaults(one, version), [], `${version} ${JSON.stringify(one)}`);
      seen.get(version)!.add(one.type);
    }
    return events;
  });
  return told[versions.indexOf('2022-12-13')]!;
}

/** What the log of a function that logs JSON has, beyond a plain text of what went wrong. */
function checkLogged(texts: readonly string[]): void {
  for (const text of texts) {
    const event = JSON.parse(text);
    if (event.level === 'ERROR' || event.type === 'platform.logsSubscription') continue;
    assert.deepEqual(schemaFaults(event), [], text);
  }
}

/** One event as a word or two: what tells cases apart. */
function spelled({ type, record }: Told): string {
  const { initializationType, phase, status, errorType, state } = record;
  const name = type.replace('platform.', '');
  return [name, initializationType, phase, status, errorType, state].filter((word) => word !== undefined).join(' ');
}

/** Lets the machine live, and returns what a subscriber is told of it. */
function live(machine: Machine, happenings: readonly Happening[], over: Partial<FunctionSpec> = {}): Told[] {
  const logged: string[] = [];
  const told: Told[] = [];
  let nowMs = 0;
  const logs = {
    open: () => ({ append: (_timestampMs: number, message: string) => void logged.push(message) }),
    flush() {},
  };
  const random = { hex: (bytes: number) => 'ab'.repeat(bytes), fraction: () => 0, uuid: () => '' };
  const clock = { ...realClock, nowMs: () => originMs + nowMs };
  const spec = makeSpec({ logging: { format: 'JSON', applicationLevel: 'INFO', systemLevel: 'DEBUG' }, ...over });
  const log = new SandboxLog(spec, { options: { logs, random }, clock, logged() {} }, () => 84);
  log.runtimeVersion = { name: 'nodejs:22.v1', arn: 'arn:aws:lambda:us-east-1::runtime:ab' };
  const spelling = new EventSpelling();
  log.observer = (line, facts) => told.push(...published(spelling.platform(line, facts)));
  let token = 0;
  for (const happening of happenings) {
    ({ nowMs } = happening);
    if ('line' in happening) log.line(happening.line);
    else {
      if (happening.kind === 'invoke') log.begin(header, false);
      const input = happening.kind === 'timer' ? { ...happening, token } : happening;
      for (const effect of machine.step(input)) {
        if (effect.kind === 'arm') token = effect.token;
        if (effect.kind === 'log') log.line(effect.line);
      }
    }
  }
  checkLogged(logged);
  return told;
}

const worker = (provisioned = false) => new WorkerMachine({ sandboxId, timeoutMs: 3_000, provisioned });
const start: Happening = { kind: 'start', nowMs: 0 };
const booted = (nowMs: number, boot: number, restored = false): Happening => ({
  kind: 'booted',
  nowMs,
  boot,
  restored,
});
const initDone = (nowMs: number, boot: number): Happening => ({ kind: 'init-done', nowMs, boot });
const initError = (nowMs: number, boot: number): Happening => ({
  kind: 'init-error',
  nowMs,
  boot,
  errorType: 'Runtime.ImportModuleError',
});
const invoke = (nowMs: number, requestId: RequestId, epoch: number): Happening => ({
  kind: 'invoke',
  nowMs,
  requestId,
  epoch,
});
const response = (nowMs: number, boot: number, requestId: RequestId, over: object = {}): Happening => ({
  kind: 'response',
  nowMs,
  boot,
  requestId,
  bytes: 15,
  ...over,
});
const exited = (nowMs: number, boot: number, over: object = {}): Happening => ({
  kind: 'exited',
  nowMs,
  boot,
  code: 1,
  signal: null,
  outOfMemory: false,
  ...over,
});
/** Whichever is armed. */
const timer = (nowMs: number): Happening => ({ kind: 'timer', nowMs, token: 0 });
const cleared = (nowMs: number, boot: number): Happening => ({ kind: 'cleared', nowMs, boot });

const up = [start, booted(5, 1), initDone(105, 1)];
const succeeded = ['start', 'runtimeDone success', 'report success'];
const init = (phase: 'init' | 'invoke', end: string, type = 'on-demand') => [
  `initStart ${type} ${phase}`,
  `initRuntimeDone ${type} ${phase} ${end}`,
  `initReport ${type} ${phase} ${end}`,
];

/** Each life with what its subscriber is told; `published` has held all of it against the schema by then. */
const lives: readonly (readonly [string, Machine, readonly Happening[], readonly string[]])[] = [
  [
    'a cold start and a warm invocation',
    worker(),
    [...up, invoke(200, a, 1), response(203, 1, a), invoke(300, b, 2), response(301, 1, b)],
    [...init('init', 'success'), ...succeeded, ...succeeded],
  ],
  [
    'an init that fails, also when it is repeated inside the invocation',
    worker(),
    [start, booted(5, 1), initError(65, 1), cleared(70, 1), invoke(100, a, 1), booted(110, 2), initError(150, 2)],
    [
      ...init('init', 'error Runtime.ImportModuleError'),
      ...init('invoke', 'error Runtime.ImportModuleError'),
      'start',
      'runtimeDone error Runtime.ImportModuleError',
      'report error Runtime.ImportModuleError',
    ],
  ],
  [
    'an init beyond 10 s, and its success inside the invocation',
    worker(),
    [
      ...[start, booted(5, 1), timer(10_005), cleared(10_010, 1)],
      ...[invoke(20_000, a, 1), booted(20_010, 2), initDone(21_010, 2), response(21_020, 2, a)],
    ],
    [...init('init', 'timeout'), ...init('invoke', 'success'), ...succeeded],
  ],
  [
    'an init inside an invocation that takes all of its time',
    worker(),
    [start, booted(5, 1), initError(65, 1), cleared(70, 1), invoke(100, a, 1), booted(110, 2), timer(3_110)],
    [
      ...init('init', 'error Runtime.ImportModuleError'),
      ...init('invoke', 'timeout'),
      ...['start', 'runtimeDone timeout', 'report timeout'],
    ],
  ],
  [
    'a timeout, and the init inside the next invocation',
    worker(),
    [
      ...[...up, invoke(200, a, 1), timer(3_200), cleared(3_210, 1)],
      ...[invoke(4_000, b, 2), booted(4_010, 2), initDone(4_100, 2), response(4_110, 2, b)],
    ],
    [
      ...init('init', 'success'),
      ...['start', 'runtimeDone timeout', 'report timeout'],
      ...[...init('invoke', 'success'), ...succeeded],
    ],
  ],
  [
    'a crash',
    worker(),
    [...up, invoke(200, a, 1), exited(250, 1)],
    [...init('init', 'success'), ...['start', 'runtimeDone error Runtime.ExitError', 'report error Runtime.ExitError']],
  ],
  [
    'memory that is used up, in the invocation and in the init inside the next one',
    worker(),
    [
      ...[...up, invoke(200, a, 1), exited(250, 1, { outOfMemory: true, signal: 'SIGKILL' }), cleared(260, 1)],
      ...[invoke(300, b, 2), booted(310, 2), exited(320, 2, { outOfMemory: true, signal: 'SIGKILL' })],
    ],
    [
      ...[...init('init', 'success'), 'start'],
      ...['runtimeDone error Runtime.OutOfMemory', 'report error Runtime.OutOfMemory'],
      ...[...init('invoke', 'error Runtime.OutOfMemory'), 'start'],
      ...['runtimeDone error Runtime.OutOfMemory', 'report error Runtime.OutOfMemory'],
    ],
  ],
  [
    'an error that the handler reports',
    worker(),
    [...up, invoke(200, a, 1), { kind: 'error', nowMs: 210, boot: 1, requestId: a, errorType: 'TypeError', bytes: 9 }],
    [...init('init', 'success'), 'start', 'runtimeDone error TypeError', 'report error TypeError'],
  ],
  [
    'extensions that subscribe, and work on after the runtime',
    worker(),
    [
      ...[start, booted(5, 1)],
      { nowMs: 20, line: { kind: 'subscription', api: 'telemetry', name: 'e', types: ['platform', 'function'] } },
      { nowMs: 25, line: { kind: 'subscription', api: 'logs', name: 'old', types: ['platform'] } },
      {
        nowMs: 90,
        line: { kind: 'extension', name: 'e', state: 'Ready', events: ['INVOKE', 'SHUTDOWN'], errorType: null },
      },
      ...[initDone(105, 1), invoke(200, a, 1), response(203, 1, a, { lingers: 'answer-first' })],
      { kind: 'extensions-done', nowMs: 240, boot: 1 },
    ],
    [
      'initStart on-demand init',
      'telemetrySubscription Subscribed',
      'extension Ready',
      ...[...init('init', 'success').slice(1), ...succeeded],
    ],
  ],
  [
    'an extension that crashes init',
    worker(),
    [
      ...[start, booted(5, 1)],
      {
        nowMs: 50,
        line: { kind: 'extension', name: 'e', state: 'Registered', events: [], errorType: 'Extension.Crash' },
      },
      exited(60, 1, { failure: { errorType: 'Extension.Crash', message: 'exit status 1' } }),
    ],
    [
      'initStart on-demand init',
      'extension Extension.Crash Registered',
      ...init('init', 'error Extension.Crash').slice(1),
    ],
  ],
  [
    'a provisioned sandbox',
    worker(true),
    [...up, invoke(200, a, 1), response(203, 1, a)],
    [...init('init', 'success', 'provisioned-concurrency'), ...succeeded],
  ],
  [
    'a restore, and one inside an invocation that finds its box lost',
    worker(),
    [
      ...[start, booted(80, 1, true), { kind: 'restore-done', nowMs: 92, boot: 1 } as const],
      ...[invoke(100, a, 1), response(110, 1, a), exited(120, 1), cleared(130, 1)],
      ...[invoke(200, b, 2), booted(210, 2, true), { kind: 'restore-done', nowMs: 220, boot: 2 } as const],
      response(230, 2, b),
    ],
    [
      ...['restoreStart', 'restoreRuntimeDone success', 'restoreReport success', ...succeeded],
      ...['restoreStart', 'restoreRuntimeDone success', 'restoreReport success', ...succeeded],
    ],
  ],
  [
    'restores that fail, and take too long',
    worker(),
    [
      ...[start, booted(80, 1, true)],
      { kind: 'restore-error', nowMs: 90, boot: 1, errorType: 'Runtime.AfterRestoreError' },
      ...[invoke(100, a, 1), cleared(110, 1), invoke(200, b, 2), booted(210, 2, true), timer(10_210)],
    ],
    [
      'restoreStart',
      'restoreRuntimeDone error Runtime.AfterRestoreError',
      'restoreReport error Runtime.AfterRestoreError',
      ...['restoreStart', 'restoreRuntimeDone timeout', 'restoreReport timeout'],
    ],
  ],
  [
    'the init of a publication',
    new CaptureMachine({ sandboxId, timeoutMs: 3_000 }),
    [start, booted(5, 1), initDone(105, 1)],
    init('init', 'success', 'snap-start'),
  ],
  [
    'the init of a publication that fails',
    new CaptureMachine({ sandboxId, timeoutMs: 3_000 }),
    [start, booted(5, 1), initError(65, 1)],
    init('init', 'error Runtime.ImportModuleError', 'snap-start'),
  ],
];

for (const [name, machine, happenings, expected] of lives) {
  test(`told as published: ${name}`, () => {
    assert.deepEqual(live(machine, happenings).map(spelled), expected);
  });
}

test('told as published: what a traced invocation says, and how long its extensions worked on', () => {
  const happenings = [...up, invoke(200, a, 1), response(203, 1, a, { lingers: 'answer-first' })];
  const told = live(worker(), [...happenings, { kind: 'extensions-done', nowMs: 240, boot: 1 }], { tracing: 'Active' });
  const of = (type: string) => told.find((event) => event.type === type)!.record;
  const tracing = { spanId: '0efbd19962d95b05', type: 'X-Amzn-Trace-Id', value: header };
  for (const type of ['platform.start', 'platform.runtimeDone', 'platform.report'])
    assert.deepEqual(of(type).tracing, tracing);
  const at = (ms: number) => new Date(originMs + ms).toISOString();
  assert.deepEqual(of('platform.runtimeDone').spans, [
    { name: 'responseLatency', start: at(200), durationMs: 3 },
    { name: 'responseDuration', start: at(203), durationMs: 0 },
  ]);
  assert.deepEqual(of('platform.report').spans, [{ name: 'extensionOverhead', start: at(203), durationMs: 37 }]);
});

test('told as published: lines of the function and of extensions, as text and as objects', () => {
  for (const source of ['function', 'extension'] as const) {
    for (const text of ['plain\n', '{"level":"INFO","message":"m"}\n', '[1]\n'])
      for (const json of [true, false]) assert.equal(published(logEvent(originMs, text, source, json)).length, 1);
  }
});

test('told as published: what no subscriber took', () => {
  const record = { droppedBytes: 12_345, droppedRecords: 123, reason: 'slow' };
  const events = [{ time: new Date(originMs).toISOString(), type: 'platform.logsDropped', record }];
  assert.equal(published({ type: 'platform', line: null, events }).length, 1);
});

test('these lives have every type of event that is published', () => {
  for (const version of versions) assert.deepEqual([...seen.get(version)!].sort(), eventTypes(version).toSorted());
});

test('the check finds what is missing, not published, misspelled and of another kind', () => {
  const time = '2024-01-01T00:00:00.000Z';
  const record = {
    requestId: a,
    metrics: { durationMs: 1, billedDurationMs: 1, memorySizeMB: 128, maxMemoryUsedMB: 2 },
  };
  const report = { time, type: 'platform.report', record: { ...record, status: 'success' } };
  assert.deepEqual(schemaFaults(report), []);
  const faulty = (over: object) => schemaFaults({ ...report, record: { ...report.record, ...over } });
  assert.deepEqual(faulty({ status: undefined }), [
    'platform.report.record.status is none of success,failure,error,timeout: undefined',
  ]);
  assert.deepEqual(faulty({ status: 'error' }), ['platform.report: error without errorType']);
  assert.deepEqual(faulty({ errorType: 'E' }), ['platform.report: success with an errorType']);
  assert.deepEqual(faulty({ more: 1 }), ['platform.report.record.more is not published']);
  assert.deepEqual(faulty({ metrics: { ...record.metrics, billedDurationMs: 1.5 } }), [
    'platform.report.record.metrics.billedDurationMs is no integer: 1.5',
  ]);
  const { maxMemoryUsedMB: _, ...metrics } = record.metrics;
  assert.deepEqual(faulty({ metrics }), ['platform.report.record.metrics.maxMemoryUsedMB is missing']);
  assert.deepEqual(faulty({ spans: [{ name: 's', start: 'now', durationMs: 1 }] }), [
    'platform.report.record.spans[0].start is no time: "now"',
  ]);
  assert.deepEqual(schemaFaults({ ...report, type: 'platform.repport' }), ['platform.repport is not published']);
  assert.deepEqual(schemaFaults({ type: 'platform.report', record: report.record }), [
    'platform.report.time is missing',
  ]);
});
