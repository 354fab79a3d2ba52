import assert from 'node:assert/strict';
import test, { mock, type TestContext } from 'node:test';
import type { SnapshotRecord } from '../../../snapshot/record.js';
import { DriverError } from '../driver.js';
import { lossesMax } from '../standby.js';
import { type Preparation, type PreparationParts, PreparedMachines, preparedMax } from './preparedmachines.js';
import type { PreparedRunning, Running } from './running.js';

const deadline = { timeout: 30_000 };
/** Longer than a machine that has just been started has the processor to itself. */
const restMs = 2_000;

function preparation(id: string, memory = 'memory'): Preparation {
  const record = { account: '1', layer: 'function', id, memory, state: 's' } as SnapshotRecord;
  const load = async () => ({ snapshot: { record } }) as unknown as PreparationParts;
  return { record, tenant: '1', runtimeImageId: null, load };
}

/** Machines without monitors. */
class World {
  /** Those that wait, by id, with the snapshot they are of. */
  readonly waiting = new Map<string, string>();
  readonly #ends = new Map<string, () => void>();
  /** Ids of machines, as they were started. */
  readonly started: string[] = [];
  refuses = false;
  /** Preparations last until it is called. */
  held: (() => void) | null = null;
  holds = false;
  nowMs = 0;
  readonly machines: PreparedMachines;

  constructor(context: TestContext, countMax?: number) {
    mock.timers.enable({ apis: ['setTimeout'] });
    context.after(() => mock.timers.reset());
    const world = {
      prepare: (id: string, parts: PreparationParts) => this.#prepare(id, parts.snapshot.record.id),
      start: (_boxId: string, { monitor }: PreparedRunning) => this.#start(monitor.id),
      nowMs: () => this.nowMs,
    };
    this.machines = new PreparedMachines(world, countMax);
  }

  /** Time goes by, and what it brings comes to its end. */
  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    mock.timers.tick(ms);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Whose machines wait, sorted. */
  get snapshots(): string[] {
    return [...this.waiting.values()].sort();
  }

  end(id: string): void {
    this.waiting.delete(id);
    this.#ends.get(id)!();
  }

  async #prepare(id: string, snapshot: string): Promise<PreparedRunning> {
    if (this.refuses) throw new DriverError('no room');
    assert.ok(!this.waiting.has(id), 'ids are unique');
    if (this.holds) {
      await new Promise<void>((resolve) => (this.held = resolve));
      if (this.refuses) throw new DriverError('no room any more');
    }
    this.waiting.set(id, snapshot);
    const ended = new Promise<void>((resolve) => this.#ends.set(id, resolve));
    const dispose = async () => void this.waiting.delete(id);
    return { monitor: { id }, ended, dispose } as unknown as PreparedRunning;
  }

  async #start(id: string): Promise<Running> {
    if (!this.waiting.delete(id)) throw new DriverError('it has ended');
    this.started.push(id);
    return {} as Running;
  }
}

test('a start takes a machine that waits; another is made once starts have come to rest', deadline, async (context) => {
  const world = new World(context);
  await world.machines.start('box1', preparation('a'));
  assert.deepEqual(world.started, ['box1'], 'nothing waited');
  await world.pass(restMs - 1);
  assert.equal(world.waiting.size, 0, 'the start has the processor');
  await world.pass(1);
  assert.deepEqual(world.snapshots, ['a', 'a']);
  assert.equal(world.machines.count, preparedMax);
  await world.machines.start('box2', preparation('a'));
  await world.machines.start('box3', preparation('a'));
  assert.deepEqual(world.started, ['box1', 'prepared.1', 'prepared.2']);
  await world.machines.start('box4', preparation('a'));
  assert.equal(world.started.at(-1), 'box4');
  await world.pass(restMs);
  assert.deepEqual(world.snapshots, ['a', 'a']);
});

test('nothing is made while something starts', deadline, async (context) => {
  const world = new World(context);
  world.holds = true;
  const starting = world.machines.start('box1', preparation('a'));
  await world.pass(0);
  world.holds = false;
  await world.pass(10 * restMs);
  assert.equal(world.machines.count, 0);
  world.held!();
  await starting;
  await world.pass(restMs);
  assert.deepEqual(world.snapshots, ['a', 'a']);
});

test('the snapshot used longest ago makes room, and nothing waits for ever', deadline, async (context) => {
  const world = new World(context);
  for (const id of ['a', 'b', 'c']) {
    await world.machines.start(`box-${id}`, preparation(id));
    await world.pass(restMs);
    assert.ok(world.machines.count <= preparedMax);
  }
  assert.deepEqual(world.snapshots, ['b', 'c']);
  await world.pass(11 * 60_000);
  assert.deepEqual(world.snapshots, []);
});

