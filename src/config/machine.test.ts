import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { running } from './code/versioncode.js';
import { settled } from './machine.js';
import type { ConfigEffect, ConfigInput, VersionRecord } from './messages.js';
import { codeOf, id, settings, World } from './testworld.js';

/** One line per effect: what a golden trace shows. */
function line(effect: ConfigEffect): string {
  const of = (record: VersionRecord | null): string =>
    record === null ? 'gone' : `${record.state}/${record.update} @${record.generation} ${record.revisionId}`;
  switch (effect.kind) {
    case 'write':
      return `write ${effect.writes
        .map((write) =>
          write.kind === 'version'
            ? `${write.version}=${of(write.record)}`
            : write.kind === 'function'
              ? `function=${write.record === null ? 'gone' : `next ${write.record.nextVersion}`}`
              : write.kind === 'url'
                ? `url ${write.qualifier}=${write.record === null ? 'gone' : write.record.authType}`
                : write.kind === 'attachment'
                  ? `attachment ${write.qualifier}=${write.record === null ? 'gone' : 'set'}`
                  : `alias ${write.name}=${write.record === null ? 'gone' : write.record.version}`,
        )
        .join(', ')}`;
    case 'superseded':
      return `superseded ${effect.pool} ${effect.reason}`;
    case 'prepare':
      return `prepare ${effect.version} @${effect.generation}`;
    case 'version-active':
      return `active ${effect.version}`;
    case 'reply-version':
      return `reply ${effect.record.version} ${of(effect.record)}`;
    case 'refuse':
      return `refuse ${effect.failure.code}`;
    default:
      return effect.kind;
  }
}

