import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { mib, secondMs } from '../kernel/units.js';
import { PollMachine } from './machine.js';
import type { BatchOutcome, PollEffect, PollInput, PollSettings } from './messages.js';

const settings = (more: Partial<PollSettings> = {}): PollSettings => ({
  enabled: true,
  batchSize: 10,
  windowMs: 0,
  concurrencyMax: 100,
  ...more,
});
const configure = (nowMs: number, more: Partial<PollSettings> = {}): PollInput => ({
  kind: 'configure',
  nowMs,
  settings: settings(more),
});
const received = (nowMs: number, receiveId: number, ids: string, hiddenUntilMs = nowMs + 30_000): PollInput => ({
  kind: 'received',
  nowMs,
  receiveId,
  messages: [...ids].map((id) => ({ id, bytes: 100, wanted: id === id.toLowerCase() })),
  hiddenUntilMs,
});
const invoked = (nowMs: number, batchId: number, outcome: BatchOutcome, failedIds: string[] = []): PollInput => ({
  kind: 'invoked',
  nowMs,
  batchId,
  outcome,
  failedIds,
});
const failed = (nowMs: number, receiveId: number): PollInput => ({
  kind: 'receive-failed',
  nowMs,
  receiveId,
  problem: 'no queue',
});
const wake = (nowMs: number): PollInput => ({ kind: 'wake', nowMs });

function line(effect: PollEffect): string {
  switch (effect.kind) {
    case 'receive':
      return `receive ${effect.receiveId} (${effect.count})`;
    case 'invoke':
      return `invoke ${effect.batchId} ${effect.ids.join('')}`;
    case 'delete':
    case 'forget':
    case 'release':
      return `${effect.kind} ${effect.ids.join('')}`;
    case 'note':
      return `note ${effect.text}`;
    case 'arm':
      return `arm ${effect.atMs}`;
    case 'quiet':
      return 'quiet';
  }
}

function run(machine: PollMachine, ...inputs: PollInput[]): string[][] {
  return inputs.map((input) => machine.step(input).map(line));
}

test('golden trace: received, filtered, invoked, deleted; what failed is left to the queue', () => {
  assert.deepEqual(
    run(
      new PollMachine(),
      configure(0),
      received(1, 1, ''),
      received(2, 2, 'abX'),
      invoked(3, 3, 'success'),
      received(4, 4, 'cde'),
      invoked(5, 5, 'success', ['d']),
      received(6, 6, 'f'),
      invoked(7, 7, 'function-error'),
    ),
    [
      ['receive 1 (10)'],
      ['receive 2 (10)'],
      ['delete X', 'invoke 3 ab', 'receive 4 (10)'],
      ['delete ab'],
      ['invoke 5 cde', 'receive 6 (10)'],
      ['delete ce', 'forget d'],
      ['invoke 7 f', 'receive 8 (10)'],
      ['forget f', 'note PROBLEM: Function call failed'],
    ],
  );
});

test('five receives at once while they come back full, one again when not', () => {
  const machine = new PollMachine();
  let outstanding = run(machine, configure(0)).flat();
  const counts: number[] = [];
  let nextMs = 0;
  for (let round = 0; round < 6; round += 1) {
    const id = Number(outstanding.shift()!.split(' ')[1]);
    outstanding = [
      ...outstanding,
      ...run(machine, received(++nextMs, id, 'abcdefghij'))
        .flat()
        .filter((text) => text.startsWith('receive')),
    ];
    counts.push(outstanding.length);
  }
  assert.deepEqual(counts, [2, 3, 4, 5, 5, 5]);
});

test('a window gathers until it is over, or the batch is full', () => {
  const machine = new PollMachine();
  assert.deepEqual(
    run(
      machine,
      configure(0, { windowMs: 2_000, batchSize: 4 }),
      received(1_000, 1, 'ab'),
      received(1_500, 2, 'c'),
      wake(2_999),
      wake(3_000),
      received(3_100, 3, 'def'),
      received(3_200, 5, 'ghi'),
    ),
    [
      ['receive 1 (4)'],
      ['receive 2 (4)', 'arm 3000'],
      ['receive 3 (4)'],
      ['arm 3000'],
      ['invoke 4 abc'],
      ['receive 5 (4)', 'arm 5100'],
      ['invoke 6 defg', 'receive 7 (4)', 'arm 5200'],
    ],
  );
});

test('throttled: nothing is received, and the batch is tried again until the queue would give it to others', () => {
  const machine = new PollMachine();
  assert.deepEqual(
    run(
      machine,
      configure(0),
      received(1_000, 1, 'a', 6_000),
      received(1_000, 3, ''),
      invoked(1_100, 2, 'throttled'),
      wake(2_100),
      invoked(2_200, 2, 'throttled'),
      wake(4_200),
      invoked(4_300, 2, 'system-error'),
    ),
    [
      ['receive 1 (10)'],
      ['invoke 2 a', 'receive 3 (10)'],
      ['receive 4 (10)'],
      ['note PROBLEM: Function call was throttled', 'arm 2100'],
      ['invoke 2 a'],
      ['arm 4200'],
      ['invoke 2 a'],
      ['note PROBLEM: Function call failed', 'forget a'],
    ],
  );
});

