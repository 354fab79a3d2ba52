import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import type { StartOrigin } from '../wire/start.js';
import { AssignmentMachine } from './machine.js';
import type { AssignmentEffect, AssignmentEntry, AssignmentInput } from './messages.js';

type Grant = Extract<AssignmentEffect, { readonly kind: 'grant' }>;

const waitersMax = 5;
const startingMax = 3;
const commands = fc.array(
  fc.record({
    kind: fc.constantFrom(
      ...(['acquire', 'acquire', 'acquire', 'released', 'released', 'ready', 'ready', 'gone', 'placed'] as const),
      ...(['placed', 'refused', 'lost', 'superseded', 'pressure', 'persisted', 'persisted', 'tick', 'report'] as const),
      ...(['warm', 'provision', 'handover', 'keep', 'let-go', 'drain', 'ready-raw'] as const),
    ),
    sandbox: fc.integer({ min: 1, max: 12 }),
    other: fc.integer({ min: 1, max: 3 }),
    afterMs: fc.integer({ min: 0, max: 2_000 }),
  }),
  { maxLength: 300, size: 'max' },
);

/** Follows the effects and asserts what must hold whatever the inputs are, sensible or not. */
class Observer {
  readonly journal: AssignmentEntry[] = [];
  readonly unanswered = new Set<string>();
  readonly epochs = new Map<string, number>();
  readonly held = new Set<string>();
  readonly handovers = new Set<string>();
  readonly origins = new Map<string, StartOrigin>();
  /** Their init failed. */
  readonly raw = new Set<string>();
  written = 0;
  durable = 0;

  /** The kind of a start is true. */
  private judge({ sandboxId, start, warm }: Grant, input: AssignmentInput): void {
    const origin = this.origins.get(sandboxId);
    const isFirst = !this.epochs.has(sandboxId);
    assert.equal(start.first, isFirst, 'one first invocation for each sandbox');
    assert.equal(warm, !isFirst);
    if (start.kind === 'provisioned') {
      assert.equal(origin, 'provisioned');
      return;
    }
    assert.equal(start.kind === 'warm', !isFirst);
    if (start.kind === 'cold')
      assert.ok(this.raw.has(sandboxId) || isReadyNow(sandboxId, input), 'it waited for the init');
    if (start.kind === 'proactive') assert.ok(input.kind !== 'sandbox-ready' || input.sandboxId !== sandboxId);
    // Provisioned ones that are no longer wanted as such go on as if somebody had waited for them.
    const isOfDemand = origin === 'demand' || origin === 'provisioned';
    const trigger = isOfDemand ? (start.kind === 'proactive' ? 'eager-assignment' : null) : origin;
    assert.equal(start.trigger, isFirst ? trigger : null);
  }

  perform(effects: readonly AssignmentEffect[], input: AssignmentInput): void {
    if (input.kind === 'sandbox-ready' && input.initialized === false) this.raw.add(input.sandboxId);
    for (const effect of effects) {
      switch (effect.kind) {
        case 'grant':
          assert.ok(this.unanswered.delete(effect.requestId), 'answered once');
          assert.ok(!this.held.has(effect.sandboxId), 'one holder at a time');
          assert.ok(effect.epoch > (this.epochs.get(effect.sandboxId) ?? 0), 'epochs grow');
          this.judge(effect, input);
          this.epochs.set(effect.sandboxId, effect.epoch);
          this.held.add(effect.sandboxId);
          break;
        case 'refuse':
          assert.ok(this.unanswered.delete(effect.requestId), 'answered once');
          break;
        case 'persist':
          assert.equal(effect.sequence, this.written + 1, 'no gap in the journal');
          this.written += effect.entries.length;
          this.journal.push(...effect.entries);
          break;
        case 'start': {
          const at = this.journal.findIndex(
            (entry) => entry.kind === 'sandbox-created' && entry.sandboxId === effect.sandboxId,
          );
          assert.ok(at >= 0 && at < this.durable, 'started only once its creation is durable');
          this.origins.set(effect.sandboxId, effect.origin);
          break;
        }
        case 'handed-over':
          assert.ok(this.handovers.delete(`${effect.from} ${effect.to}`), 'a handover is answered once');
      }
    }
  }
}

/** What the sandbox's first invocation waited for, as seen from outside. */
function isReadyNow(sandboxId: SandboxId, input: AssignmentInput): boolean {
  return (input.kind === 'sandbox-ready' && input.sandboxId === sandboxId) || input.kind === 'worker-report';
}

