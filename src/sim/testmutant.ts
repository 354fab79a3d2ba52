import assert from 'node:assert/strict';
import test from 'node:test';
import { type Parts, realParts } from './parts.js';
import { simulate } from './simulation.js';

/** The checks are worth something only if they can fail: each mutant must be noticed, and for the right reason. */
export function caught(name: string, mutant: Partial<Parts>, expected: RegExp): void {
  test(`the checks notice ${name}`, () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const { violation } = simulate(seed, 10_000, { ...realParts, ...mutant });
      if (violation === null) continue;
      assert.match(violation.message, expected);
      return;
    }
    assert.fail('30 seeds went through');
  });
}
