import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type FakeBox, FakeDriver } from './fake/driver.js';
import { makeInvocation, makeSpec, World } from './fake/world.js';
import { Patrol } from './patrol.js';
import type { WorkerOptions } from './service.js';

const deadline = { timeout: 30_000 };

test('the patrol finds who waits to die, 64 looks a round', () => {
  let looks = 0;
  const found: number[] = [];
  const patrolled = Array.from({ length: 150 }, (_, id) => ({
    get doomed() {
      looks += 1;
      return id === 140;
    },
    letDie: () => void found.push(id),
  }));
  const patrol = new Patrol(() => patrolled);
  const rounds = Array.from({ length: 4 }, () => {
    patrol.round();
    return looks;
  });
  patrol.close();
  assert.deepEqual(rounds, [64, 128, 150, 214]);
  assert.deepEqual(found, [140]);
});

const spec = makeSpec({ version: '1', snapshot: 'snap' });

/** A worker whose seconds pass when the test says so. */
class Watched {
  readonly driver = new FakeDriver({}, true);
  readonly world: World;
  readonly #context: TestContext;
  #nowMs = 0;

  constructor(context: TestContext, over: Partial<WorkerOptions>) {
    context.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    this.#context = context;
    const clock = { nowMs: () => Date.now(), monotonicMs: () => this.#nowMs };
    this.world = new World(this.driver, { clock: clock as WorkerOptions['clock'], ...over });
  }

  get waiting(): FakeBox[] {
    return this.driver.boxes.filter(({ frozen, killed }) => frozen && !killed);
  }

  get capacity() {
    return this.world.worker.capacity();
  }

  async turns(): Promise<void> {
    for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
  }

  async seconds(count: number): Promise<void> {
    for (let second = 0; second < count; second += 1) {
      this.#nowMs += 1_000;
      this.#context.mock.timers.tick(1_000);
      await this.turns();
    }
  }
}

test(
  'a spare killed while it is frozen is found in a second, cleared away, counted, replaced',
  deadline,
  async (context) => {
    const watched = new Watched(context, { sparesPerRuntime: 2 });
    const { worker } = watched.world;
    worker.prewarm('nodejs20.x', spec.account);
    await worker.spared();
    const [first, second] = watched.waiting;
    first!.killedFrozen = true;
    await watched.seconds(1);
    assert.deepEqual([first!.killed, second!.killed], [true, false]);
    assert.deepEqual([watched.capacity.spares, watched.capacity.lost], [{ 'nodejs20.x': 1 }, { spares: 1, clones: 0 }]);
    assert.equal(watched.capacity.memoryUsedMib, 64);
    // Where frozen processes can be killed, their end tells at once.
    second!.exit({ signal: 'SIGKILL' });
    await watched.turns();
    assert.deepEqual([second!.killed, watched.capacity.lost.spares], [true, 2]);
    await watched.seconds(5);
    assert.deepEqual([watched.waiting.length, watched.capacity.spares], [2, { 'nodejs20.x': 2 }]);
    await worker.close();
    assert.ok(watched.driver.boxes.every(({ killed }) => killed));
    assert.equal(watched.capacity.lost.spares, 2, 'their end was wanted');
  },
);

test('what was killed a moment ago is not taken: neither spare nor clone', deadline, async (context) => {
  const watched = new Watched(context, { sparesPerRuntime: 2 });
  const { world, driver } = watched;
  world.worker.prewarm('nodejs20.x', spec.account);
  await world.worker.spared();
  const [spare, other] = watched.waiting;
  spare!.killedFrozen = true;
  await world.stop(await world.start(makeSpec()));
  assert.deepEqual([spare!.binding, spare!.killed, other!.binding === null], [null, true, false]);
  await world.worker.capture(spec);
  await world.stop(await world.start(spec));
  await world.worker.spared();
  const clones = watched.waiting.filter(({ binding }) => binding !== null);
  assert.equal(clones.length, 2);
  clones[0]!.killedFrozen = true;
  const restores = driver.snapshots!.restores;
  const id = await world.start(spec);
  assert.equal((await world.invoke(id, makeInvocation(spec))).kind, 'success');
  assert.deepEqual([driver.snapshots!.restores, clones.map(({ killed }) => killed)], [restores, [true, false]]);
  assert.deepEqual(watched.capacity.lost, { spares: 1, clones: 1 });
  await world.worker.close();
});

test(
  'a clone killed while it waits is found in a second, cleared away, counted, replaced',
  deadline,
  async (context) => {
    const watched = new Watched(context, { sparesPerRuntime: 1 });
    const { world, driver } = watched;
    await world.worker.capture(spec);
    await world.stop(await world.start(spec));
    await world.worker.spared();
    world.events.length = 0;
    const clones = watched.waiting.filter(({ binding }) => binding !== null);
    assert.equal(clones.length, 2);
    clones[0]!.killedFrozen = true;
    await watched.seconds(1);
    assert.deepEqual([clones.map(({ killed }) => killed), watched.capacity.lost.clones], [[true, false], 1]);
    assert.equal(watched.capacity.spares['f:1'], 1);
    assert.equal(driver.scratches.filter(({ disposed }) => !disposed).length, 1, 'the other one has its own');
    await watched.seconds(2);
    assert.equal(watched.capacity.spares['f:1'], 2);
    assert.deepEqual(world.events, [], 'the fleet hears nothing of it');
    await world.worker.close();
    assert.ok(driver.boxes.every(({ killed }) => killed));
    assert.ok(driver.scratches.every(({ disposed }) => disposed));
  },
);