test('property: any order of any inputs: one holder, one answer, growing epochs, durable before started, bounds', () => {
  fc.assert(
    fc.property(commands, fc.boolean(), (list, eager) => {
      let sandboxes = 0;
      let requests = 0;
      let nowMs = 0;
      const newSandboxId = () => {
        sandboxes += 1;
        return `s${sandboxes}` as SandboxId;
      };
      const options = { idleMsMax: 5_000, lifetimeMs: 20_000, reportGraceMs: 3_000, checkpointEntriesMin: 1e9, eager };
      const machine = new AssignmentMachine({ newSandboxId, waitersMax, startingMax, ...options });
      const observer = new Observer();
      const step = (input: AssignmentInput) => {
        observer.perform(machine.step(input), input);
        assert.ok(machine.waiting <= waitersMax);
        assert.ok(machine.waiting === observer.unanswered.size);
      };
      for (const { kind, sandbox, other, afterMs } of list) {
        nowMs += afterMs;
        // One of those that were made last.
        const sandboxId = `s${Math.max(1, sandboxes + 1 - sandbox)}` as SandboxId;
        const workerId = `w${other}` as WorkerId;
        const pool = `p@${other}` as PoolKey;
        switch (kind) {
          case 'acquire': {
            requests += 1;
            const requestId = `r${requests}` as RequestId;
            observer.unanswered.add(requestId);
            step({ kind: 'acquire', nowMs, requestId, pool, memoryMib: 128, waitUntilMs: nowMs + 5_000 });
            break;
          }
          case 'released': {
            const epoch = (observer.epochs.get(sandboxId) ?? 1) - (other === 3 ? 1 : 0);
            if (other !== 3) observer.held.delete(sandboxId);
            step({ kind: 'released', nowMs, sandboxId, epoch });
            break;
          }
          case 'ready':
            step({ kind: 'sandbox-ready', nowMs, sandboxId });
            break;
          case 'ready-raw':
            step({ kind: 'sandbox-ready', nowMs, sandboxId, initialized: false });
            break;
          case 'warm':
            step({ kind: 'warm', nowMs, pool, memoryMib: 128, count: sandbox, trigger: 'forecast' });
            break;
          case 'provision':
            step({ kind: 'provision', nowMs, pool, memoryMib: 128, count: sandbox % 4 });
            break;
          case 'handover': {
            const to = `p@${(other % 3) + 1}` as PoolKey;
            observer.handovers.add(`${pool} ${to}`);
            step({ kind: 'handover', nowMs, from: pool, to, memoryMib: 128 });
            break;
          }
          case 'keep':
            step({ kind: 'keep', nowMs, pool, idleMsMax: other === 3 ? null : sandbox * 500 });
            break;
          case 'let-go':
            step({ kind: 'let-go', nowMs, pool, count: other });
            break;
          case 'drain':
            step({ kind: 'worker-drain', nowMs, workerId, renew: other === 1 });
            break;
          case 'gone':
            observer.held.delete(sandboxId);
            step({ kind: 'sandbox-gone', nowMs, sandboxId });
            break;
          case 'placed':
            step({ kind: 'placed', nowMs, sandboxId, workerId });
            break;
          case 'refused':
            step({ kind: 'placement-refused', nowMs, sandboxId });
            break;
          case 'lost':
            step({ kind: 'worker-lost', nowMs, workerId });
            break;
          case 'superseded':
            step({ kind: 'pool-superseded', nowMs, pool, reason: 'superseded' });
            break;
          case 'pressure':
            step({ kind: 'memory-pressure', nowMs, workerId, memoryMib: sandbox * 64 });
            break;
          case 'persisted':
            observer.durable = Math.min(observer.written, observer.durable + sandbox);
            step({ kind: 'persisted', nowMs, sequence: observer.durable });
            break;
          case 'tick':
            step({ kind: 'tick', nowMs });
            break;
          case 'report': {
            const epoch = observer.epochs.get(sandboxId) ?? 0;
            observer.held.delete(sandboxId);
            step({ kind: 'worker-report', nowMs, workerId, sandboxes: [{ sandboxId, state: 'idle', epoch }] });
            // Those it did not name may be concluded gone; their ids never come back.
          }
        }
      }
      step({ kind: 'tick', nowMs: nowMs + 5_000 });
      assert.equal(observer.unanswered.size, 0, 'everybody is answered in the end');
      step({ kind: 'tick', nowMs: nowMs + 15_000 });
      assert.equal(observer.handovers.size, 0, 'every handover ends');
      // A new leader that reads the journal comes to the same sandboxes as exist durably.
      const successor = new AssignmentMachine({ newSandboxId });
      const recovery = { entries: observer.journal, nextSequence: observer.written + 1, nowMs, survivors: true };
      successor.recover(recovery);
      const gone = new Set(
        observer.journal.flatMap((entry) => (entry.kind === 'sandbox-gone' ? [entry.sandboxId] : [])),
      );
      const alive = observer.journal.filter((entry) => entry.kind === 'sandbox-created' && !gone.has(entry.sandboxId));
      assert.equal(successor.sandboxes, alive.length);
    }),
    { numRuns: 300 },
  );
});
