import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type Ranked, Ranking } from './ranking.js';

test('first is who ranks least, and of equals who joined first; whoever joins, moves and leaves', () => {
  const commands = fc.array(
    fc.record({
      kind: fc.constantFrom('join', 'join', 'move', 'move', 'move', 'leave'),
      at: fc.nat(1_000),
      rank: fc.oneof(fc.nat(5), fc.constant(Number.POSITIVE_INFINITY)),
    }),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(commands, (all) => {
      const ranking = new Ranking<Ranked>();
      const there: Ranked[] = [];
      for (const { kind, at, rank } of all) {
        const one = there[at % there.length];
        if (kind === 'join') {
          there.push({ rank, leaf: -1 });
          ranking.join(there.at(-1)!);
        } else if (one !== undefined && kind === 'move') {
          one.rank = rank;
          ranking.moved(one);
        } else if (one !== undefined) {
          there.splice(at % there.length, 1);
          ranking.leave(one);
        }
        const least = Math.min(...there.map((other) => other.rank));
        assert.equal(ranking.first, there.find((other) => other.rank === least) ?? null);
      }
    }),
    { numRuns: 200 },
  );
});
