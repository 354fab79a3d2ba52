import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Gathering } from './gathering.js';
import { type MemberAnswer, MemberClient } from './memberclient.js';
import { cutStripes, nameOf, type Stripe } from './stripes.js';

const secret = Buffer.alloc(32, 1);
const clients = Array.from(
  { length: 6 },
  (_, n) => new MemberClient({ id: `m${n}`, url: new URL('http://127.0.0.1:9') }, secret),
);
const bytes = randomBytes(10_000);
const name = nameOf(bytes);
const stripes = cutStripes(bytes);
const lies = cutStripes(randomBytes(10_000));

type Said = 'right' | 'lie' | 'miss' | 'none' | 'broken';

function answerOf(said: Said, stripe: number): MemberAnswer {
  const given = (one: Stripe | undefined): MemberAnswer => ({
    kind: 'stripes',
    stripes: one === undefined ? [] : [one],
    broken: one === undefined,
  });
  if (said === 'right') return given(stripes[stripe]!);
  if (said === 'lie') return given(lies[stripe]!);
  return said === 'broken' ? given(undefined) : { kind: said };
}

test('any mixture of answers in any order: the chunk where four right ones are, never anything else', () => {
  const said = fc.constantFrom<Said>('right', 'right', 'right', 'right', 'lie', 'miss', 'none', 'broken');
  fc.assert(
    fc.property(
      fc.array(said, { minLength: 5, maxLength: 5 }),
      fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }),
      (all, order) => {
        const gathering = new Gathering(name, bytes.length, 5);
        let made: Buffer | null = null;
        let liar: MemberClient | null = null;
        for (const [place, which] of order.entries()) {
          const outcome = gathering.add(clients[which]!, answerOf(all[which]!, which));
          if (outcome === null) {
            if (made === null && gathering.hopeless) break;
            continue;
          }
          assert.equal(made, null);
          made = outcome.bytes;
          liar = outcome.liar;
          assert.ok(made.equals(bytes), `after ${place + 1} answers`);
        }
        const right = all.filter((one) => one === 'right').length;
        assert.equal(made !== null, right >= 4);
        if (liar !== null) assert.equal(all[Number(liar.id.slice(1))], 'lie');
        if (made === null) return;
        // What is mended: the one stripe that is not held, at the one that answered without it.
        const odd = all.findIndex((one) => one !== 'right');
        const silent = odd < 0 || all[odd] === 'none';
        // A lie that came after the first four is taken for the stripe it claims to be, until somebody needs it.
        const believed = all[odd] === 'lie' && liar === null;
        assert.deepEqual(
          gathering.repairs().map(({ client, indexes }) => [client.id, ...indexes]),
          silent || believed ? [] : [[`m${odd}`, odd]],
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('two that hold the same stripe: the second gets the one that is missing', () => {
  const gathering = new Gathering(name, bytes.length, 6);
  for (const [which, stripe] of [0, 1, 2, 2, 3].entries()) {
    const outcome = gathering.add(clients[which]!, answerOf('right', stripe));
    assert.equal(outcome !== null, which === 4);
  }
  gathering.add(clients[5]!, { kind: 'miss' });
  assert.deepEqual(
    gathering.repairs().map(({ client, indexes }) => [client.id, ...indexes]),
    [['m3', 4]],
  );
});
