import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { attemptsMax, BufferMachine, retryMs } from './machine.js';
import type { BufferEffect } from './messages.js';

const limits = { maxItems: 3, maxBytes: 100, timeoutMs: 1000 };
const event = (text: string, nowMs = 0, bytes = 10) => ({ kind: 'event', nowMs, text, bytes }) as const;

test('a batch goes when it is old enough', () => {
  const buffer = new BufferMachine(limits);
  assert.deepEqual(buffer.step(event('a', 5)), [{ kind: 'arm', atMs: 1005 }]);
  assert.deepEqual(buffer.step(event('b', 500)), []);
  assert.deepEqual(buffer.step({ kind: 'timer', nowMs: 1004 }), [{ kind: 'arm', atMs: 1005 }]);
  assert.deepEqual(buffer.step({ kind: 'timer', nowMs: 1005 }), [{ kind: 'deliver', events: ['a', 'b'] }]);
  assert.deepEqual(buffer.step({ kind: 'delivered', nowMs: 1010 }), []);
  assert.equal(buffer.idle, true);
});

test('a batch goes when it is full, by items or by bytes; a large event goes alone', () => {
  const items = new BufferMachine(limits);
  items.step(event('a'));
  items.step(event('b'));
  assert.deepEqual(items.step(event('c')), [{ kind: 'deliver', events: ['a', 'b', 'c'] }]);
  const bytes = new BufferMachine(limits);
  bytes.step(event('a', 0, 60));
  assert.deepEqual(bytes.step(event('b', 0, 60)), [{ kind: 'deliver', events: ['a'] }]);
  assert.deepEqual(bytes.step({ kind: 'delivered', nowMs: 10 }), [{ kind: 'arm', atMs: 1000 }]);
  const large = new BufferMachine(limits);
  assert.deepEqual(large.step(event('x', 0, 1000)).at(-1), { kind: 'deliver', events: ['x'] });
});

test('one delivery at a time; what comes when both batches are full is dropped, and told when it works again', () => {
  const buffer = new BufferMachine(limits);
  for (const text of ['a', 'b', 'c', 'd', 'e', 'f']) buffer.step(event(text));
  assert.deepEqual(buffer.step(event('g')), []);
  assert.deepEqual(buffer.step(event('h', 0, 7)), []);
  assert.deepEqual(buffer.step({ kind: 'delivered', nowMs: 1 }), [
    { kind: 'dropped', records: 2, bytes: 17 },
    { kind: 'deliver', events: ['d', 'e', 'f'] },
  ]);
});

test('a failed delivery is tried again, then dropped', () => {
  const buffer = new BufferMachine(limits);
  buffer.step(event('a'));
  assert.deepEqual(kindsOf(buffer.step({ kind: 'flush', nowMs: 0 })), ['deliver']);
  for (let attempt = 1; attempt < attemptsMax; attempt += 1) {
    assert.deepEqual(buffer.step({ kind: 'failed', nowMs: 0 }), [{ kind: 'arm', atMs: retryMs }]);
    assert.deepEqual(buffer.step({ kind: 'timer', nowMs: retryMs }), [{ kind: 'deliver', events: ['a'] }]);
  }
  assert.deepEqual(buffer.step({ kind: 'failed', nowMs: 0 }), []);
  buffer.step(event('b'));
  buffer.step({ kind: 'flush', nowMs: 1 });
  assert.deepEqual(buffer.step({ kind: 'delivered', nowMs: 2 }), [{ kind: 'dropped', records: 1, bytes: 10 }]);
});

function kindsOf(effects: readonly BufferEffect[]) {
  return effects.map(({ kind }) => kind);
}

test('whatever happens: in order, each once or dropped, never more than two batches held', () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('event' as const), bytes: fc.integer({ min: 1, max: 150 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('timer' as const, 'flush' as const) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('delivered' as const, 'failed' as const) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const buffer = new BufferMachine(limits);
      let nowMs = 0;
      let given = 0;
      let dropped = 0;
      let current: readonly string[] | null = null;
      const arrived: number[] = [];
      const see = (effects: readonly BufferEffect[]) => {
        for (const effect of effects) {
          if (effect.kind === 'deliver') current = effect.events;
          else if (effect.kind === 'dropped') dropped += effect.records;
        }
      };
      const delivered = () => {
        if (current === null) return;
        arrived.push(...current.map(Number));
        current = null;
        see(buffer.step({ kind: 'delivered', nowMs }));
      };
      for (const one of steps) {
        nowMs += 50;
        if (one.kind === 'event') {
          see(buffer.step({ kind: 'event', nowMs, text: String(given), bytes: 'bytes' in one ? one.bytes : 1 }));
          given += 1;
        } else if (one.kind === 'delivered') delivered();
        else if (one.kind === 'failed') {
          if (current !== null) see(buffer.step({ kind: 'failed', nowMs }));
        } else see(buffer.step({ kind: one.kind, nowMs }));
      }
      for (let round = 0; round < 4; round += 1) {
        nowMs += 1_000_000;
        see(buffer.step({ kind: 'flush', nowMs }));
        delivered();
      }
      // One more, so that drops at the very end are told.
      see(buffer.step({ kind: 'event', nowMs, text: String(given), bytes: 1 }));
      see(buffer.step({ kind: 'flush', nowMs }));
      delivered();
      assert.equal(buffer.idle, true);
      assert.deepEqual(
        arrived,
        [...new Set(arrived)].sort((a, b) => a - b),
      );
      assert.equal(arrived.length + dropped, given + 1);
    }),
    { numRuns: 300 },
  );
});
