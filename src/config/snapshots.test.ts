import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withFolder } from '../../test/contract/folder.js';
import type { Clock } from '../kernel/ports/clock.js';
import { hourMs } from '../kernel/units.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { ConfigService } from './service.js';
import type { SnapshotKeeper, SnapshotTaken } from './snapshotkeeping.js';
import { active, call, caller, codeOf, create, creation, failure, opened, resolve, value } from './testservice.js';

const dayMs = 24 * hourMs;
const snapStart = { SnapStart: { ApplyOn: 'PublishedVersions' as const } };

/** A clock that is set, whose timers never fire by themselves. */
class SetClock implements Clock {
  ms = Date.UTC(2026, 0, 1);
  nowMs(): number {
    return this.ms;
  }
  monotonicMs(): number {
    return this.ms;
  }
  after(): () => void {
    return () => {};
  }
}

/** Keeps snapshots that are nothing but their ids. */
class FakeKeeper implements SnapshotKeeper {
  readonly ids = new Set<string>();
  readonly taken: FunctionSpec[] = [];
  readonly dropped: string[] = [];
  answer: (spec: FunctionSpec) => Promise<SnapshotTaken> = async () => ({ kind: 'taken' });

  async take(spec: FunctionSpec): Promise<SnapshotTaken> {
    this.taken.push(spec);
    const answer = await this.answer(spec);
    if (answer.kind === 'taken') this.ids.add(spec.snapshot!);
    return answer;
  }
  async has(id: string): Promise<boolean> {
    return this.ids.has(id);
  }
  async drop(id: string): Promise<void> {
    this.dropped.push(id);
    this.ids.delete(id);
  }
}

async function stateOf(service: ConfigService, version: string) {
  const view = value(await call(service, 'GetFunctionConfiguration', { FunctionName: 'f', Qualifier: version }));
  const { State, StateReasonCode, LastUpdateStatus, SnapStart } = view;
  return [State, StateReasonCode, LastUpdateStatus, SnapStart?.OptimizationStatus];
}

