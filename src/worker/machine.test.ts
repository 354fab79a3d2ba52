import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestId, SandboxId } from '../kernel/ids.js';
import { bootMsMax, WorkerMachine } from './machine.js';
import type { WorkerEffect, WorkerInput } from './messages.js';

const sandboxId = 'sb' as SandboxId;
const a = 'a' as RequestId;
const b = 'b' as RequestId;

function make() {
  return new WorkerMachine({ sandboxId, timeoutMs: 3000 });
}

/** One line per effect, so that a whole life reads as a trace. */
function trace(effects: readonly WorkerEffect[]): string[] {
  return effects.map((effect) => {
    switch (effect.kind) {
      case 'boot':
      case 'send-init':
      case 'kill':
        return `${effect.kind} ${effect.boot}`;
      case 'send-invoke':
        return `send-invoke ${effect.requestId} until ${effect.deadlineMs}`;
      case 'arm':
        return `arm ${effect.atMs}`;
      case 'log': {
        const { line } = effect;
        // The successful ones show in the JSON format only; `loglines.test.ts` has them.
        if (line.kind === 'init-report' && line.status === 'success') return 'log init-done';
        if (line.kind === 'init-report')
          return `log INIT_REPORT ${line.initMs} ${line.phase} ${line.status} ${line.errorType}`;
        if (line.kind === 'report') {
          const { durationMs, initMs, status, errorType } = line.figures;
          return `log REPORT ${line.requestId} ${durationMs} init ${initMs} ${status} ${errorType}`;
        }
        return `log ${line.kind}`;
      }
      case 'complete':
        return effect.end.kind === 'platform-error'
          ? `complete ${effect.requestId} ${effect.end.errorType}: ${effect.end.errorMessage}`
          : `complete ${effect.requestId} ${effect.end.kind}`;
      case 'refuse':
        return `refuse ${effect.requestId}: ${effect.reason}`;
      case 'ready':
        return effect.initialized ? 'ready' : 'ready to initialize';
      case 'idle':
        return `idle ${effect.epoch}`;
      case 'gone':
        return `gone ${effect.problem}`;
      default:
        return effect.kind;
    }
  });
}

function run(machine: WorkerMachine, ...inputs: WorkerInput[]): string[] {
  return inputs.flatMap((input) => trace(machine.step(input)));
}

const exited = (nowMs: number, boot: number, over: object = {}): WorkerInput => ({
  kind: 'exited',
  nowMs,
  boot,
  code: 0,
  signal: null,
  outOfMemory: false,
  ...over,
});
const started: WorkerInput[] = [
  { kind: 'start', nowMs: 0 },
  { kind: 'booted', nowMs: 5, boot: 1 },
];
const ready: WorkerInput[] = [...started, { kind: 'init-done', nowMs: 105, boot: 1 }];
const invoke = (nowMs: number, requestId: RequestId, epoch: number): WorkerInput => ({
  kind: 'invoke',
  nowMs,
  requestId,
  epoch,
});

test('a life without trouble: cold start, warm invocation, stop', () => {
  assert.deepEqual(
    run(
      make(),
      ...ready,
      invoke(200, a, 1),
      { kind: 'response', nowMs: 203, boot: 1, requestId: a, bytes: 2 },
      invoke(300, b, 2),
      { kind: 'error', nowMs: 301, boot: 1, requestId: b, errorType: 'Error', bytes: 2 },
      { kind: 'stop', nowMs: 400 },
      { kind: 'cleared', nowMs: 401, boot: 1 },
    ),
    [
      'boot 1',
      `arm ${bootMsMax}`,
      'log init-start',
      'arm 10005',
      'send-init 1',
      'log init-done',
      'disarm',
      'ready',
      'send-invoke a until 3200',
      'log start',
      'arm 3200',
      'disarm',
      'log end',
      'log REPORT a 3 init 100 success null',
      'complete a response',
      'idle 1',
      'send-invoke b until 3300',
      'log start',
      'arm 3300',
      'disarm',
      'log end',
      'log REPORT b 1 init null success Error',
      'complete b runtime-error',
      'idle 2',
      'kill 1',
      'gone null',
    ],
  );
});

