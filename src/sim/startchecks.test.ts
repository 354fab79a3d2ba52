import assert from 'node:assert/strict';
import test from 'node:test';
import type { AssignmentEffect } from '../assignment/messages.js';
import type { RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import { starts, testRun } from '../observe/invocations/testrecord.js';
import type { InvocationStart } from '../wire/start.js';
import { StartChecks } from './startchecks.js';

const sandboxId = 's' as SandboxId;
const requestId = 'r' as RequestId;

/** One invocation, told so, in a sandbox that was initialized before it or, `awaited`, for it. */
function run(start: InvocationStart, awaited: boolean, origin: 'demand' | 'deploy' | 'provisioned' = 'demand'): void {
  const checks = new StartChecks();
  checks.started(sandboxId, origin);
  checks.loads(sandboxId, 1, 'init');
  checks.loaded(sandboxId, 1);
  const grant: AssignmentEffect = {
    ...{ kind: 'grant', requestId, sandboxId, workerId: 'w' as WorkerId, epoch: 1 },
    ...{ warm: false, start },
  };
  checks.observe(awaited ? { kind: 'sandbox-ready', nowMs: 0, sandboxId } : { kind: 'tick', nowMs: 0 }, [grant]);
  checks.invoked(sandboxId);
  checks.handled(sandboxId);
  checks.ran(sandboxId, requestId, testRun);
}

test('what an invocation is told of its start is what happened in its box', () => {
  run(starts.cold, true);
  run(starts.proactive, false, 'deploy');
  run(starts.provisioned, false, 'provisioned');
  assert.throws(() => run(starts.warm, false), /a warm start in s: it was proactive/);
  assert.throws(() => run(starts.cold, false), /a cold start in s: it was proactive/);
  assert.throws(() => run(starts.proactive, true, 'deploy'), /a proactive start in s: it was cold/);
  assert.throws(() => run(starts.proactive, false), /is told of deploy, but s was started for eager-assignment/);
  assert.throws(() => run(starts.provisioned, false), /a provisioned start in s: it was proactive/);
});
