import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Patrol } from './patrol.js';

test('the patrol finds who waits to die, 64 looks a round', () => {
  let looks = 0;
  const sandboxes = Array.from({ length: 150 }, (_, id) => ({
    id,
    link: {
      get doomed() {
        looks += 1;
        return id === 140;
      },
    },
  }));
  const found: number[] = [];
  const patrol = new Patrol(
    () => sandboxes,
    ({ id }) => found.push(id),
  );
  const rounds = Array.from({ length: 4 }, () => {
    patrol.round();
    return looks;
  });
  patrol.close();
  assert.deepEqual(rounds, [64, 128, 150, 214]);
  assert.deepEqual(found, [140]);
});
