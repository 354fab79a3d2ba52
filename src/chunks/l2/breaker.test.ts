import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Breaker } from './breaker.js';

test('opens after three failures in a row, tries once after a pause that doubles, closes on success', () => {
  const breaker = new Breaker();
  assert.equal(breaker.failed(0, false), false);
  assert.equal(breaker.failed(0, false), false);
  breaker.succeeded();
  assert.equal(breaker.failed(0, false), false);
  assert.equal(breaker.failed(0, false), false);
  assert.equal(breaker.failed(0, false), true);
  assert.equal(breaker.ask(999), 'no');
  assert.equal(breaker.ask(1_000), 'trial');
  assert.equal(breaker.ask(1_000), 'no');
  assert.equal(breaker.failed(1_500, true), true);
  assert.equal(breaker.ask(3_499), 'no');
  assert.equal(breaker.ask(3_500), 'trial');
  breaker.succeeded();
  assert.equal(breaker.ask(3_501), 'yes');
});

test('failures that were under way when it opened neither lengthen the pause nor end a trial', () => {
  const breaker = new Breaker();
  for (let i = 0; i < 3; i += 1) breaker.failed(0, false);
  for (let i = 0; i < 10; i += 1) assert.equal(breaker.failed(500, false), false);
  assert.equal(breaker.ask(1_000), 'trial');
  breaker.failed(1_001, false);
  assert.equal(breaker.ask(1_002), 'no');
});

test('a member that works again is asked again after half a minute at the latest', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 100_000 }), { maxLength: 50 }), (pauses) => {
      const breaker = new Breaker();
      let nowMs = 0;
      for (const pause of pauses) {
        nowMs += pause;
        const may = breaker.ask(nowMs);
        if (may !== 'no') breaker.failed(nowMs, may === 'trial');
      }
      assert.notEqual(breaker.ask(nowMs + 30_000), 'no');
    }),
  );
});