test("provisioned: init may take 130 s, or the function's timeout", () => {
  for (const timeoutMs of [3000, 900_000]) {
    const machine = new WorkerMachine({ sandboxId, timeoutMs, provisioned: true });
    const effects = [...started, { kind: 'init-done', nowMs: 12_005, boot: 1 } as const].flatMap((i) =>
      machine.step(i),
    );
    assert.ok(trace(effects).includes(`arm ${5 + (timeoutMs === 3000 ? 130_000 : 900_000)}`));
    const lines = effects.flatMap((effect) => (effect.kind === 'log' ? [effect.line] : []));
    const ended = { initMs: 12_000, phase: 'init', status: 'success', errorType: null };
    assert.deepEqual(lines, [
      { kind: 'init-start', provisioned: true, phase: 'init' },
      { kind: 'init-report', provisioned: true, ...ended },
    ]);
  }
});

test('a failed init runs again inside the first invocation, and its failure is the answer', () => {
  const machine = make();
  assert.deepEqual(
    run(machine, ...started, { kind: 'init-error', nowMs: 65, boot: 1, errorType: 'Runtime.ImportModuleError' }).slice(
      5,
    ),
    ['log INIT_REPORT 60 init error Runtime.ImportModuleError', 'disarm', 'kill 1', 'ready to initialize'],
  );
  assert.deepEqual(
    run(
      machine,
      { kind: 'cleared', nowMs: 70, boot: 1 },
      invoke(100, a, 1),
      { kind: 'booted', nowMs: 110, boot: 2 },
      { kind: 'init-error', nowMs: 150, boot: 2, errorType: 'Runtime.ImportModuleError' },
    ),
    [
      'boot 2',
      `arm ${100 + bootMsMax}`,
      'log init-start',
      'arm 3110',
      'send-init 2',
      'log INIT_REPORT 40 invoke error Runtime.ImportModuleError',
      'log start',
      'disarm',
      'kill 2',
      'log end',
      'log REPORT a 40 init null error Runtime.ImportModuleError',
      'complete a runtime-error',
      'idle 1',
    ],
  );
});

test('init beyond 10 s is cut off; init and invocation then share the function timeout', () => {
  const machine = make();
  const first = machine.step({ kind: 'start', nowMs: 0 });
  assert.equal(first.length, 2);
  const arm = machine.step({ kind: 'booted', nowMs: 5, boot: 1 }).find((effect) => effect.kind === 'arm')!;
  assert.deepEqual(run(machine, { kind: 'timer', nowMs: 10_005, token: arm.token }), [
    'log INIT_REPORT 10000 init timeout null',
    'kill 1',
    'ready to initialize',
  ]);
  assert.deepEqual(
    run(
      machine,
      invoke(20_000, a, 1),
      { kind: 'booted', nowMs: 20_010, boot: 2 },
      { kind: 'init-done', nowMs: 21_010, boot: 2 },
      { kind: 'response', nowMs: 21_020, boot: 2, requestId: a, bytes: 1 },
    ).slice(5),
    [
      'log init-done',
      'send-invoke a until 23010',
      'log start',
      'disarm',
      'log end',
      'log REPORT a 1010 init null success null',
      'complete a response',
      'idle 1',
    ],
  );
});

test('a timeout kills the box, and the next invocation gets a fresh one', () => {
  const machine = make();
  run(machine, ...ready);
  const effects = machine.step(invoke(200, a, 1));
  const { token } = effects.find((effect) => effect.kind === 'arm')!;
  assert.deepEqual(run(machine, { kind: 'timer', nowMs: 3201.5, token }), [
    'log timed-out',
    'kill 1',
    'log end',
    'log REPORT a 3000 init 100 timeout null',
    'complete a Sandbox.Timedout: RequestId: a Error: Task timed out after 3.00 seconds',
    'idle 1',
  ]);
  assert.deepEqual(run(machine, { kind: 'response', nowMs: 3202, boot: 1, requestId: a, bytes: 1 }), []);
  assert.deepEqual(run(machine, invoke(3300, b, 2)), ['boot 2', `arm ${3300 + bootMsMax}`]);
});