/** Waits for what happens in the background. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; !(await condition()); turn++) {
    assert.ok(turn < 2_000, 'it never came to that');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const within =
  (body: (service: ConfigService, keeper: FakeKeeper, clock: SetClock, folder: string) => Promise<void>) => async () =>
    await withFolder(async (folder) => {
      const keeper = new FakeKeeper();
      const clock = new SetClock();
      await opened(folder, (service) => body(service, keeper, clock, folder), undefined, { snapshots: keeper, clock });
    });

test(
  'a published version is Pending until its snapshot exists; $LATEST has none',
  within(async (service, keeper) => {
    let finish: () => void = () => {};
    const taking = new Promise<void>((resolve) => {
      finish = resolve;
    });
    keeper.answer = async () => {
      await taking;
      return { kind: 'taken' };
    };
    await create(service, 'f', snapStart);
    assert.deepEqual(await stateOf(service, '$LATEST'), ['Active', undefined, 'Successful', 'Off']);
    const becomes = active(service, '1');
    const published = value(await service.publishVersion(caller, { FunctionName: 'f' }));
    assert.deepEqual([published.State, published.SnapStart?.OptimizationStatus], ['Pending', 'Off']);
    await until(() => keeper.taken.length === 1);
    assert.deepEqual(await stateOf(service, '1'), ['Pending', 'Creating', undefined, 'Off']);
    assert.match(failure(resolve(service, 'f', '1')), /^ResourceConflictException: .* state: Pending$/);
    finish();
    const spec = await becomes;
    assert.match(spec.snapshot!, /^111111111111\.us-east-1\.f\.1\.\d{13}$/);
    assert.equal(keeper.taken[0]?.snapshot, spec.snapshot);
    assert.deepEqual(await stateOf(service, '1'), ['Active', undefined, 'Successful', 'On']);
    assert.equal(value(resolve(service, 'f', '1')).spec.snapshot, spec.snapshot);
    assert.equal(value(resolve(service, 'f')).spec.snapshot, null);
  }),
);

test(
  'Publish with creation and with new code makes a snapshot, too',
  within(async (service, keeper) => {
    await create(service, 'f', { ...snapStart, Publish: true });
    const becomes = active(service, '2');
    value(await service.updateFunctionCode(caller, { FunctionName: 'f', ZipFile: codeOf('2'), Publish: true }));
    await becomes;
    assert.deepEqual(
      keeper.taken.map(({ version }) => version),
      ['1', '2'],
    );
  }),
);

test(
  'an init that fails leaves the version Failed',
  within(async (service, keeper) => {
    const message = 'An error occurred during function initialization.';
    keeper.answer = async () => ({ kind: 'failed', failure: { code: 'FunctionError', message } });
    await create(service, 'f', snapStart);
    value(await service.publishVersion(caller, { FunctionName: 'f' }));
    await until(async () => (await stateOf(service, '1'))[0] === 'Failed');
    assert.deepEqual(await stateOf(service, '1'), ['Failed', 'FunctionError', 'Failed', 'Off']);
    assert.match(failure(resolve(service, 'f', '1')), /state: Failed$/);
  }),
);

test('where nobody keeps snapshots, a version starts from its code and says so', async () => {
  await withFolder((folder) =>
    opened(folder, async (service) => {
      await create(service, 'f', { ...snapStart, Publish: true });
      assert.deepEqual(await stateOf(service, '1'), ['Active', undefined, 'Successful', 'Off']);
      assert.equal(value(resolve(service, 'f', '1')).spec.snapshot, null);
    }),
  );
});

test(
  'after 14 idle days a version is Inactive without its snapshot; an invocation is refused and wakes it',
  within(async (service, keeper, clock) => {
    await create(service, 'f', { ...snapStart, Publish: true });
    const { spec } = value(resolve(service, 'f', '1'));
    clock.ms += 13 * dayMs;
    service.snapshotEvents.used(spec);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const sweep = () => (service.snapshotEvents as unknown as { sweep(): Promise<void> }).sweep();
    clock.ms += 2 * dayMs;
    await sweep();
    assert.deepEqual(await stateOf(service, '1'), ['Active', undefined, 'Successful', 'On'], 'it was used meanwhile');
    clock.ms += 12 * dayMs;
    await sweep();
    assert.deepEqual(await stateOf(service, '1'), ['Inactive', 'Idle', 'Successful', 'Off']);
    await until(() => keeper.dropped.length === 1);
    assert.deepEqual(keeper.dropped, [spec.snapshot]);

    const becomes = active(service, '1');
    const notReady =
      'SnapStartNotReadyException: Lambda is initializing your function. It will be ready to invoke once your function state becomes ACTIVE.';
    assert.equal(failure(resolve(service, 'f', '1')), notReady);
    await becomes;
    assert.deepEqual(await stateOf(service, '1'), ['Active', undefined, 'Successful', 'On']);
    assert.equal(keeper.taken.length, 2);

    // What cannot be initialized any more stays Inactive, and is tried again by the next invocation.
    clock.ms += 15 * dayMs;
    await sweep();
    keeper.answer = async () => ({ kind: 'failed', failure: { code: 'FunctionError', message: 'no' } });
    assert.equal(failure(resolve(service, 'f', '1')), notReady);
    await until(() => keeper.taken.length === 3);
    await until(async () => (await stateOf(service, '1'))[0] === 'Inactive');
  }),
);

test(
  'a lost snapshot is made again in the background, while the version serves from its code',
  within(async (service, keeper, clock) => {
    await create(service, 'f', { ...snapStart, Publish: true });
    const { spec } = value(resolve(service, 'f', '1'));
    keeper.ids.clear();
    let finish: (taken: SnapshotTaken) => void = () => {};
    keeper.answer = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    service.snapshotEvents.lost(spec, 'gone');
    service.snapshotEvents.lost(spec, 'gone');
    await until(() => keeper.taken.length === 2);
    assert.deepEqual(await stateOf(service, '1'), ['Active', undefined, 'Successful', 'Off']);
    assert.equal(value(resolve(service, 'f', '1')).spec.snapshot, null);
    finish({ kind: 'taken' });
    await until(async () => (await stateOf(service, '1'))[3] === 'On');
    assert.equal(keeper.taken.length, 2, 'once at a time');

    // One that cannot be made again is left alone for a while.
    service.snapshotEvents.lost(spec, 'gone');
    await until(() => keeper.taken.length === 3);
    finish({ kind: 'unsupported' });
    await until(() => true);
    service.snapshotEvents.lost(spec, 'gone');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(keeper.taken.length, 3);
    clock.ms += hourMs;
    service.snapshotEvents.lost(spec, 'gone');
    await until(() => keeper.taken.length === 4);
    finish({ kind: 'taken' });
  }),
);

test('a start looks for snapshots that are gone, and a publication that a shutdown cut off goes on', async () => {
  await withFolder(async (folder) => {
    const before = new FakeKeeper();
    await opened(
      folder,
      async (service) => {
        await create(service, 'f', { ...snapStart, Publish: true });
        before.answer = () => Promise.reject(new Error('the worker is shutting down'));
        value(await service.updateFunctionCode(caller, { FunctionName: 'f', ZipFile: codeOf('2'), Publish: true }));
        await until(() => before.taken.length === 2);
        assert.equal((await stateOf(service, '2'))[0], 'Pending');
      },
      undefined,
      { snapshots: before },
    );
    const later = new FakeKeeper();
    await opened(
      folder,
      async (service) => {
        await until(async () => (await stateOf(service, '2'))[3] === 'On' && (await stateOf(service, '1'))[3] === 'On');
        assert.deepEqual(later.taken.map(({ version }) => version).sort(), ['1', '2']);
      },
      undefined,
      { snapshots: later },
    );
    // And without anybody who could restore them, it does not claim to have them.
    await opened(folder, async (service) => {
      await until(async () => (await stateOf(service, '2'))[3] === 'Off' && (await stateOf(service, '1'))[3] === 'Off');
    });
  });
});

test(
  'snapshots go with their versions and with the function',
  within(async (service, keeper) => {
    await create(service, 'f', { ...snapStart, Publish: true });
    const becomes = active(service, '2');
    value(await service.updateFunctionCode(caller, { FunctionName: 'f', ZipFile: codeOf('2'), Publish: true }));
    await becomes;
    value(await service.deleteFunction(caller, { FunctionName: 'f', Qualifier: '1' }));
    await until(() => keeper.ids.size === 1);
    value(await service.deleteFunction(caller, { FunctionName: 'f' }));
    await until(() => keeper.ids.size === 0);
  }),
);

test(
  'SnapStart is refused where Lambda refuses it',
  within(async (service) => {
    const made = (more: object) => service.createFunction(caller, creation('f', { ...snapStart, ...more }));
    assert.equal(
      failure(await made({ Runtime: 'java8.al2' })),
      'InvalidParameterValueException: java8.al2 is not supported for SnapStart enabled functions.',
    );
    assert.equal(
      failure(await made({ EphemeralStorage: { Size: 1024 } })),
      'InvalidParameterValueException: EphemeralStorage greater than 512 MB is not supported for SnapStart enabled functions.',
    );
    await create(service, 'f', { ...snapStart, Publish: true });
    const input = { FunctionName: 'f', Qualifier: '1', ProvisionedConcurrentExecutions: 1 };
    assert.equal(
      failure(await call(service, 'PutProvisionedConcurrencyConfig', input)),
      'InvalidParameterValueException: Provisioned Concurrency is not supported for SnapStart enabled functions.',
    );
  }),
);
