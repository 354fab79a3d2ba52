import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestId, SandboxId } from '../kernel/ids.js';
import { WorkerMachine } from './machine.js';
import type { WorkerEffect, WorkerInput } from './messages.js';

const exited = { kind: 'exited', boot: 1, code: null, signal: 'SIGKILL', outOfMemory: false } as const;
const cleared = { kind: 'cleared', boot: 1 } as const;
const invoke = { kind: 'invoke', requestId: 'a' as RequestId, epoch: 1 } as const;

type Untimed<T> = T extends unknown ? Omit<T, 'nowMs'> : never;

/** An initialized provisioned sandbox, and what it does with what follows. */
function ready(
  init: 'init-done' | 'init-error' = 'init-done',
): (...inputs: Untimed<WorkerInput>[]) => readonly WorkerEffect[] {
  const machine = new WorkerMachine({ sandboxId: 'sb' as SandboxId, timeoutMs: 3000, provisioned: true });
  let nowMs = 0;
  const step = (input: Untimed<WorkerInput>) => {
    nowMs += 1;
    return machine.step({ ...input, nowMs } as WorkerInput);
  };
  for (const input of [
    { kind: 'start' },
    { kind: 'booted', boot: 1 },
    { kind: init, boot: 1, errorType: 'Error' },
  ] as const) {
    step(input);
  }
  return (...inputs) => inputs.flatMap(step);
}

test('provisioned: without its box it is not what was promised, and leaves', () => {
  const idle = ready();
  assert.deepEqual(idle(exited, invoke), [
    { kind: 'kill', boot: 1, reason: 'FAILURE' },
    { kind: 'refuse', requestId: 'a', reason: 'sandbox is stopping' },
  ]);
  const problem = 'lost while it was idle: Runtime exited with error: signal: killed';
  assert.deepEqual(idle(cleared), [{ kind: 'gone', sandboxId: 'sb', problem }]);
  const failed = ready('init-error')(cleared);
  assert.deepEqual(failed, [{ kind: 'gone', sandboxId: 'sb', problem: null }]);
  const effects = ready()(invoke, exited, cleared);
  const kinds = effects.map(({ kind }) => kind);
  assert.ok(kinds.includes('complete') && !kinds.includes('idle'), 'the invocation has its answer');
  assert.deepEqual(effects.at(-1), { kind: 'gone', sandboxId: 'sb', problem: null });
});