describe('configuration machine', () => {
  it('golden trace: create, update while pending, activate, update, publish, alias, delete', () => {
    const world = new World();
    const trace: string[] = [];
    const run = (input: ConfigInput): void => {
      trace.push(`> ${input.kind}`, ...world.input(input).map(line));
    };
    const update = (n: number, publish: boolean): ConfigInput => ({
      kind: 'update-code',
      ...world.stamp(),
      code: codeOf(n),
      dryRun: false,
      publish,
      expectedRevisionId: null,
    });
    run({
      kind: 'create',
      ...world.stamp(),
      id,
      settings,
      code: codeOf(1),
      tags: {},
      publish: false,
      codeSigningConfigArn: null,
      generationMin: 0,
    });
    run(update(2, false));
    trace.push('> prepared', ...world.prepare().map(line));
    world.nowMs = 2_000;
    run(update(2, true));
    run(update(3, false));
    trace.push('> prepared', ...world.prepare().map(line));
    trace.push('> prepared', ...world.prepare().map(line));
    run({
      kind: 'create-alias',
      ...world.stamp(),
      name: 'live',
      version: '1',
      description: '',
      weights: {},
    });
    run({ kind: 'delete', qualifier: '1' });
    run({ kind: 'delete', qualifier: null });
    run({ kind: 'delete', qualifier: null });
    assert.deepEqual(trace, [
      '> create',
      'write function=next 1, $LATEST=Pending/null @1000 r1',
      'reply $LATEST Pending/null @1000 r1',
      'prepare $LATEST @1000',
      '> update-code',
      'refuse ResourceConflictException',
      '> prepared',
      'write $LATEST=Active/Successful @1000 r5',
      'active $LATEST',
      '> update-code',
      'write $LATEST=Active/InProgress @2000 r7, function=next 2, 1=Pending/null @2000 r8',
      'reply 1 Pending/null @2000 r8',
      'prepare $LATEST @2000',
      'prepare 1 @2000',
      '> update-code',
      'refuse ResourceConflictException',
      '> prepared',
      'write $LATEST=Active/Successful @2000 r11',
      'superseded 111111111111/us-east-1/f/$LATEST@1000 superseded',
      'active $LATEST',
      '> prepared',
      'write 1=Active/Successful @2000 r13',
      'active 1',
      '> create-alias',
      'write alias live=1',
      'reply-alias',
      '> delete',
      'refuse ResourceConflictException',
      '> delete',
      'write function=gone, $LATEST=gone, 1=gone, alias live=gone',
      'superseded 111111111111/us-east-1/f/$LATEST@2000 function-deleted',
      'superseded 111111111111/us-east-1/f/1@2000 function-deleted',
      'function-deleted',
      'reply',
      '> delete',
      'refuse ResourceNotFoundException',
    ]);
  });

  it('fails a version whose code cannot be unpacked, and lets the next update heal it', () => {
    const world = new World();
    world.input({
      kind: 'create',
      ...world.stamp(),
      id,
      settings,
      code: codeOf(1),
      tags: {},
      publish: false,
      codeSigningConfigArn: null,
      generationMin: 0,
    });
    assert.deepEqual(world.prepare('broken').map(line), ['write $LATEST=Failed/Failed @1000 r3']);
    const expectedRevisionId = 'r3';
    const update = { kind: 'update-code', code: codeOf(2), dryRun: false, publish: false, expectedRevisionId } as const;
    assert.ok(!refused(world.input({ ...update, ...world.stamp() })));
    assert.deepEqual(world.prepare().map(line), ['write $LATEST=Active/Successful @1001 r7', 'active $LATEST']);
  });

  it('what worked serves until an update is successful, and goes when it is', () => {
    const world = new World();
    const more = { tags: {}, publish: false, codeSigningConfigArn: null, generationMin: 0 };
    world.input({ kind: 'create', ...world.stamp(), id, settings, code: codeOf(1), ...more });
    world.prepare();
    const now = (): readonly [code: string, generation: number] => {
      const { code, generation } = running(world.versions.get('$LATEST')!);
      return [code.sha256Hex.slice(0, 1), generation];
    };
    const update = (n: number) =>
      world.input({
        kind: 'update-code',
        ...world.stamp(),
        code: codeOf(n),
        dryRun: false,
        publish: false,
        expectedRevisionId: null,
      });
    assert.ok(!update(2).some(({ kind }) => kind === 'superseded'));
    assert.deepEqual(now(), ['1', 1_000]);
    assert.ok(!world.prepare('broken').some(({ kind }) => kind === 'superseded'));
    assert.deepEqual(now(), ['1', 1_000], 'a failed update changes nothing');
    update(3);
    assert.deepEqual(now(), ['1', 1_000]);
    const superseded = world.prepare().filter(({ kind }) => kind === 'superseded');
    assert.deepEqual(superseded.map(line), ['superseded 111111111111/us-east-1/f/$LATEST@1000 superseded']);
    assert.deepEqual(now(), ['3', 1_002]);
    update(4);
    const deleted = world.input({ kind: 'delete', qualifier: null }).filter(({ kind }) => kind === 'superseded');
    assert.deepEqual(deleted.map(line), [
      'superseded 111111111111/us-east-1/f/$LATEST@1003 function-deleted',
      'superseded 111111111111/us-east-1/f/$LATEST@1002 function-deleted',
    ]);
  });

  it('an update that an older version began is finished as it began it', () => {
    const world = new World();
    const more = { tags: {}, publish: false, codeSigningConfigArn: null, generationMin: 0 };
    world.input({ kind: 'create', ...world.stamp(), id, settings, code: codeOf(1), ...more });
    const prepare = world.owed[0]!;
    const stored = {
      ...world.versions.get('$LATEST')!,
      code: codeOf(2),
      state: 'Active',
      update: 'InProgress',
    } as const;
    world.versions.set('$LATEST', { ...stored, previous: { settings, code: codeOf(1) } });
    assert.deepEqual(running(world.versions.get('$LATEST')!).code, codeOf(2));
    world.owed = [prepare];
    assert.deepEqual(world.prepare('broken').map(line), [
      'write $LATEST=Active/Failed @1001 r3',
      'superseded 111111111111/us-east-1/f/$LATEST@1000 superseded',
    ]);
    const { code, generation } = running(world.versions.get('$LATEST')!);
    assert.deepEqual([code, generation], [codeOf(1), 1_001]);
  });

  it('keeps its promises over any sequence of operations (property)', () => {
    const version = fc.constantFrom('$LATEST', '1', '2', '3');
    const name = fc.constantFrom('a', 'b');
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('create' as const), publish: fc.boolean() }),
      fc.record({
        kind: fc.constant('update-code' as const),
        n: fc.nat(2),
        publish: fc.boolean(),
        stale: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('update-settings' as const), timeoutSeconds: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant('publish' as const) }),
      fc.record({ kind: fc.constant('prepared' as const) }),
      fc.record({ kind: fc.constant('delete' as const), qualifier: fc.option(version, { freq: 4 }) }),
      fc.record({ kind: fc.constant('create-alias' as const), name, version, other: fc.option(version) }),
      fc.record({
        kind: fc.constant('update-alias' as const),
        name,
        version: fc.option(version),
        other: fc.option(version),
      }),
      fc.record({ kind: fc.constant('delete-alias' as const), name }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(3) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const world = new World();
        // The reference: the number of the next version, and what each published one was made of.
        let next: number | null = null;
        const published = new Map<string, string>();
        const pools = new Set<string>();
        let generationMax = 0;
        for (const wanted of operations) {
          const before = new Map(world.versions);
          const latest = before.get('$LATEST');
          const free = latest !== undefined && settled(latest);
          let effects: readonly ConfigEffect[] = [];
          const timed = world.stamp();
          if (wanted.kind === 'wait') world.nowMs += wanted.ms;
          else if (wanted.kind === 'prepared') effects = world.prepare();
          else if (wanted.kind === 'create') {
            const { publish } = wanted;
            const rest = {
              settings,
              code: codeOf(0),
              tags: {},
              codeSigningConfigArn: null,
              publish,
              generationMin: generationMax + 1,
            };
            effects = world.input({ kind: 'create', ...timed, id, ...rest });
            assert.equal(refused(effects), next !== null);
            if (next === null) next = publish ? 2 : 1;
          } else if (wanted.kind === 'update-code') {
            const expectedRevisionId = wanted.stale ? 'stale' : null;
            const code = codeOf(wanted.n);
            effects = world.input({
              kind: 'update-code',
              ...timed,
              code,
              dryRun: false,
              publish: wanted.publish,
              expectedRevisionId,
            });
            assert.equal(refused(effects), !free || wanted.stale);
            if (!refused(effects) && wanted.publish) next!++;
          } else if (wanted.kind === 'update-settings') {
            const changed = { ...settings, timeoutSeconds: wanted.timeoutSeconds };
            effects = world.input({ kind: 'update-settings', ...timed, settings: changed, expectedRevisionId: null });
            assert.equal(refused(effects), !free);
          } else if (wanted.kind === 'publish') {
            const nothing = { codeSha256Hex: null, codeSha256: null, currentCodeSha256: null, description: null };
            effects = world.input({ kind: 'publish', ...timed, ...nothing, expectedRevisionId: null });
            assert.equal(refused(effects), !free);
            if (effects.some((effect) => effect.kind === 'write')) next!++;
          } else if (wanted.kind === 'delete') {
            effects = world.input({ kind: 'delete', qualifier: wanted.qualifier });
            if (wanted.qualifier === null) {
              assert.equal(refused(effects), next === null);
              next = null;
              published.clear();
              assert.equal(world.versions.size + world.aliases.size, 0);
            }
          } else if (wanted.kind === 'delete-alias') effects = world.input({ kind: 'delete-alias', name: wanted.name });
          else {
            const weights = wanted.other === null ? {} : { [wanted.other]: 0.5 };
            const common = { ...timed, name: wanted.name, weights };
            effects =
              wanted.kind === 'create-alias'
                ? world.input({ ...common, kind: 'create-alias', version: wanted.version, description: '' })
                : world.input({
                    ...common,
                    kind: 'update-alias',
                    version: wanted.version,
                    description: null,
                    expectedRevisionId: null,
                  });
          }
          if (refused(effects)) assert.equal(effects.length, 1);
          assert.equal(world.record?.nextVersion ?? null, next);
          for (const [number, record] of world.versions) {
            const was = before.get(number);
            if (was === record) continue;
            assert.notEqual(was?.revisionId, record.revisionId, 'every change has its revision');
            if (was?.generation !== record.generation) {
              const pool = `${number}@${record.generation}`;
              assert.ok(!pools.has(pool), `pool ${pool} came back`);
              pools.add(pool);
              generationMax = Math.max(generationMax, record.generation);
            }
            if (number === '$LATEST') continue;
            const content = JSON.stringify([record.code, record.settings, record.generation]);
            assert.equal(published.get(number) ?? content, content, 'a published version changed');
            published.set(number, content);
          }
          for (const alias of world.aliases.values()) {
            assert.ok(world.versions.has(alias.version), 'an alias points nowhere');
            assert.ok(alias.routing === null || world.versions.has(alias.routing.version));
          }
          assert.equal(world.versions.has('$LATEST'), world.record !== null);
        }
        while (world.owed.length > 0) world.prepare();
        for (const record of world.versions.values()) assert.ok(settled(record) && record.state === 'Active');
      }),
      { numRuns: 500 },
    );
  });
});

function refused(effects: readonly ConfigEffect[]): boolean {
  return effects.some((effect) => effect.kind === 'refuse');
}
