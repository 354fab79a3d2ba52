import assert from 'node:assert/strict';
import test from 'node:test';
import { dayMs } from '../../kernel/units.js';
import { Arrivals, drawTraffic, memoryMbOf, type TrafficFunction } from './azure.js';

const functions = drawTraffic(1, 10_000);
const shareOf = <T>(all: readonly T[], does: (one: T) => boolean) => all.filter(does).length / all.length;
const isNear = (value: number, wanted: number, by: number) =>
  assert.ok(Math.abs(value - wanted) <= by, `${value} instead of ${wanted}`);

test('10,000 functions are as frequent as the published ones', () => {
  isNear(
    shareOf(functions, ({ perDay }) => perDay <= 24),
    0.45,
    0.01,
  );
  isNear(
    shareOf(functions, ({ perDay }) => perDay <= 1_440),
    0.81,
    0.01,
  );
  const total = functions.reduce((sum, { perDay }) => sum + perDay, 0);
  const top = functions.filter(({ perDay }) => perDay > 1_440);
  isNear(top.length / functions.length, 0.186, 0.01);
  isNear(top.reduce((sum, { perDay }) => sum + perDay, 0) / total, 0.996, 0.002);
});

test('54 % of the apps have one function', () => {
  const sizes = new Map<number, number>();
  for (const { app } of functions) sizes.set(app, (sizes.get(app) ?? 0) + 1);
  isNear(
    shareOf([...sizes.values()], (size) => size === 1),
    0.54,
    0.01,
  );
});

test('memory and durations have the published medians', () => {
  // Burr: half of the functions have at most this.
  isNear(memoryMbOf(0.5), 140, 2);
  isNear(
    shareOf(functions, ({ memoryMib }) => memoryMib === 128),
    shareOf(
      Array.from({ length: 1_000 }, (_, at) => memoryMbOf((at + 0.5) / 1_000)),
      (mb) => mb <= 128,
    ),
    0.01,
  );
  const rare = functions.filter(({ perDay }) => perDay < 1_000).map(({ durationMs }) => durationMs);
  rare.sort((one, other) => one - other);
  // e^-0.38 s.
  isNear(rare[Math.floor(rare.length / 2)]! / 1_000, Math.exp(-0.38), 0.1);
});

test('arrivals come as often as drawn, whatever the pattern, and are the same each time', () => {
  for (const pattern of ['timer', 'poisson', 'daily', 'bursts'] as const) {
    const one = { ...functions[0]!, perDay: 20_000, pattern } satisfies TrafficFunction;
    const draw = () => {
      const arrivals = new Arrivals(one, 7);
      let count = 0;
      for (let atMs = arrivals.first(); atMs < dayMs; atMs = arrivals.next(atMs)) count += 1;
      return count;
    };
    isNear(draw() / one.perDay, 1, 0.15);
    assert.equal(draw(), draw());
  }
});
