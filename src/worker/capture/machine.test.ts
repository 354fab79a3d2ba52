import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RequestId, SandboxId } from '../../kernel/ids.js';
import type { WorkerEffect, WorkerInput } from '../messages.js';
import { CaptureMachine, captureMsMax } from './machine.js';

const make = (timeoutMs = 3000) => new CaptureMachine({ sandboxId: 'sb' as SandboxId, timeoutMs });

function trace(effects: readonly WorkerEffect[]): string[] {
  return effects.map((effect) => {
    if (effect.kind === 'arm') return `arm ${effect.atMs}`;
    if (effect.kind === 'published') return `published ${JSON.stringify(effect.end)}`;
    if (effect.kind !== 'log') return effect.kind;
    const { line } = effect;
    return line.kind === 'init-report' ? `init-report ${line.initMs} ${line.status} ${line.errorType}` : line.kind;
  });
}

const run = (machine: CaptureMachine, ...inputs: WorkerInput[]) => inputs.flatMap((one) => trace(machine.step(one)));
const started: WorkerInput[] = [
  { kind: 'start', nowMs: 0 },
  { kind: 'booted', nowMs: 100, boot: 1 },
];

test('a publication: init, then the snapshot, then it leaves', () => {
  const machine = make();
  assert.deepEqual(run(machine, ...started), [
    'boot',
    'arm 60000',
    'init-start',
    'send-init',
    // 130 seconds, since the function's timeout is shorter.
    'arm 130100',
  ]);
  assert.deepEqual(run(machine, { kind: 'init-done', nowMs: 1100, boot: 1 }), [
    'init-report 1000 success null',
    'capture',
    `arm ${1100 + captureMsMax}`,
  ]);
  assert.deepEqual(run(machine, { kind: 'captured', nowMs: 2000, boot: 1, problem: null }), [
    'published {"kind":"captured"}',
    'disarm',
    'kill',
  ]);
  assert.deepEqual(run(machine, { kind: 'cleared', nowMs: 2100, boot: 1 }), ['gone']);
});

test('a longer timeout of the function is a longer init', () => {
  const machine = make(900_000);
  assert.equal(run(machine, ...started).at(-1), 'arm 900100');
});

test('an init that fails, ends or takes too long fails the publication', () => {
  const failures: [WorkerInput, string][] = [
    [
      { kind: 'init-error', nowMs: 200, boot: 1, errorType: 'Runtime.BeforeSnapshotError' },
      'published {"kind":"init-failed","status":"error","errorType":"Runtime.BeforeSnapshotError"}',
    ],
    [
      { kind: 'exited', nowMs: 200, boot: 1, code: 1, signal: null, outOfMemory: false },
      'published {"kind":"init-failed","status":"error","errorType":"Runtime.ExitError"}',
    ],
    [
      { kind: 'timer', nowMs: 130_100, token: 2 },
      'published {"kind":"init-failed","status":"timeout","errorType":null}',
    ],
  ];
  for (const [input, published] of failures) {
    const machine = make();
    run(machine, ...started);
    assert.ok(run(machine, input).includes(published));
  }
});

test('what cannot be stored is the platform’s problem, and a shutdown is none', () => {
  const machine = make();
  run(machine, ...started, { kind: 'init-done', nowMs: 200, boot: 1 });
  const problem = 'the disk is full';
  assert.ok(
    run(machine, { kind: 'captured', nowMs: 300, boot: 1, problem }).includes(
      'published {"kind":"problem","message":"the disk is full"}',
    ),
  );
  const other = make();
  run(other, ...started);
  assert.ok(run(other, { kind: 'abort', nowMs: 300 }).includes('published {"kind":"aborted"}'));
});

test('property: whatever happens, it publishes once, never runs an invocation, and leaves when it is told to', () => {
  const happenings = fc.array(
    fc.constantFrom(
      'booted',
      'boot-failed',
      'init-done',
      'init-error',
      'exited',
      'captured',
      'invoke',
      'timer',
      'stop',
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(happenings, (events) => {
      const machine = make();
      let nowMs = 0;
      let token = 0;
      let kills = 0;
      const seen: string[] = [];
      const step = (input: WorkerInput) => {
        for (const effect of machine.step(input)) {
          seen.push(effect.kind);
          if (effect.kind === 'arm') token = effect.token;
          if (effect.kind === 'kill') kills += 1;
        }
      };
      step({ kind: 'start', nowMs });
      for (const what of [...events, 'abort']) {
        nowMs += 10;
        const boot = 1;
        if (what === 'boot-failed') step({ kind: what, nowMs, boot, message: 'x' });
        else if (what === 'init-error') step({ kind: what, nowMs, boot, errorType: 'E' });
        else if (what === 'exited') step({ kind: what, nowMs, boot, code: 0, signal: null, outOfMemory: false });
        else if (what === 'captured') step({ kind: what, nowMs, boot, problem: null });
        else if (what === 'invoke') step({ kind: what, nowMs, requestId: 'r' as RequestId, epoch: 1 });
        else if (what === 'timer') step({ kind: what, nowMs, token });
        else if (what === 'stop' || what === 'abort') step({ kind: what, nowMs });
        else step({ kind: what as 'booted' | 'init-done', nowMs, boot });
      }
      for (; kills > 0; kills -= 1) step({ kind: 'cleared', nowMs, boot: 1 });
      assert.equal(seen.filter((kind) => kind === 'published').length, 1);
      assert.equal(seen.filter((kind) => kind === 'gone').length, 1);
      assert.ok(!seen.includes('send-invoke') && !seen.includes('ready'));
    }),
  );
});
