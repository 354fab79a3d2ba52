import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestId, SandboxId } from '../kernel/ids.js';
import { WorkerMachine } from './machine.js';
import type { Lingering, WorkerEffect } from './messages.js';

const requestId = 'a' as RequestId;

/** A machine whose first invocation has been answered, while extensions still work on it. */
function lingering(lingers: Lingering) {
  const machine = new WorkerMachine({ sandboxId: 'sb' as SandboxId, timeoutMs: 3000 });
  machine.step({ kind: 'start', nowMs: 0 });
  machine.step({ kind: 'booted', nowMs: 0, boot: 1 });
  machine.step({ kind: 'init-done', nowMs: 0, boot: 1 });
  const sent = machine.step({ kind: 'invoke', nowMs: 1000, requestId, epoch: 1 });
  const token = sent.find((effect) => effect.kind === 'arm')?.token ?? 0;
  const answered = machine.step({ kind: 'response', nowMs: 1100, boot: 1, requestId, bytes: 4, lingers });
  return { machine, token, answered };
}

const kinds = (effects: readonly WorkerEffect[]) =>
  effects.map((effect) => (effect.kind === 'log' ? effect.line.kind : effect.kind));
const report = (effects: readonly WorkerEffect[]) => {
  for (const effect of effects) {
    if (effect.kind !== 'log' || effect.line.kind !== 'report') continue;
    return effect.line.figures;
  }
  return assert.fail('no report');
};

test('the client has its answer, the sandbox is busy until the extensions are done', () => {
  const { machine, answered } = lingering('answer-first');
  assert.deepEqual(kinds(answered), ['runtime-done', 'complete']);
  assert.deepEqual(kinds(machine.step({ kind: 'invoke', nowMs: 1150, requestId: 'b' as RequestId, epoch: 2 })), [
    'refuse',
  ]);
  const done = machine.step({ kind: 'extensions-done', nowMs: 1300, boot: 1 });
  assert.deepEqual(kinds(done), ['disarm', 'end', 'report', 'idle']);
  assert.deepEqual(report(done), { durationMs: 300, initMs: 0, status: 'success', errorType: null, producedBytes: 4 });
});

test('who wants the log tail has the answer with the end', () => {
  const { machine, answered } = lingering('answer-last');
  assert.deepEqual(kinds(answered), ['runtime-done']);
  const done = machine.step({ kind: 'extensions-done', nowMs: 1300, boot: 1 });
  assert.deepEqual(kinds(done), ['disarm', 'end', 'report', 'complete', 'idle']);
});

test('the timeout is that of runtime and extensions together; the answer stays', () => {
  const { machine, token } = lingering('answer-last');
  const late = machine.step({ kind: 'timer', nowMs: 4000, token });
  assert.deepEqual(kinds(late), ['timed-out', 'kill', 'end', 'report', 'complete', 'idle']);
  assert.equal(report(late).status, 'timeout');
  const complete = late.find((effect) => effect.kind === 'complete');
  assert.deepEqual(complete?.end, { kind: 'response' });
  const kill = late.find((effect) => effect.kind === 'kill');
  assert.equal(kill?.reason, 'TIMEOUT');
});

test('an extension that ends then costs the sandbox, not the answer', () => {
  const { machine } = lingering('answer-first');
  const failure = { errorType: 'Extension.Crash', message: 'exit status 1' };
  const exited = {
    kind: 'exited',
    nowMs: 1200,
    boot: 1,
    code: null,
    signal: null,
    outOfMemory: false,
    failure,
  } as const;
  const effects = machine.step(exited);
  assert.deepEqual(kinds(effects), ['failure', 'disarm', 'kill', 'end', 'report', 'idle']);
  assert.equal(report(effects).errorType, 'Extension.Crash');
});

test('a worker that shuts down gives the answer it has', () => {
  assert.deepEqual(kinds(lingering('answer-last').machine.step({ kind: 'abort', nowMs: 1200 })), [
    'complete',
    'disarm',
    'kill',
  ]);
  assert.deepEqual(kinds(lingering('answer-first').machine.step({ kind: 'abort', nowMs: 1200 })), ['disarm', 'kill']);
  const { machine } = lingering('answer-first');
  assert.deepEqual(machine.step({ kind: 'stop', nowMs: 1200 }), []);
  const done = machine.step({ kind: 'extensions-done', nowMs: 1300, boot: 1 });
  assert.deepEqual(kinds(done), ['disarm', 'end', 'report', 'kill']);
});