test('exits in the midst of an invocation are told as the service tells them', () => {
  const messages = (over: object) => {
    const machine = make();
    run(machine, ...ready, invoke(200, a, 1));
    return run(machine, exited(250, 1, over)).filter((line) => /complete|REPORT/.test(line));
  };
  assert.deepEqual(messages({}), [
    'log REPORT a 50 init 100 error Runtime.ExitError',
    'complete a Runtime.ExitError: RequestId: a Error: Runtime exited without providing a reason',
  ]);
  assert.deepEqual(messages({ code: 127 }), [
    'log REPORT a 50 init 100 error Runtime.ExitError',
    'complete a Runtime.ExitError: RequestId: a Error: Runtime exited with error: exit status 127',
  ]);
  assert.deepEqual(
    messages({ code: null, signal: 'SIGSEGV' })[1],
    'complete a Runtime.ExitError: RequestId: a Error: Runtime exited with error: signal: segmentation fault',
  );
  assert.deepEqual(messages({ code: null, signal: 'SIGKILL', outOfMemory: true }), [
    'log REPORT a 50 init 100 error Runtime.OutOfMemory',
    'complete a Runtime.OutOfMemory: RequestId: a Error: Runtime exited with error: signal: killed',
  ]);
});

test('a crash between invocations is repaired by the next one', () => {
  const machine = make();
  run(machine, ...ready);
  assert.deepEqual(run(machine, exited(150, 1, { code: 1 })), ['kill 1']);
  assert.deepEqual(run(machine, invoke(200, a, 1)), ['boot 2', `arm ${200 + bootMsMax}`]);
});

test('stop waits for the running invocation; abort does not', () => {
  const stopped = make();
  run(stopped, ...ready, invoke(200, a, 1));
  assert.deepEqual(run(stopped, { kind: 'stop', nowMs: 201 }), []);
  assert.deepEqual(
    run(
      stopped,
      { kind: 'response', nowMs: 210, boot: 1, requestId: a, bytes: 1 },
      { kind: 'cleared', nowMs: 220, boot: 1 },
    ).slice(-3),
    ['complete a response', 'kill 1', 'gone null'],
  );
  const aborted = make();
  run(aborted, ...ready, invoke(200, a, 1));
  assert.deepEqual(run(aborted, { kind: 'abort', nowMs: 201 }), [
    'refuse a: the worker is shutting down',
    'disarm',
    'kill 1',
  ]);
});

test('busy, old epochs and leaving sandboxes refuse', () => {
  const machine = make();
  run(machine, ...ready, invoke(200, a, 5));
  assert.deepEqual(run(machine, invoke(201, b, 6)), ['refuse b: sandbox is invoking']);
  run(machine, { kind: 'response', nowMs: 210, boot: 1, requestId: a, bytes: 1 });
  assert.deepEqual(run(machine, invoke(220, b, 5)), ['refuse b: lease epoch is over']);
  run(machine, { kind: 'stop', nowMs: 230 });
  assert.deepEqual(run(machine, invoke(240, b, 7)), ['refuse b: sandbox is stopping']);
});

test('a response beyond 6,291,556 bytes is an error and costs nothing else', () => {
  const machine = make();
  run(machine, ...ready, invoke(200, a, 1));
  assert.deepEqual(run(machine, { kind: 'response', nowMs: 210, boot: 1, requestId: a, bytes: 6_291_557 }).slice(-2), [
    'complete a Function.ResponseSizeTooLarge: Response payload size exceeded maximum allowed payload size (6291556 bytes).',
    'idle 1',
  ]);
});

test('a box that cannot boot ends the sandbox, with the reason', () => {
  assert.deepEqual(
    run(
      make(),
      { kind: 'start', nowMs: 0 },
      { kind: 'boot-failed', nowMs: 1, boot: 1, message: 'no bwrap' },
      { kind: 'cleared', nowMs: 2, boot: 1 },
    ).slice(2),
    ['disarm', 'kill 1', 'gone no bwrap'],
  );
});

const restored: WorkerInput[] = [
  { kind: 'start', nowMs: 0 },
  { kind: 'booted', nowMs: 80, boot: 1, restored: true },
];

