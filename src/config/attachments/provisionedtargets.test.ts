import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { codeOf, id, settings, World } from '../testworld.js';
import { emptyAttachment } from './attachments.js';
import { provisionedShares, provisionedStanding, provisionedTargets } from './provisionedtargets.js';

/** A function with active versions 1, 2 and 3, aliases, and what is asked for by qualifier. */
function functionWith(
  aliases: Readonly<Record<string, readonly [version: string, second?: string, weight?: number]>>,
  asked: Readonly<Record<string, number>>,
): World {
  const world = new World();
  const more = { tags: {}, codeSigningConfigArn: null, publish: true, generationMin: 0 };
  world.input({ kind: 'create', ...world.stamp(), id, settings, code: codeOf(1), ...more });
  while (world.owed.length > 0) world.prepare();
  for (const version of ['2', '3']) world.versions.set(version, { ...world.versions.get('1')!, version });
  for (const [name, [version, second, weight]] of Object.entries(aliases)) {
    const routing = second === undefined ? null : { version: second, weight: weight! };
    world.aliases.set(name, { name, version, description: '', routing, revisionId: 'r' });
  }
  for (const [qualifier, requested] of Object.entries(asked)) {
    const provisioned = { requested, lastModifiedMs: 0 };
    world.attachments.set(qualifier, { ...emptyAttachment(qualifier), provisioned });
  }
  return world;
}

const targets = (world: World): Record<string, number> =>
  Object.fromEntries(provisionedTargets(world.state()!).map(({ record, count }) => [record.version, count]));

describe('provisioned targets', () => {
  it('an alias divides by its weights; what asks for the same version is added', () => {
    const world = functionWith({ a: ['1', '2', 0.25], b: ['2'] }, { a: 10, b: 4, '3': 1 });
    assert.deepEqual(targets(world), { '1': 7, '2': 7, '3': 1 });
    world.versions.set('1', { ...world.versions.get('1')!, state: 'Pending' });
    assert.deepEqual(targets(world), { '2': 7, '3': 1 }, 'what is not active has to wait');
  });

  it('aliases of one version are told their part, in order of name', () => {
    const state = functionWith({ a: ['1'], b: ['1'] }, { a: 3, b: 2 }).state()!;
    const pool = { requested: 5, allocated: 4, available: 1, busy: 0, failed: false };
    assert.deepEqual(
      provisionedStanding(state, 'a', () => pool),
      { allocated: 3, available: 1, failure: null },
    );
    assert.deepEqual(
      provisionedStanding(state, 'b', () => pool),
      { allocated: 1, available: 0, failure: null },
    );
    const failed = { ...pool, failed: true };
    assert.equal(provisionedStanding(state, 'b', () => failed).failure, 'FUNCTION_ERROR_INIT_FAILURE');
    assert.deepEqual(
      provisionedStanding(state, 'a', () => null),
      { allocated: 0, available: 0, failure: null },
    );
  });

  it('property: targets are all that is asked for, and what is told of all is what is there', () => {
    const weights = fc.double({ min: 0, max: 1, noNaN: true });
    const counts = fc.integer({ min: 1, max: 900 });
    fc.assert(
      fc.property(weights, weights, counts, counts, counts, fc.integer({ min: 0, max: 2_000 }), (v, w, a, b, c, n) => {
        const state = functionWith({ a: ['1', '2', v], b: ['2', '3', w] }, { a, b, '1': c }).state()!;
        const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0);
        const wanted = provisionedTargets(state);
        assert.equal(sum(wanted.map(({ count }) => count)), a + b + c);
        assert.ok(provisionedShares(state).every(({ count }) => count >= 0));
        const countOf = (version: string): number =>
          wanted.find(({ record }) => record.version === version)?.count ?? 0;
        const told = ['a', 'b', '1'].map((one) =>
          provisionedStanding(state, one, ({ version }) => ({
            requested: countOf(version),
            allocated: Math.min(n, countOf(version)),
            available: 0,
            busy: 0,
            failed: false,
          })),
        );
        const there = sum(['1', '2', '3'].map((version) => Math.min(n, countOf(version))));
        assert.equal(sum(told.map(({ allocated }) => allocated)), there);
      }),
      { numRuns: 200 },
    );
  });
});
