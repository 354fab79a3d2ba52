import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { StandbyPlan } from './standbyplan.js';

const hotMs = 600_000;

test('the snapshots restored last have a machine each; what is left over is for the last of them', () => {
  const plan = new StandbyPlan(2);
  assert.deepEqual(plan.next([], 0), { drop: [], prepare: null });
  plan.used('a', 0);
  assert.deepEqual(plan.wanted(0), ['a', 'a']);
  assert.deepEqual(plan.next([], 0), { drop: [], prepare: 'a' });
  assert.deepEqual(plan.next(['a'], 0), { drop: [], prepare: 'a' });
  assert.deepEqual(plan.next(['a', 'a'], 0), { drop: [], prepare: null });
  plan.used('b', 1);
  // No more than two at any time: the one that is too many goes first.
  assert.deepEqual(plan.next(['a', 'a'], 1), { drop: [1], prepare: null });
  assert.deepEqual(plan.next(['a'], 1), { drop: [], prepare: 'b' });
  plan.used('c', 2);
  assert.deepEqual(plan.next(['a', 'b'], 2), { drop: [0], prepare: null });
  assert.deepEqual(plan.next(['b'], 2), { drop: [], prepare: 'c' });
});

test('what is not restored any more is dropped, and what is gone at once', () => {
  const plan = new StandbyPlan(2);
  plan.used('a', 0);
  plan.used('b', 5);
  assert.equal(plan.expiresMs, hotMs);
  assert.deepEqual(plan.next(['a', 'b'], hotMs - 1).drop, []);
  assert.deepEqual(plan.next(['a', 'b'], hotMs), { drop: [0], prepare: null });
  plan.forget('b');
  assert.equal(plan.wants('b'), false);
  assert.deepEqual(plan.next(['b'], hotMs), { drop: [0], prepare: null });
  assert.equal(plan.expiresMs, null);
});

test('none are prepared where none may be', () => {
  const plan = new StandbyPlan(0);
  plan.used('a', 0);
  assert.deepEqual(plan.next([], 0), { drop: [], prepare: null });
});

test('whatever is used and forgotten: within the bound, only of what is wanted, and it comes to rest', () => {
  const step = fc.record({
    kind: fc.constantFrom('use', 'use', 'forget', 'take', 'work'),
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    ms: fc.nat({ max: hotMs }),
  });
  const work = (plan: StandbyPlan, held: string[], now: number): boolean => {
    const { drop, prepare } = plan.next(held, now);
    const kept = held.filter((_, index) => !drop.includes(index));
    const grown = prepare === null ? kept : [...kept, prepare];
    // Those that are to be dropped are still there while the next one is made.
    assert.ok(held.length + (prepare === null ? 0 : 1) <= 2);
    assert.ok(grown.every((key) => plan.wants(key)));
    held.splice(0, held.length, ...grown);
    return drop.length > 0 || prepare !== null;
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const plan = new StandbyPlan(2);
      const held: string[] = [];
      let now = 0;
      for (const { kind, key, ms } of steps) {
        if (kind === 'use') plan.used(key, now);
        else if (kind === 'forget') plan.forget(key);
        else if (kind === 'take' && held.includes(key)) held.splice(held.indexOf(key), 1);
        else if (kind === 'work') {
          now += ms;
          work(plan, held, now);
        }
      }
      let turns = 0;
      while (work(plan, held, now)) assert.ok(++turns <= 4, 'it does not come to rest');
      assert.deepEqual([...held].sort(), [...plan.wanted(now)].sort());
    }),
  );
});
