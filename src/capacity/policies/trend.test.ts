import assert from 'node:assert/strict';
import test from 'node:test';
import { dayMs, minuteMs, secondMs } from '../../kernel/units.js';
import { dailyForecast, maximumForecast, naiveForecast } from './naive.js';
import { type ForecastPolicy, slotMs } from './policy.js';
import { trendForecast } from './trend.js';

/** Feeds slots until `untilMs`; slots without use are left out when `sparse`, but those right after it. */
function feed<State>(
  policy: ForecastPolicy<State>,
  peakAt: (ms: number) => number,
  untilMs: number,
  sparse = false,
): State {
  let state = policy.begin();
  for (let endMs = slotMs; endMs <= untilMs; endMs += slotMs) {
    const peak = peakAt(endMs - slotMs);
    if (peak > 0 || peakAt(endMs - 2 * slotMs) > 0 || !sparse) state = policy.observe(state, peak, endMs);
  }
  return state;
}

/** Mean absolute error of the next slot's concurrency. */
function errorOf<State>(policy: ForecastPolicy<State>, peakAt: (ms: number) => number, untilMs: number): number {
  let state = policy.begin();
  let sum = 0;
  let count = 0;
  for (let endMs = slotMs; endMs <= untilMs; endMs += slotMs) {
    const peak = peakAt(endMs - slotMs);
    if (endMs > untilMs / 2) {
      sum += Math.abs(policy.predict(state, endMs - slotMs, slotMs - 1).concurrency - peak);
      count += 1;
    }
    state = policy.observe(state, peak, endMs);
  }
  return sum / count;
}

const ramp = (ms: number) => Math.floor(ms / (20 * secondMs));

test('a ramp is led: as many as there will be at the end of the horizon', () => {
  const untilMs = 10 * minuteMs;
  const state = feed(trendForecast, ramp, untilMs);
  const { concurrency } = trendForecast.predict(state, untilMs, 20 * secondMs);
  assert.ok(concurrency >= ramp(untilMs + 20 * secondMs) && concurrency <= ramp(untilMs) + 4, String(concurrency));
  assert.ok(
    naiveForecast.predict(feed(naiveForecast, ramp, untilMs), untilMs, 20 * secondMs).concurrency < concurrency,
  );
});

test('steady use: no more than there is', () => {
  const state = feed(trendForecast, () => 7, 30 * minuteMs);
  assert.equal(trendForecast.predict(state, 30 * minuteMs, 20 * secondMs).concurrency, 7);
});

test('a spike is at most doubled, and forgotten', () => {
  const untilMs = 10 * minuteMs;
  const spike = feed(trendForecast, (ms) => (ms === untilMs - slotMs ? 100 : 1), untilMs);
  assert.ok(trendForecast.predict(spike, untilMs, 60 * secondMs).concurrency <= 210);
  const laterMs = untilMs + 4 * minuteMs;
  assert.equal(trendForecast.predict(spike, laterMs, 20 * secondMs).concurrency, 0);
});

test('a peak every five minutes is known before it comes, with and without slots between', () => {
  const peakAt = (ms: number) => (ms % (5 * minuteMs) < slotMs ? 20 : 0);
  for (const sparse of [false, true]) {
    const untilMs = 2 * 60 * minuteMs + 4 * minuteMs;
    const state = feed(trendForecast, peakAt, untilMs, sparse);
    assert.ok(trendForecast.predict(state, untilMs, 20 * secondMs).concurrency < 5);
    const { nextMs } = trendForecast.predict(state, untilMs, 20 * secondMs);
    assert.equal(nextMs, untilMs + minuteMs);
    const { concurrency } = trendForecast.predict(state, nextMs! - 20 * secondMs, 20 * secondMs);
    assert.ok(concurrency >= 20 && concurrency <= 22, String(concurrency));
  }
});

test('a peak at the same time each day is known on the third day; at another time it is not', () => {
  const atMs = 2 * 60 * minuteMs;
  const peakAt = (ms: number) => (ms % dayMs >= atMs && ms % dayMs < atMs + minuteMs ? 50 : 0);
  const untilMs = 2 * dayMs + atMs - 10 * minuteMs;
  const state = feed(trendForecast, peakAt, untilMs, true);
  const { nextMs } = trendForecast.predict(state, untilMs, 20 * secondMs);
  assert.equal(nextMs, 2 * dayMs + atMs);
  assert.equal(trendForecast.predict(state, nextMs! - 20 * secondMs, 20 * secondMs).concurrency, 50);
  assert.equal(trendForecast.predict(state, untilMs, 20 * secondMs).concurrency, 0);
});

test('errs by half of a minute’s rise more than the naive forecast, and less than the largest of ten minutes', () => {
  let seed = 1;
  const chance = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  const noise = Array.from({ length: 2_000 }, () => 8 + Math.floor(5 * chance()));
  // With what they rise in half a minute: minutes are what periods are made of.
  const shapes: readonly (readonly [(ms: number) => number, number])[] = [
    [(ms) => 3 * Math.floor((ms % (30 * minuteMs)) / slotMs), 9],
    [(ms) => Math.floor((ms % (10 * minuteMs)) / slotMs), 3],
    [(ms) => noise[Math.floor(ms / slotMs) % noise.length]!, 2],
  ];
  for (const [peakAt, rise] of shapes) {
    const own = errorOf(trendForecast, peakAt, 4 * 60 * minuteMs);
    const naive = errorOf(naiveForecast, peakAt, 4 * 60 * minuteMs);
    const maximum = errorOf(maximumForecast, peakAt, 4 * 60 * minuteMs);
    assert.ok(own <= naive + rise && own < maximum, `${own}, naive ${naive}, maximum ${maximum}`);
  }
});

test('baselines: the last slot, the day before, the largest of ten minutes', () => {
  const peaks = (ms: number) => (ms < minuteMs ? 9 : 2);
  assert.equal(naiveForecast.predict(feed(naiveForecast, peaks, 5 * minuteMs), 5 * minuteMs, 0).concurrency, 2);
  assert.equal(maximumForecast.predict(feed(maximumForecast, peaks, 5 * minuteMs), 5 * minuteMs, 0).concurrency, 9);
  const later = feed(maximumForecast, peaks, 15 * minuteMs);
  assert.equal(maximumForecast.predict(later, 15 * minuteMs, 0).concurrency, 2);
  const daily = feed(dailyForecast, peaks, 5 * minuteMs);
  assert.equal(dailyForecast.predict(daily, dayMs, 0).concurrency, 9);
  assert.equal(dailyForecast.predict(daily, dayMs + 2 * minuteMs, 0).concurrency, 2);
  assert.equal(dailyForecast.predict(daily, dayMs + 2 * 60 * minuteMs, 0).concurrency, 0);
});
