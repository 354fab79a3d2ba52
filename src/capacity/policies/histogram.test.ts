import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { hourMs, minuteMs, secondMs } from '../../kernel/units.js';
import { binsMax, histogramKeep, percentileBin } from './histogram.js';

const facts = { nowMs: 0, memoryMib: 128, initMs: 250, idleMs: 0, pressure: 0 };

function decideAfter(gapsMs: readonly number[]) {
  let state = histogramKeep.begin();
  for (const gapMs of gapsMs) state = histogramKeep.observe(state, gapMs, 0);
  return histogramKeep.decide(state, facts);
}
const times = (count: number, gapMs: number) => Array.from({ length: count }, () => gapMs);

test('without a habit: ten minutes', () => {
  for (const gaps of [[], times(4, 45 * minuteMs)]) {
    const { keepMs, prewarmMs } = decideAfter(gaps);
    assert.deepEqual({ keepMs, prewarmMs }, { keepMs: 10 * minuteMs, prewarmMs: null });
  }
  // As many gaps of each length.
  const flat = Array.from({ length: binsMax }, (_, bin) => bin * minuteMs + 1);
  assert.equal(decideAfter(flat).keepMs, 10 * minuteMs);
});

test('gaps of half a minute: ten minutes from the last use; of half a minute to 20 minutes: 23.1', () => {
  const { keepMs, prewarmMs } = decideAfter(times(20, 30 * secondMs));
  assert.deepEqual([keepMs, prewarmMs], [10 * minuteMs, null]);
  const wide = decideAfter([...times(20, 30 * secondMs), ...times(20, 20 * minuteMs)]);
  assert.ok(Math.abs(wide.keepMs - 23.1 * minuteMs) < 1);
});

test('a gap of 45 minutes: goes after use, is there again after 40.5 minutes, and stays till 50.6', () => {
  const { keepMs, prewarmMs } = decideAfter(times(20, 45 * minuteMs));
  assert.ok(Math.abs(prewarmMs! - 40.5 * minuteMs) < 1);
  assert.ok(Math.abs(prewarmMs! + keepMs - 50.6 * minuteMs) < 1);
});

test('gaps up to four hours', () => {
  const { keepMs, prewarmMs } = decideAfter(times(20, 4 * hourMs - 1));
  assert.ok(Math.abs(prewarmMs! - 0.9 * 239 * minuteMs) < 1);
  assert.ok(Math.abs(prewarmMs! + keepMs - 1.1 * 240 * minuteMs) < 1);
});

test('regular gaps of five hours: there a minute before the mean, for two minutes; irregular ones: ten minutes', () => {
  const regular = decideAfter(times(10, 5 * hourMs));
  assert.ok(Math.abs(regular.prewarmMs! - (5 * hourMs - minuteMs)) < secondMs);
  assert.ok(Math.abs(regular.keepMs - 2 * minuteMs) < secondMs);
  const irregular = decideAfter(times(10, 0).map((_, index) => (index % 2 === 0 ? 5 : 20) * hourMs));
  assert.deepEqual([irregular.keepMs, irregular.prewarmMs], [10 * minuteMs, null]);
});

test('percentiles by hand: 5 % and 99 % of 100 gaps', () => {
  let state = histogramKeep.begin();
  for (let gap = 0; gap < 100; gap += 1) state = histogramKeep.observe(state, gap * minuteMs, 0);
  assert.equal(percentileBin(state, 0.05), 4);
  assert.equal(percentileBin(state, 0.99), 98);
  assert.equal(percentileBin(state, 1), 99);
});

test('a full bin halves all: habits outlive it', () => {
  let state = histogramKeep.begin();
  for (let count = 0; count < 70_000; count += 1)
    state = histogramKeep.observe(state, (count % 8 ? 0 : 1) * minuteMs, 0);
  assert.ok(state.bins.every((count) => count <= 65_535));
  assert.equal(
    state.inBounds,
    state.bins.reduce((sum, count) => sum + count, 0),
  );
  assert.equal(percentileBin(state, 0.99), 1);
});

test('property: 94 of 100 gaps of a habit would have met a sandbox', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 15 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 100, maxLength: 200 }),
      (from, width, fractions) => {
        const gaps = fractions.map((fraction) => (from + fraction * width) * minuteMs);
        const { keepMs, prewarmMs } = decideAfter(gaps);
        const met = gaps.filter((gap) => gap >= (prewarmMs ?? 0) && gap <= (prewarmMs ?? 0) + keepMs);
        assert.ok(met.length >= 0.94 * gaps.length, `${met.length} of ${gaps.length}`);
      },
    ),
    { numRuns: 200 },
  );
});
