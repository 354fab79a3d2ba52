import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { VersionKey } from '../../kernel/ids.js';
import { allotByWorth } from './allot.js';
import { forecastNames, forecastOf, keepAliveNames, keepAliveOf } from './catalog.js';
import { greedyDualKeep } from './greedydual.js';

const version = (name: string) => name as VersionKey;

test('worth by memory comes first; what does not fit leaves room for what does', () => {
  const wants = [
    { version: version('big'), memoryMib: 1_000, count: 2, have: 0, worth: 1_000 },
    { version: version('small'), memoryMib: 100, count: 5, have: 2, worth: 200 },
    { version: version('cheap'), memoryMib: 100, count: 9, have: 0, worth: 1 },
  ];
  assert.deepEqual(allotByWorth(wants, { memoryMib: 1_000, startsMax: 8 }), [
    { version: 'small', count: 5 },
    { version: 'cheap', count: 5 },
  ]);
  assert.deepEqual(allotByWorth(wants, { memoryMib: -5, startsMax: 8 }), []);
});

test('property: never more than memory and starts allow, and never more than wanted', { timeout: 60_000 }, () => {
  const want = fc.record({
    memoryMib: fc.integer({ min: 1, max: 10_240 }),
    count: fc.integer({ min: 0, max: 50 }),
    have: fc.integer({ min: 0, max: 50 }),
    worth: fc.double({ min: 0, max: 1e6, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(want), fc.integer({ min: -100, max: 50_000 }), fc.nat(40), (drawn, memoryMib, startsMax) => {
      const wants = drawn.map((one, index) => ({ ...one, version: version(String(index)) }));
      let usedMib = 0;
      let starts = 0;
      for (const { version: name, count } of allotByWorth(wants, { memoryMib, startsMax })) {
        const wanted = wants[Number(name)]!;
        assert.ok(count > wanted.have && count <= wanted.count);
        usedMib += (count - wanted.have) * wanted.memoryMib;
        starts += count - wanted.have;
      }
      assert.ok(usedMib <= Math.max(0, memoryMib) && starts <= startsMax);
    }),
  );
});

test('policies have names; off is none; others are not known', () => {
  for (const name of keepAliveNames) {
    if (name !== 'fixed-Nm' && name !== 'off') assert.equal(keepAliveOf(name)?.name, name);
  }
  for (const name of forecastNames) if (name !== 'off') assert.equal(forecastOf(name)?.name, name);
  assert.equal(keepAliveOf('off'), null);
  assert.equal(forecastOf('off'), null);
  const facts = { nowMs: 0, memoryMib: 128, initMs: 250, idleMs: 0, pressure: 0 };
  assert.equal(keepAliveOf('fixed-20m')?.decide(null, facts).keepMs, 1_200_000);
  for (const name of ['fixed-0m', 'fixed-1441m', 'fixed-m', 'best', '']) assert.equal(keepAliveOf(name), undefined);
  assert.equal(forecastOf('best'), undefined);
});

test('greedy dual: often used, costly to start, small is worth most; worth fades', () => {
  const uses = (count: number) => {
    let state = greedyDualKeep.begin();
    for (let use = 0; use < count; use += 1) state = greedyDualKeep.observe(state, 0, 0);
    return state;
  };
  const worth = (count: number, initMs: number, memoryMib: number, nowMs = 0) =>
    greedyDualKeep.decide(uses(count), { nowMs, memoryMib, initMs, idleMs: nowMs, pressure: 0 }).worth;
  assert.ok(worth(10, 250, 128) > worth(2, 250, 128));
  assert.ok(worth(2, 500, 128) > worth(2, 250, 128));
  assert.ok(worth(2, 250, 128) > worth(2, 250, 256));
  assert.ok(worth(10, 250, 128) > worth(10, 250, 128, 3_600_000));
});
