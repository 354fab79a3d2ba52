import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { AccountId, Region, RequestId } from '../kernel/ids.js';
import { hourMs, minuteMs, secondMs } from '../kernel/units.js';
import { AsyncMachine } from './machine.js';
import type { AsyncEffect, AsyncEvent, AsyncInput } from './messages.js';

const event = (more: Partial<AsyncEvent> = {}): AsyncEvent => ({
  requestId: 'r' as RequestId,
  account: '111111111111' as AccountId,
  region: 'us-east-1' as Region,
  functionName: 'f',
  qualifier: null,
  invokedFunctionArn: 'arn',
  clientContext: null,
  traceHeader: '',
  acceptedMs: 0,
  attempts: 0,
  setbacks: 0,
  ...more,
});

const wake = (nowMs: number): AsyncInput => ({ kind: 'wake', nowMs });
const pulled = (nowMs: number, ids: string[], nextDueMs: number | null = null, more = {}): AsyncInput => ({
  kind: 'pulled',
  nowMs,
  deliveries: ids.map((id) => ({ id, event: event(more) })),
  nextDueMs,
});
const ended = (nowMs: number, id: string, outcome: string) =>
  ({ kind: 'attempt-ended', nowMs, id, outcome }) as AsyncInput;

function line(effect: AsyncEffect): string {
  switch (effect.kind) {
    case 'pull':
      return `pull ${effect.count}`;
    case 'attempt':
      return `attempt ${effect.id}`;
    case 'ack':
      return `ack ${effect.id} ${effect.reason}`;
    case 'nak':
      return `nak ${effect.id} ${effect.dueMs} a${effect.event.attempts} s${effect.event.setbacks}`;
    case 'extend':
      return `extend ${effect.id} ${effect.leaseUntilMs}`;
    case 'arm':
      return `arm ${effect.atMs}`;
  }
}

function run(machine: AsyncMachine, ...inputs: AsyncInput[]): string[][] {
  return inputs.map((input) => machine.step(input).map(line));
}

test('golden trace: pull, attempt, success, and the next time to look', () => {
  const machine = new AsyncMachine({ attemptsInFlightMax: 2, leaseMs: 60_000 });
  assert.deepEqual(
    run(
      machine,
      wake(0),
      wake(0),
      pulled(1, ['m1', 'm2'], 1),
      ended(5, 'm1', 'success'),
      pulled(6, ['m3'], 9_000),
      ended(7, 'm2', 'throttled'),
      wake(1_007),
      pulled(1_008, ['m2'], null, { setbacks: 1 }),
      ended(1_009, 'm3', 'function-gone'),
      ended(1_009, 'm3', 'success'),
    ),
    [
      ['pull 2'],
      [],
      ['attempt m1', 'attempt m2', 'arm 30001'],
      ['ack m1 success', 'pull 1'],
      ['attempt m3', 'arm 9000'],
      ['nak m2 1007 a0 s1', 'arm 1007'],
      ['pull 1', 'arm 30001'],
      ['attempt m2'],
      ['ack m3 function-gone'],
      [],
    ],
  );
});

