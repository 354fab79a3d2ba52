import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { rank, shares } from './placement.js';

const names = Array.from({ length: 2_000 }, (_, n) => createHash('sha256').update(String(n)).digest('hex'));
const ids = (count: number) => Array.from({ length: count }, (_, n) => ({ id: `member-${n}` }));
const five = (name: string, members: readonly { id: string }[]) =>
  rank(name, members)
    .slice(0, 5)
    .map(({ id }) => id);

test('who comes or goes moves only its own share', () => {
  fc.assert(
    fc.property(fc.integer({ min: 5, max: 20 }), fc.integer({ min: 0, max: 20 }), (count, which) => {
      const all = ids(count + 1);
      const other = all[which % all.length]!;
      const without = all.filter((one) => one !== other);
      let touched = 0;
      for (const name of names.slice(0, 300)) {
        const before = five(name, without);
        const after = five(name, all);
        if (!after.includes(other.id)) {
          assert.deepEqual(after, before);
          continue;
        }
        touched += 1;
        // It takes one place; the order of the rest is as it was, and only the last of them goes.
        assert.deepEqual(
          after.filter((id) => id !== other.id),
          before.slice(0, 4),
        );
      }
      // 300 draws with probability 5/(count+1): six standard deviations around the mean.
      const share = 5 / (count + 1);
      const deviation = Math.sqrt(300 * share * (1 - share));
      assert.ok(Math.abs(touched - 300 * share) <= 6 * deviation + 1, `${touched} of 300 with ${count + 1} members`);
    }),
    { numRuns: 60 },
  );
});

test('the order in which members are listed does not matter', () => {
  const members = ids(9);
  for (const name of names.slice(0, 100)) assert.deepEqual(five(name, members), five(name, [...members].reverse()));
});

test('every member holds about as much as another', () => {
  const held = new Map<string, number>();
  for (const name of names) for (const id of five(name, ids(8))) held.set(id, (held.get(id) ?? 0) + 1);
  // 1,250 each; standard deviation 22.
  for (const [id, count] of held) assert.ok(Math.abs(count - 1_250) < 132, `${id} holds ${count}`);
});

test('fewer members than stripes hold several each', () => {
  assert.deepEqual(shares(7, 5), [[0], [1], [2], [3], [4]]);
  assert.deepEqual(shares(4, 5), [[0, 4], [1], [2], [3]]);
  assert.deepEqual(shares(2, 5), [
    [0, 2, 4],
    [1, 3],
  ]);
  assert.deepEqual(shares(1, 5), [[0, 1, 2, 3, 4]]);
  assert.deepEqual(shares(0, 5), []);
});