test('what is gone, or was captured again, is not started from', deadline, async (context) => {
  const world = new World(context);
  await world.machines.start('box1', preparation('a'));
  await world.pass(restMs);
  await world.machines.start('box2', preparation('a', 'other memory'));
  assert.equal(world.started.at(-1), 'box2', 'the one that waited is of the snapshot before');
  world.machines.forget(preparation('a').record);
  await world.pass(2 * restMs);
  assert.deepEqual(world.snapshots, []);
});

test('one that is being made when its snapshot goes, or everything ends, goes, too', deadline, async (context) => {
  for (const end of ['forget', 'drop', 'close'] as const) {
    const world = new World(context);
    await world.machines.start('box1', preparation('a'));
    world.holds = true;
    await world.pass(restMs);
    assert.equal(world.machines.count, 1);
    const closed = end === 'close' ? world.machines.close() : null;
    if (end === 'forget') world.machines.forget(preparation('a').record);
    if (end === 'drop') assert.equal(world.machines.drop(), true);
    world.held!();
    await closed;
    await world.pass(restMs);
    assert.deepEqual([world.waiting.size, world.machines.count], [0, 0], end);
    mock.timers.reset();
  }
});

test('memory that is short comes back, until the snapshot is used again', deadline, async (context) => {
  const world = new World(context);
  await world.machines.start('box1', preparation('a'));
  await world.pass(restMs);
  assert.equal(world.machines.mib, 2 * 24);
  assert.equal(world.machines.drop(), true);
  await world.pass(2 * restMs);
  assert.deepEqual(world.snapshots, ['a']);
  assert.deepEqual([world.machines.drop(), world.machines.drop()], [true, false]);
  assert.equal(world.machines.mib, 0);
  await world.pass(2 * restMs);
  assert.deepEqual(world.snapshots, []);
  await world.machines.start('box2', preparation('a'));
  await world.pass(restMs);
  assert.deepEqual(world.snapshots, ['a', 'a']);
});

test('a machine that ended while it waited costs its start nothing but time', deadline, async (context) => {
  const world = new World(context);
  await world.machines.start('box1', preparation('a'));
  await world.pass(restMs);
  for (const id of [...world.waiting.keys()]) world.waiting.delete(id); // Nobody has told us yet.
  await world.machines.start('box2', preparation('a'));
  assert.equal(world.started.at(-1), 'box2');
  world.end('prepared.2');
  await world.pass(0);
  await world.pass(restMs);
  assert.deepEqual(world.snapshots, ['a', 'a'], 'there was a start since it was made');
  for (let lost = 2; lost < lossesMax; lost++) {
    world.end([...world.waiting.keys()][0]!);
    await world.pass(0);
    await world.pass(restMs - 1);
    assert.equal(world.machines.count, 1, 'not made again and again without a pause');
    await world.pass(1);
    assert.deepEqual(world.snapshots, ['a', 'a']);
  }
  world.end([...world.waiting.keys()][0]!);
  await world.pass(0);
  await world.pass(2 * restMs);
  assert.equal(world.machines.count, 0, 'what cannot stay is not made again before the snapshot is used again');
  await world.machines.start('box3', preparation('a'));
  await world.pass(restMs);
  assert.deepEqual(world.snapshots, ['a', 'a']);
});

test('what cannot be prepared is not tried again before it is used', deadline, async (context) => {
  const world = new World(context);
  await world.machines.start('box1', preparation('a'));
  world.refuses = true;
  await world.pass(restMs);
  world.refuses = false;
  await world.pass(10 * restMs);
  assert.deepEqual([world.waiting.size, world.machines.count], [0, 0]);
  await world.machines.start('box2', preparation('a'));
  await world.pass(restMs);
  assert.deepEqual(world.snapshots, ['a', 'a']);
});

test(
  'one that failed while it was being made is tried again where a start came meanwhile',
  deadline,
  async (context) => {
    const world = new World(context);
    await world.machines.start('box1', preparation('a'));
    world.holds = true;
    await world.pass(restMs);
    world.holds = false;
    await world.machines.start('box2', preparation('a'));
    world.refuses = true;
    world.held!(); // Its monitor is killed.
    await world.pass(0);
    world.refuses = false;
    await world.pass(2 * restMs);
    assert.deepEqual(world.snapshots, ['a', 'a']);
  },
);

test(
  'after the end starts go on, and nothing waits; where nothing may wait, nothing does',
  deadline,
  async (context) => {
    for (const countMax of [preparedMax, 0]) {
      const world = new World(context, countMax);
      if (countMax > 0) await world.machines.close();
      await world.machines.start('box1', preparation('a'));
      await world.pass(10 * restMs);
      assert.deepEqual([world.started, world.waiting.size], [['box1'], 0]);
      mock.timers.reset();
    }
  },
);
