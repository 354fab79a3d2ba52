import assert from 'node:assert/strict';
import test from 'node:test';
import { type AccessLog, emptyLog, runsMax } from '../../../snapshot/accesslog.js';
import type { SnapshotRecord } from '../../../snapshot/record.js';
import type { LoadedSnapshot } from '../../../snapshot/store.js';
import type { SparseFs } from '../../../sparsefs/sparsefs.js';
import { MemoryImages } from './memoryimages.js';

const record = { memory: 's', account: 'platform', layer: 'os', id: 'os-1152' } as SnapshotRecord;
const snapshot = {
  record,
  memory: { bytes: 1 << 20, chunks: [], runs: [], parent: null },
} as unknown as LoadedSnapshot;

/** Remembers what it was asked for. */
class FakeFs implements SparseFs {
  readonly directory = '/fs';
  readonly exposed = new Set<string>();
  readonly prefetched: [string, number[]][] = [];
  readonly recording = new Set<string>();
  touched = Uint32Array.of(7, 5);
  readonly ended = new Promise<string>(() => {});
  async expose(name: string): Promise<string> {
    this.exposed.add(name);
    return `/fs/${name}`;
  }
  async fill(): Promise<void> {}
  async withdraw(name: string): Promise<void> {
    this.exposed.delete(name);
  }
  async record(name: string): Promise<void> {
    this.recording.add(name);
  }
  async recorded(name: string): Promise<Uint32Array> {
    assert.ok(this.recording.delete(name), 'it was recording');
    return this.touched;
  }
  prefetch(name: string, pages: Uint32Array): void {
    this.prefetched.push([name, [...pages]]);
  }
  async metrics(): Promise<never> {
    throw new Error('not asked for');
  }
  async close(): Promise<void> {}
}

function setUp() {
  const fs = new FakeFs();
  const stored = new Map<string, AccessLog>();
  const logs = {
    accessLog: async ({ memory }: SnapshotRecord) => stored.get(memory) ?? emptyLog,
    saveAccessLog: async ({ memory }: SnapshotRecord, log: AccessLog) => void stored.set(memory, log),
  };
  let nowMs = 0;
  const images = new MemoryImages(fs, logs, () => nowMs);
  return { fs, stored, images, pass: (ms: number) => (nowMs += ms) };
}

const later = () => new Promise((resolve) => setImmediate(resolve));

async function recordAll({ images }: ReturnType<typeof setUp>): Promise<void> {
  for (let run = 0; run < runsMax; run++) {
    const image = await images.open(snapshot, 'a');
    image.settled();
    image.settled();
    await later();
    image.release();
    await later();
  }
}

test('the first restores are recorded, each from a file of its own; later ones prefetch what they found', async () => {
  const world = setUp();
  await recordAll(world);
  assert.equal(world.stored.get('s')?.runs.length, runsMax);
  assert.equal(world.fs.exposed.size, 0, 'files of recordings are withdrawn');
  assert.deepEqual(world.fs.prefetched, []);
  const first = await world.images.open(snapshot, 'a');
  const second = await world.images.open(snapshot, 'a');
  assert.equal(first.path, second.path, 'one function: one file');
  assert.deepEqual(
    world.fs.prefetched.map((one) => one[1]),
    [[7, 5]],
    'once for both',
  );
  world.pass(120_000);
  await world.images.open(snapshot, 'a');
  assert.equal(world.fs.prefetched.length, 2);
});

test('an image that waited is warmed when it is used; a log that is complete is read once', async () => {
  const world = setUp();
  await recordAll(world);
  const image = await world.images.open(snapshot, 'a');
  image.warm();
  assert.equal(world.fs.prefetched.length, 1, 'it has just been');
  world.stored.clear();
  world.pass(120_000);
  image.warm();
  await world.images.open(snapshot, 'a');
  assert.deepEqual(
    world.fs.prefetched.map((one) => one[1]),
    [
      [7, 5],
      [7, 5],
    ],
  );
  assert.equal(world.fs.recording.size, 0);
});

test('two tenants never share a file', async () => {
  const world = setUp();
  await recordAll(world);
  const mine = await world.images.open(snapshot, 'a');
  const theirs = await world.images.open(snapshot, 'b');
  assert.notEqual(mine.path, theirs.path);
});

test('only one restore records at a time; one that ends early leaves no run', async () => {
  const world = setUp();
  const recording = await world.images.open(snapshot, 'a');
  const other = await world.images.open(snapshot, 'a');
  assert.notEqual(recording.path, other.path);
  assert.equal(world.fs.recording.size, 1);
  recording.release();
  await later();
  assert.equal(world.stored.size, 0);
  assert.equal(world.fs.recording.size, 0);
});

test('unused images are bounded', async () => {
  const world = setUp();
  await recordAll(world);
  for (let tenant = 0; tenant < 100; tenant++) (await world.images.open(snapshot, `t${tenant}`)).release();
  assert.equal(world.fs.exposed.size, 64);
});
