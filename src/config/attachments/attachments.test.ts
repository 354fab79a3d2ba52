import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ConfigEffect, ConfigInput } from '../messages.js';
import { policyBytesMax, policyText } from '../policies/permissions.js';
import { codeOf, id, settings, World } from '../testworld.js';
import { isEmpty } from './attachments.js';
import { provisionedTotal } from './provisioned.js';

const refused = (effects: readonly ConfigEffect[]): boolean => effects.some(({ kind }) => kind === 'refuse');

function functionWith(qualifiers: readonly string[]): World {
  const world = new World();
  const rest = { settings, code: codeOf(0), tags: {}, codeSigningConfigArn: null, publish: true, generationMin: 0 };
  world.input({ kind: 'create', ...world.stamp(), id, ...rest });
  while (world.owed.length > 0) world.prepare();
  for (const name of qualifiers) {
    world.input({ kind: 'create-alias', ...world.stamp(), name, version: '1', description: '', weights: {} });
  }
  return world;
}

describe('what is attached to qualifiers', () => {
  it('any order of changes keeps every promise', () => {
    const qualifier = fc.constantFrom('$LATEST', '1', '2', 'live', 'other');
    const sid = fc.constantFrom('a', 'b', 'c');
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('add-permission' as const), qualifier, sid, long: fc.boolean() }),
      fc.record({ kind: fc.constant('remove-permission' as const), qualifier, sid }),
      fc.record({ kind: fc.constant('put-policy' as const), qualifier, empty: fc.boolean() }),
      fc.record({ kind: fc.constant('set-event-invoke' as const), qualifier, merge: fc.boolean() }),
      fc.record({ kind: fc.constant('delete-event-invoke' as const), qualifier }),
      fc.record({
        kind: fc.constant('set-provisioned' as const),
        qualifier,
        requested: fc.integer({ min: 1, max: 700 }),
      }),
      fc.record({ kind: fc.constant('delete-provisioned' as const), qualifier }),
      fc.record({ kind: fc.constant('set-runtime-management' as const), qualifier, manual: fc.boolean() }),
      fc.record({ kind: fc.constant('reserve' as const), concurrency: fc.option(fc.integer({ min: 0, max: 900 })) }),
      fc.record({ kind: fc.constant('delete' as const), qualifier: fc.constant('1') }),
      fc.record({ kind: fc.constant('delete-alias' as const), name: fc.constantFrom('live', 'other') }),
    );
    type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;
    const inputOf = (world: World, wanted: Operation): ConfigInput => {
      const stamp = world.stamp();
      switch (wanted.kind) {
        case 'add-permission': {
          const Resource = 'r'.repeat(wanted.long ? policyBytesMax / 2 : 1);
          const statement = { Sid: wanted.sid, Effect: 'Allow', Principal: '*', Action: '*', Resource } as const;
          return { ...stamp, kind: wanted.kind, qualifier: wanted.qualifier, statement, expectedRevisionId: null };
        }
        case 'put-policy': {
          const statements = wanted.empty
            ? []
            : ([{ Sid: 'a', Effect: 'Allow', Principal: '*', Action: '*', Resource: 'r' }] as const);
          return { ...stamp, kind: wanted.kind, qualifier: wanted.qualifier, statements, expectedRevisionId: null };
        }
        case 'remove-permission':
          return { ...stamp, ...wanted, expectedRevisionId: null };
        case 'set-event-invoke':
          return { ...stamp, ...wanted, retryAttemptsMax: 1, eventAgeSecondsMax: null, destinations: null };
        case 'set-provisioned':
          return { ...stamp, ...wanted, committedElsewhere: 0, accountConcurrency: 1_000 };
        case 'set-runtime-management':
          return {
            kind: wanted.kind,
            qualifier: wanted.qualifier,
            updateRuntimeOn: wanted.manual ? 'Manual' : 'Auto',
            runtimeVersionArn: wanted.manual ? 'here' : null,
            availableArn: 'here',
          };
        case 'reserve':
          return { ...wanted, committedElsewhere: 0, accountConcurrency: 1_000 };
        default:
          return wanted;
      }
    };
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const world = functionWith(['live', 'other']);
        for (const wanted of operations) {
          const before = new Map(world.attachments);
          const effects = world.input(inputOf(world, wanted));
          if (refused(effects)) assert.deepEqual(world.attachments, before, 'a refused change changes nothing');
          for (const [key, record] of world.attachments) {
            assert.ok(!isEmpty(record), 'what says nothing is not stored');
            assert.equal(record.qualifier, key);
            assert.ok(world.versions.has(key) || world.aliases.has(key), 'nothing outlives what it is attached to');
            assert.equal(new Set(record.policy.map(({ Sid }) => Sid)).size, record.policy.length);
            assert.ok(Buffer.byteLength(policyText(record.policy)) <= policyBytesMax);
            if (record.provisioned === null) continue;
            const version = world.aliases.get(key)?.version ?? key;
            assert.notEqual(version, '$LATEST');
            assert.ok(version === key || !world.attachments.get(version)?.provisioned, 'a version is provisioned once');
          }
          const reserved = world.record?.reserved ?? null;
          if (wanted.kind === 'set-provisioned' && reserved !== null && !refused(effects)) {
            assert.ok(provisionedTotal(world.state()!) <= reserved);
          }
        }
        world.input({ kind: 'delete', qualifier: null });
        assert.equal(world.attachments.size, 0);
      }),
      { numRuns: 300 },
    );
  });

  it('a policy has a revision: that of its version or alias', () => {
    const world = functionWith(['live']);
    const before = world.aliases.get('live')?.revisionId;
    const statement = { Sid: 'a', Effect: 'Allow', Principal: '*', Action: '*', Resource: 'r' } as const;
    const add = { kind: 'add-permission', qualifier: 'live', statement } as const;
    const [stale] = world.input({ ...add, ...world.stamp(), expectedRevisionId: 'stale' });
    assert.ok(stale?.kind === 'refuse' && stale.failure.code === 'PreconditionFailedException');
    world.input({ ...add, ...world.stamp(), expectedRevisionId: before! });
    assert.notEqual(world.aliases.get('live')?.revisionId, before);
    assert.equal(world.attachments.get('live')?.policy.length, 1);
  });
});