test('a sandbox restored from a snapshot: hooks take the place of init, and the first REPORT tells of it', () => {
  const machine = make();
  assert.deepEqual(run(machine, ...restored), [
    'boot 1',
    'arm 60000',
    'log restore-start',
    'send-restore',
    'arm 10080',
  ]);
  assert.equal(machine.phase, 'restoring');
  assert.deepEqual(run(machine, { kind: 'restore-done', nowMs: 92.5, boot: 1 }), [
    'log restore-report',
    'disarm',
    'ready',
  ]);
  const first = machine.step({ kind: 'invoke', nowMs: 100, requestId: a, epoch: 1 });
  assert.ok(first.some(({ kind }) => kind === 'send-invoke'));
  const reports = (requestId: RequestId, nowMs: number) =>
    machine
      .step({ kind: 'response', nowMs, boot: 1, requestId, bytes: 2 })
      .flatMap((effect) => (effect.kind === 'log' && effect.line.kind === 'report' ? [effect.line.figures] : []));
  const figures = { durationMs: 10, initMs: null, status: 'success', errorType: null, producedBytes: 2 };
  assert.deepEqual(reports(a, 110), [{ ...figures, restore: { restoreMs: 92.5, billedMs: 13 } }]);
  machine.step({ kind: 'invoke', nowMs: 200, requestId: b, epoch: 2 });
  assert.deepEqual(reports(b, 210), [figures]);
});

test('a restore that fails fails the invocation it was for, once; the next one restores again', () => {
  const failures: [WorkerInput, 'error' | 'timeout', string | null][] = [
    [
      { kind: 'restore-error', nowMs: 90, boot: 1, errorType: 'Runtime.AfterRestoreError' },
      'error',
      'Runtime.AfterRestoreError',
    ],
    [exited(90, 1, { code: 1 }), 'error', 'Runtime.ExitError'],
    [{ kind: 'timer', nowMs: 10_080, token: 2 }, 'timeout', null],
  ];
  for (const [input, status, errorType] of failures) {
    const machine = make();
    run(machine, ...restored);
    const effects = machine.step(input);
    const { nowMs } = input;
    assert.deepEqual(effects[0], {
      kind: 'log',
      line: { kind: 'restore-report', restoreMs: nowMs, status, errorType },
    });
    assert.deepEqual(trace(effects.slice(-2)), ['kill 1', 'ready to initialize']);
    const end = { kind: 'restore-failed', status };
    assert.deepEqual(machine.step({ kind: 'invoke', nowMs: nowMs + 1, requestId: a, epoch: 1 }), [
      { kind: 'complete', requestId: a, end },
      { kind: 'idle', epoch: 1 },
    ]);
    run(machine, { kind: 'cleared', nowMs: nowMs + 2, boot: 1 });
    assert.deepEqual(run(machine, { kind: 'invoke', nowMs: 20_000, requestId: b, epoch: 2 }), ['boot 2', 'arm 80000']);
    // Inside the invocation now; its own time begins when the function runs.
    assert.deepEqual(
      run(
        machine,
        { kind: 'booted', nowMs: 20_050, boot: 2, restored: true },
        { kind: 'restore-done', nowMs: 20_060, boot: 2 },
      ),
      [
        'log restore-start',
        'send-restore',
        'arm 30050',
        'log restore-report',
        `send-invoke b until 23060`,
        'log start',
        'arm 23060',
      ],
    );
  }
});

test('a restore that fails inside an invocation ends it', () => {
  const machine = make();
  run(machine, ...restored, { kind: 'restore-done', nowMs: 90, boot: 1 }, exited(100, 1));
  run(machine, { kind: 'cleared', nowMs: 110, boot: 1 }, { kind: 'invoke', nowMs: 120, requestId: a, epoch: 1 });
  run(machine, { kind: 'booted', nowMs: 130, boot: 2, restored: true }, { kind: 'stop', nowMs: 135 });
  assert.deepEqual(run(machine, exited(140, 2, { code: 1 })), [
    'log restore-report',
    'disarm',
    'kill 2',
    'complete a restore-failed',
  ]);
  assert.deepEqual(run(machine, { kind: 'cleared', nowMs: 150, boot: 2 }), ['gone null']);
});
