import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RequestId, SandboxId } from '../kernel/ids.js';
import { WorkerMachine } from './machine.js';
import type { WorkerInput } from './messages.js';

/** Plays the world around a machine with arbitrary faults. */
const happenings = fc.array(
  fc.record({
    what: fc.constantFrom(
      'booted',
      'restored',
      'restore-done',
      'restore-error',
      'boot-failed',
      'init-done',
      'init-error',
      'invoke',
      'old-invoke',
      'response',
      'stale-response',
      'error',
      'exited',
      'cleared',
      'timer',
      'stale-timer',
      'stop',
    ),
    afterMs: fc.nat(5000),
  }),
  { maxLength: 120 },
);

test('property: every invoke ends exactly once, never two at a time, one box at a time, always gone after stop', () => {
  fc.assert(
    fc.property(happenings, fc.constantFrom('stop', 'abort'), (events, last) => {
      const machine = new WorkerMachine({ sandboxId: 'sb' as SandboxId, timeoutMs: 3000 });
      let nowMs = 0;
      let epoch = 0;
      let timer: { token: number; atMs: number } | null = null;
      let boot = 0;
      const live = new Set<number>();
      const clearing: number[] = [];
      const open = new Set<string>();
      const sent = new Set<string>();
      const ended = new Set<string>();
      let gone = 0;
      let readies = 0;
      const step = (input: WorkerInput) => {
        for (const effect of machine.step(input)) {
          assert.ok(gone === 0 || effect.kind === 'refuse', 'nothing but refusals comes after gone');
          if (effect.kind === 'boot') {
            assert.equal(live.size, 0);
            boot = effect.boot;
            live.add(boot);
          } else if (effect.kind === 'kill') {
            assert.ok(live.delete(effect.boot));
            clearing.push(effect.boot);
          } else if (effect.kind === 'send-invoke') {
            assert.equal(sent.size, 0, 'never two at a time');
            assert.ok(live.has(effect.boot));
            sent.add(effect.requestId);
          } else if (effect.kind === 'complete' || effect.kind === 'refuse') {
            assert.ok(open.delete(effect.requestId), 'ends once');
            sent.delete(effect.requestId);
            ended.add(effect.requestId);
          } else if (effect.kind === 'arm') timer = { token: effect.token, atMs: effect.atMs };
          else if (effect.kind === 'disarm') timer = null;
          else if (effect.kind === 'idle') assert.equal(open.size, 0);
          else if (effect.kind === 'ready') readies += 1;
          else if (effect.kind === 'gone') gone += 1;
        }
        assert.ok(open.size <= 1, 'what is not refused at once is the one that runs');
        if (machine.phase !== 'idle' && live.size > 0) {
          // Anything under way has a deadline, so that nothing hangs for ever.
          assert.ok(timer !== null, `no deadline while ${machine.phase}`);
        }
      };
      step({ kind: 'start', nowMs });
      for (const { what, afterMs } of events) {
        nowMs += afterMs;
        const requestId = ([...sent][0] ?? 'none') as RequestId;
        if (what === 'booted') step({ kind: 'booted', nowMs, boot });
        else if (what === 'restored') step({ kind: 'booted', nowMs, boot, restored: true });
        else if (what === 'restore-done') step({ kind: 'restore-done', nowMs, boot });
        else if (what === 'restore-error') step({ kind: 'restore-error', nowMs, boot, errorType: 'E' });
        else if (what === 'boot-failed') step({ kind: 'boot-failed', nowMs, boot, message: 'x' });
        else if (what === 'init-done') step({ kind: 'init-done', nowMs, boot });
        else if (what === 'init-error') step({ kind: 'init-error', nowMs, boot, errorType: 'E' });
        else if (what === 'invoke' || what === 'old-invoke') {
          if (what === 'invoke') epoch += 1;
          const id = `r${open.size + ended.size}` as RequestId;
          open.add(id);
          step({ kind: 'invoke', nowMs, requestId: id, epoch });
        } else if (what === 'response') step({ kind: 'response', nowMs, boot, requestId, bytes: 1 });
        else if (what === 'stale-response') {
          step({ kind: 'response', nowMs, boot: boot - 1, requestId, bytes: 1 });
          step({ kind: 'response', nowMs, boot, requestId: 'other' as RequestId, bytes: 1 });
        } else if (what === 'error') step({ kind: 'error', nowMs, boot, requestId, errorType: 'E', bytes: 1 });
        else if (what === 'exited') step({ kind: 'exited', nowMs, boot, code: 0, signal: null, outOfMemory: false });
        else if (what === 'cleared') {
          const cleared = clearing.shift();
          if (cleared !== undefined) step({ kind: 'cleared', nowMs, boot: cleared });
        } else if (what === 'timer') {
          const armed = timer as { token: number; atMs: number } | null;
          if (armed !== null) {
            timer = null;
            nowMs = Math.max(nowMs, armed.atMs);
            step({ kind: 'timer', nowMs, token: armed.token });
          }
        } else if (what === 'stale-timer') step({ kind: 'timer', nowMs, token: -1 });
        else step({ kind: 'stop', nowMs });
      }
      step({ kind: last, nowMs });
      // The world only lets time pass and clears boxes away: that alone must end it.
      for (let round = 0; round < 4; round += 1) {
        const armed = timer as { token: number; atMs: number } | null;
        timer = null;
        if (armed !== null) {
          nowMs = Math.max(nowMs, armed.atMs);
          step({ kind: 'timer', nowMs, token: armed.token });
        }
        for (let cleared = clearing.shift(); cleared !== undefined; cleared = clearing.shift()) {
          step({ kind: 'cleared', nowMs, boot: cleared });
        }
      }
      assert.equal(gone, 1);
      assert.equal(open.size, 0);
      assert.ok(readies <= 1);
    }),
    { numRuns: 2000 },
  );
});