test('throttled and failed by the platform: 1 s, doubling, at most 5 minutes, until the event is 6 hours old', () => {
  const machine = new AsyncMachine();
  const delays: number[] = [];
  let setbacks = 0;
  let nowMs = 0;
  for (;;) {
    machine.step(pulled(nowMs, ['m'], null, { setbacks }));
    const [effect] = machine.step(ended(nowMs, 'm', setbacks % 2 === 0 ? 'throttled' : 'system-error'));
    if (effect?.kind !== 'nak') {
      assert.deepEqual(effect, { kind: 'ack', id: 'm', reason: 'expired' });
      break;
    }
    delays.push((effect.dueMs - nowMs) / secondMs);
    setbacks = effect.event.setbacks;
    nowMs = effect.dueMs;
  }
  assert.deepEqual(delays.slice(0, 11), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  assert.ok(nowMs > 6 * hourMs - 5 * minuteMs && nowMs < 6 * hourMs);
});

test('an event that is too old when it is delivered is not attempted', () => {
  const machine = new AsyncMachine();
  assert.deepEqual(run(machine, pulled(6 * hourMs, ['m'])), [['ack m expired']]);
});

test('function errors: finished after the attempt now, with retries after one and two minutes once they are on', () => {
  assert.deepEqual(run(new AsyncMachine(), pulled(0, ['m']), ended(1, 'm', 'function-error'))[1], [
    'ack m retries-exhausted',
  ]);
  const machine = new AsyncMachine({ retriesMax: 2 });
  const lines = [0, 1, 2].map((attempts) => {
    machine.step(pulled(0, ['m'], null, { attempts }));
    return machine.step(ended(0, 'm', 'function-error')).map(line)[0];
  });
  assert.deepEqual(lines, ['nak m 60000 a1 s0', 'nak m 120000 a2 s0', 'ack m retries-exhausted']);
});

test('long attempts keep their lease; an event delivered again meanwhile is not attempted twice', () => {
  const machine = new AsyncMachine({ leaseMs: 60_000 });
  assert.deepEqual(run(machine, pulled(0, ['m']), wake(30_000), pulled(30_001, ['m'])), [
    ['attempt m', 'arm 30000'],
    ['extend m 90000', 'pull 99', 'arm 60000'],
    [],
  ]);
});

test('a timer that fires early does not lose the wake-up', () => {
  const machine = new AsyncMachine();
  const early = run(machine, pulled(0, [], 1_000), wake(999), pulled(999, [], 1_000));
  assert.deepEqual(early, [['arm 1000'], ['pull 100'], ['arm 1000']]);
});

test('property: against a queue with random outcomes every event is acknowledged exactly once, in bounds', () => {
  const outcomes = ['success', 'function-error', 'throttled', 'system-error', 'function-gone'] as const;
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 30 }),
      fc.infiniteStream(fc.constantFrom(...outcomes)),
      fc.integer({ min: 1, max: 5 }),
      (accepted, chance, attemptsInFlightMax) => {
        const machine = new AsyncMachine({ attemptsInFlightMax, eventAgeMsMax: hourMs });
        const stored = new Map(
          accepted.map((acceptedMs, id) => [`m${id}`, { event: event({ acceptedMs }), dueMs: 0 }]),
        );
        const running: string[] = [];
        let wakeMs = 0;
        let nowMs = 0;
        const perform = (effects: readonly AsyncEffect[]): void => {
          for (const effect of effects) {
            if (effect.kind === 'ack') assert.ok(stored.delete(effect.id));
            else if (effect.kind === 'nak') stored.set(effect.id, { event: effect.event, dueMs: effect.dueMs });
            else if (effect.kind === 'attempt') running.push(effect.id);
            else if (effect.kind === 'arm') wakeMs = effect.atMs;
            else if (effect.kind === 'extend') stored.get(effect.id)!.dueMs = effect.leaseUntilMs;
            else {
              const due = [...stored].filter(([, message]) => message.dueMs <= nowMs).slice(0, effect.count);
              for (const [, message] of due) message.dueMs = nowMs + effect.leaseMs;
              const deliveries = due.map(([id, message]) => ({ id, event: message.event }));
              const dues = [...stored.values()].map(({ dueMs }) => dueMs);
              const nextDueMs = dues.length === 0 ? null : Math.min(...dues);
              perform(machine.step({ kind: 'pulled', nowMs, deliveries, nextDueMs }));
            }
          }
          assert.ok(running.length <= attemptsInFlightMax);
        };
        perform(machine.step(wake(nowMs)));
        for (let step = 0; stored.size > 0; step += 1) {
          assert.ok(step < 10_000, 'stuck');
          const id = running.shift();
          if (id === undefined) {
            assert.ok(wakeMs > nowMs, 'nothing runs and nobody will wake');
            nowMs = wakeMs;
            perform(machine.step(wake(nowMs)));
          } else perform(machine.step(ended(nowMs, id, chance.next().value)));
        }
        assert.equal(machine.attemptsInFlight, 0);
      },
    ),
    { numRuns: 50 },
  );
});
