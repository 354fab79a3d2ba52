import assert from 'node:assert/strict';
import test from 'node:test';
import { LayerMachine, retryMs, waitersMax } from './machine.js';

const slot = 'os-1152';
const wish = { slot, key: 'k1' };

test('the first wish looks, a missing layer is made once, everybody who waits is served', () => {
  const machine = new LayerMachine();
  assert.deepEqual(machine.step({ kind: 'wanted', nowMs: 0, ticket: 1, wish }), [{ kind: 'look', slot }]);
  assert.deepEqual(machine.step({ kind: 'wanted', nowMs: 0, ticket: 2, wish }), []);
  assert.deepEqual(machine.step({ kind: 'found', nowMs: 1, slot, key: null }), [{ kind: 'make', wish }]);
  assert.deepEqual(machine.step({ kind: 'wanted', nowMs: 2, ticket: 3, wish }), []);
  assert.equal(machine.phase(slot), 'creating');
  assert.deepEqual(machine.step({ kind: 'made', nowMs: 9, slot, key: 'k1' }), [
    { kind: 'grant', ticket: 1 },
    { kind: 'grant', ticket: 2 },
    { kind: 'grant', ticket: 3 },
  ]);
  assert.deepEqual(machine.step({ kind: 'wanted', nowMs: 10, ticket: 4, wish }), [{ kind: 'grant', ticket: 4 }]);
});

test('a stored layer of the right key serves at once, one of another key is made again', () => {
  const good = new LayerMachine();
  good.step({ kind: 'wanted', nowMs: 0, ticket: 1, wish });
  assert.deepEqual(good.step({ kind: 'found', nowMs: 1, slot, key: 'k1' }), [{ kind: 'grant', ticket: 1 }]);
  const stale = new LayerMachine();
  stale.step({ kind: 'wanted', nowMs: 0, ticket: 1, wish });
  assert.deepEqual(stale.step({ kind: 'found', nowMs: 1, slot, key: 'k0' }), [{ kind: 'make', wish }]);
});

test('a wish that changes while a layer is made makes it again', () => {
  const machine = new LayerMachine();
  machine.step({ kind: 'wanted', nowMs: 0, ticket: 1, wish });
  machine.step({ kind: 'found', nowMs: 0, slot, key: null });
  const next = { slot, key: 'k2' };
  assert.deepEqual(machine.step({ kind: 'wanted', nowMs: 1, ticket: 2, wish: next }), []);
  assert.deepEqual(machine.step({ kind: 'made', nowMs: 2, slot, key: 'k1' }), [{ kind: 'make', wish: next }]);
  assert.deepEqual(
    machine.step({ kind: 'made', nowMs: 3, slot, key: 'k2' }).map((effect) => effect.kind),
    ['grant', 'grant'],
  );
});

test('a failure is told to all who wait, and to who comes until the next try', () => {
  const machine = new LayerMachine();
  machine.step({ kind: 'wanted', nowMs: 0, ticket: 1, wish });
  machine.step({ kind: 'found', nowMs: 0, slot, key: null });
  const reason = 'no space left';
  assert.deepEqual(machine.step({ kind: 'failed', nowMs: 5, slot, reason }), [{ kind: 'refuse', ticket: 1, reason }]);
  assert.deepEqual(machine.step({ kind: 'wanted', nowMs: 6, ticket: 2, wish }), [
    { kind: 'refuse', ticket: 2, reason },
  ]);
  assert.deepEqual(machine.step({ kind: 'wanted', nowMs: 5 + retryMs, ticket: 3, wish }), [{ kind: 'make', wish }]);
});

test('a broken layer is made again once, however many restores it broke', () => {
  const machine = new LayerMachine();
  machine.step({ kind: 'wanted', nowMs: 0, ticket: 1, wish });
  machine.step({ kind: 'found', nowMs: 0, slot, key: 'k1' });
  assert.deepEqual(machine.step({ kind: 'broken', nowMs: 1, slot, key: 'k1' }), [{ kind: 'make', wish }]);
  assert.deepEqual(machine.step({ kind: 'broken', nowMs: 1, slot, key: 'k1' }), []);
  assert.deepEqual(machine.step({ kind: 'broken', nowMs: 1, slot: 'other', key: 'k1' }), []);
});

test('waiting is bounded', () => {
  const machine = new LayerMachine();
  for (let ticket = 0; ticket < waitersMax; ticket++) machine.step({ kind: 'wanted', nowMs: 0, ticket, wish });
  const [effect] = machine.step({ kind: 'wanted', nowMs: 0, ticket: waitersMax, wish });
  assert.equal(effect?.kind, 'refuse');
});
