import assert from 'node:assert/strict';
import test from 'node:test';
import { simulate } from './simulation.js';

const seeds = 40;
const events = 5_000;

test(`${seeds} seeds of ${events} events: no check is violated`, () => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { violation } = simulate(seed, events);
    if (violation === null) continue;
    assert.fail(`seed ${seed}, step ${violation.step}: ${violation.message}\n${violation.last.slice(-20).join('\n')}`);
  }
});

test('the same seed gives the same trace, another seed another one', () => {
  const first = simulate(4711, events);
  assert.deepEqual(simulate(4711, events), first);
  assert.notEqual(simulate(4712, events).hash, first.hash);
});