test('a queue or function that is not there: 1 s, doubling, at most a minute', () => {
  const machine = new PollMachine();
  let [effect] = machine.step(configure(0));
  let nowMs = 0;
  const delays: number[] = [];
  for (let round = 0; round < 8; round += 1) {
    assert.ok(effect?.kind === 'receive');
    const armed = machine.step(failed(nowMs, effect.receiveId)).find((one) => one.kind === 'arm');
    delays.push((armed!.atMs - nowMs) / secondMs);
    nowMs = armed!.atMs;
    [effect] = machine.step(wake(nowMs));
  }
  assert.deepEqual(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
});

test('at most so many invocations at once, and no receive without room for what it brings', () => {
  const machine = new PollMachine();
  assert.deepEqual(
    run(
      machine,
      configure(0, { concurrencyMax: 2, batchSize: 1 }),
      received(1, 1, 'a'),
      received(2, 3, 'b'),
      invoked(3, 2, 'success'),
    ),
    [['receive 1 (1)'], ['invoke 2 a', 'receive 3 (1)'], ['invoke 4 b'], ['delete a', 'receive 5 (1)']],
  );
});

test('a batch is one payload: 6 MiB at most; a mapping holds 64 MiB, and receives nothing more then', () => {
  const machine = new PollMachine();
  machine.step(configure(0));
  const messages = [...'abcdefghij'].map((id) => ({ id, bytes: mib, wanted: true }));
  const big = (receiveId: number, at: string): PollInput => ({
    kind: 'received',
    nowMs: 1,
    receiveId,
    messages: messages.map((one) => ({ ...one, id: one.id + at })),
    hiddenUntilMs: 30_000,
  });
  const first = machine.step(big(1, '0'));
  assert.deepEqual(
    first.map((effect) => (effect.kind === 'invoke' ? effect.ids.length : effect.kind)),
    [5, 5, 'receive', 'receive'],
  );
  const waiting = first.flatMap((effect) => (effect.kind === 'receive' ? [effect.receiveId] : []));
  let receives = 1;
  for (let receiveId = waiting.shift(); receiveId !== undefined; receiveId = waiting.shift()) {
    receives += 1;
    for (const effect of machine.step(big(receiveId, String(receives)))) {
      if (effect.kind === 'receive') waiting.push(effect.receiveId);
    }
    assert.ok(receives < 20, 'it never stops receiving');
  }
  // Those under way when the bound is reached still come.
  assert.ok(receives >= 7 && receives <= 11, String(receives));
});

test('disabled: what was not tried goes back at once, what is under way ends, then it is quiet', () => {
  const machine = new PollMachine();
  assert.deepEqual(
    run(
      machine,
      configure(0, { windowMs: 10_000, batchSize: 3 }),
      received(1, 1, 'abc'),
      received(2, 3, 'd'),
      configure(3, { enabled: false }),
      received(4, 4, 'e'),
      invoked(5, 2, 'success'),
      configure(6),
    ),
    [
      ['receive 1 (3)'],
      ['invoke 2 abc', 'receive 3 (3)', 'receive 4 (3)'],
      ['arm 10002'],
      ['release d'],
      ['release e', 'quiet'],
      ['delete abc'],
      ['receive 5 (10)'],
    ],
  );
});

test('property: against a queue every message is deleted once, in bounds, whatever functions and queue do', () => {
  const outcomes = ['success', 'function-error', 'throttled', 'system-error', 'gone'] as const;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.record({
        batchSize: fc.integer({ min: 1, max: 15 }),
        windowMs: fc.constantFrom(0, 2_000),
        concurrencyMax: fc.integer({ min: 2, max: 5 }),
      }),
      fc.infiniteStream(fc.tuple(fc.constantFrom(...outcomes), fc.boolean(), fc.integer({ min: 0, max: 9 }))),
      (total, chosen, chance) => {
        const machine = new PollMachine();
        const hiddenMs = 20_000;
        const stored = new Map([...Array(total).keys()].map((id) => [String(id), 0]));
        const held = new Map<string, string>();
        const todo: (() => PollInput)[] = [];
        let serial = 0;
        let nowMs = 0;
        let armedMs = Number.POSITIVE_INFINITY;
        let inFlight = 0;
        const perform = (effects: readonly PollEffect[]): void => {
          for (const effect of effects) {
            if (effect.kind === 'arm') armedMs = effect.atMs;
            else if (effect.kind === 'delete') for (const id of effect.ids) stored.delete(held.get(id)!);
            else if (effect.kind === 'receive') {
              todo.push(() => {
                const [, broken] = chance.next().value;
                if (broken) return failed(nowMs, effect.receiveId);
                const visible = [...stored].filter(([, untilMs]) => untilMs <= nowMs).slice(0, effect.count);
                const messages = visible.map(([message]) => {
                  stored.set(message, nowMs + hiddenMs);
                  const id = `${message}.${serial++}`;
                  held.set(id, message);
                  return { id, bytes: 10, wanted: Number(message) % 5 !== 0 };
                });
                return {
                  kind: 'received',
                  nowMs,
                  receiveId: effect.receiveId,
                  messages,
                  hiddenUntilMs: nowMs + hiddenMs,
                };
              });
            } else if (effect.kind === 'invoke') {
              inFlight += 1;
              assert.ok(effect.ids.length <= chosen.batchSize && effect.ids.length > 0);
              todo.push(() => {
                inFlight -= 1;
                const [outcome] = chance.next().value;
                return invoked(nowMs, effect.batchId, outcome);
              });
            }
          }
          assert.ok(inFlight <= chosen.concurrencyMax);
        };
        perform(machine.step(configure(0, chosen)));
        for (let step = 0; stored.size > 0; step += 1) {
          assert.ok(step < 20_000, 'stuck');
          const [, , which] = chance.next().value;
          if (todo.length > 0) {
            nowMs += 10;
            perform(machine.step(todo.splice(which % todo.length, 1)[0]!()));
          } else {
            assert.ok(armedMs < Number.POSITIVE_INFINITY, 'nothing runs and nobody will wake');
            nowMs = Math.max(nowMs, armedMs);
            perform(machine.step(wake(nowMs)));
          }
          // Long polls take time.
          nowMs += 100;
        }
      },
    ),
    { numRuns: 100 },
  );
});
