import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Alarm, DueList } from './duelist.js';

test('property: what is due comes in order, moved and taken back as one likes', () => {
  const change = fc.record({ alarm: fc.nat(9), dueMs: fc.nat(50), clear: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const list = new DueList<number>();
      const alarms = Array.from({ length: 10 }, (_, index) => new Alarm(index));
      const expected = new Map<number, number>();
      for (const { alarm, dueMs, clear } of changes) {
        if (clear) {
          list.clear(alarms[alarm]!);
          expected.delete(alarm);
        } else {
          list.set(alarms[alarm]!, dueMs);
          expected.set(alarm, dueMs);
        }
      }
      assert.equal(list.size, expected.size);
      for (let nowMs = 0; nowMs <= 50; nowMs += 1) {
        for (let due = list.takeDue(nowMs); due !== null; due = list.takeDue(nowMs)) {
          assert.equal(expected.get(due), nowMs);
          expected.delete(due);
        }
      }
      assert.equal(expected.size, 0);
    }),
  );
});
