import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { defaultLimits } from '../chunks/collection/service.js';
import { TestClock } from '../chunks/collection/testworld.js';
import { Keyring } from '../chunks/keyring.js';
import type { ChunkRef } from '../chunks/layout.js';
import { Origin } from '../chunks/origin.js';
import { Packer } from '../chunks/packer.js';
import { bufferSource } from '../chunks/source.js';
import { TieredReader } from '../chunks/tieredreader.js';
import type { Clock } from '../kernel/ports/clock.js';
import { mib } from '../kernel/units.js';
import { CodeImages } from '../snapshot/codeimages.js';
import { Plane } from '../snapshot/plane.js';
import { SnapshotStore } from '../snapshot/store.js';
import { removeStrays } from '../snapshot/strays.js';
import { MachineSnapshots } from '../worker/sandbox/microvm/machinesnapshots.js';
import { codeOwner } from '../worker/sandbox/microvm/microvmbox.js';
import { findProgram } from '../worker/sandbox/programs.js';
import { collectedStore } from './snapshotplane.js';
import { SnapshotUpkeep } from './snapshotupkeep.js';

const account = '123456789012';
const skip = findProgram('mkfs.erofs') === null && 'mkfs.erofs is not installed';

describe('what deleted functions leave', { skip, timeout: 120_000 }, () => {
  const clock = new TestClock();
  let folder: string;
  let blob: EmbeddedBlob;
  let keyring: Keyring;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-upkeep-'));
    blob = new EmbeddedBlob(join(folder, 'origin'));
    keyring = await Keyring.open({ load: async () => null, save: async () => {} });
  });
  after(async () => {
    await blob.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The plane of one platform on the folder. */
  function plane() {
    const { chunks, manifests, collector } = collectedStore(blob, keyring, clock);
    const reader = new TieredReader({ memoryBytesMax: 0, tiers: [new Origin(blob)] });
    const packer = new Packer(chunks, reader);
    const made = new Plane({ blob, keyring, packer, reader, manifests });
    const store = new SnapshotStore(made);
    const images = new CodeImages(made, join(folder, 'images'), {
      needed: (of) => store.needed(of),
      now: () => clock.nowMs(),
    });
    const nothing = () => assert.fail('nothing is restored here');
    const machines = new MachineSnapshots({
      store,
      clock,
      place: async () => nothing(),
      prepared: async () => nothing(),
      tiers: async () => nothing(),
      unprepare: () => {},
      current: nothing,
      box: nothing,
      reserve: nothing,
    });
    return { made, reader, packer, collector, store, images, machines };
  }

  const wanted = { functions: new Set<string>(), snapshots: new Set<string>() };
  const upkeepOf = (parts: ReturnType<typeof plane>) =>
    new SnapshotUpkeep({
      parts,
      config: {
        snapshotNeeds: () => ({
          functions: [...wanted.functions].map((functionName) => ({ account: account as never, functionName })),
          snapshots: wanted.snapshots,
        }),
      },
      clock,
      onProblem: (error) => assert.fail(error as Error),
    });

  async function capture({ store }: ReturnType<typeof plane>, id: string, code: string) {
    const identity = {
      ...{ layer: 'function' as const, id, basis: 'test', account, memoryMib: 1 },
      ...{ runtime: null, code, layers: null, createdMs: clock.nowMs() },
    };
    const [device, link] = [randomBytes(10_000), randomBytes(100)];
    return await store.save(identity, { memory: bufferSource(randomBytes(mib)), device, link, scratch: null }, null);
  }

  /** A function's code: half a megabyte that nobody else has. */
  function tree(name: string): string {
    const path = join(folder, name);
    mkdirSync(path);
    writeFileSync(join(path, 'index.js'), randomBytes(mib / 2));
    return path;
  }

  async function chunkBytes(): Promise<number> {
    const sizes = await Promise.all((await blob.list('chunks/')).map((key) => blob.size(key)));
    return sizes.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
  }

  async function collectAll({ collector }: ReturnType<typeof plane>): Promise<void> {
    for (const ms of [0, defaultLimits.rotateMs, defaultLimits.graceMs]) {
      clock.now += ms;
      assert.equal((await collector.collect()).failure, null);
    }
  }

  it('goes with all its bytes, also what several shared, once the last of them is gone; the rest works', async () => {
    const one = plane();
    await one.collector.collect();
    const upkeep = upkeepOf(one);
    for (const name of ['a', 'b']) {
      wanted.functions.add(name);
      wanted.snapshots.add(`${name}-1`);
    }
    const owners = { a: codeOwner({ account, functionName: 'a' }), b: codeOwner({ account, functionName: 'b' }) };
    const [ownA, ownB, shared] = [tree('own-a'), tree('own-b'), tree('shared')];
    // First: of later ones it would share pages, and so keep their chunks.
    const common = await one.images.of(shared, owners.a);
    assert.equal((await one.images.of(shared, owners.b)).name, common.name, 'made once');
    const imageA = await one.images.of(ownA, owners.a);
    const imageB = await one.images.of(ownB, owners.b);
    await capture(one, 'a-1', imageA.name);
    const b = await capture(one, 'b-1', imageB.name);
    await one.machines.recover();
    await one.store.saveAccessLog(b, { runs: [new Uint32Array([1, 2, 3])] });
    const full = await chunkBytes();

    await upkeep.run();
    await collectAll(one);
    assert.equal(await chunkBytes(), full, 'what is wanted stays');

    wanted.functions.delete('a');
    wanted.snapshots.delete('a-1');
    await upkeep.run();
    await collectAll(one);
    const half = await chunkBytes();
    assert.ok(full - half > 1.4 * mib && full - half < 1.7 * mib, `${full - half} bytes went`);
    assert.equal(await one.store.damage(b), null, 'it can be restored');
    assert.deepEqual([...(await one.store.accessLog(b)).runs[0]!], [1, 2, 3]);
    const readable = async (chunks: readonly ChunkRef[]) => {
      for (const chunk of chunks) await one.reader.read(chunk, 'fault');
    };
    await readable((await one.images.of(ownB, owners.b)).manifest.chunks);
    const another = plane();
    const kept = await another.images.of(shared, owners.b);
    assert.equal(kept.name, common.name, 'found again, not made again');
    await readable(kept.manifest.chunks);

    wanted.functions.delete('b');
    wanted.snapshots.delete('b-1');
    await upkeep.run();
    await collectAll(one);
    assert.deepEqual(await blob.list('chunks/'), []);
    assert.deepEqual(await blob.list('manifests/'), []);
    assert.deepEqual(await blob.list('snapshots/'), []);
    // Its images are made again when it comes back.
    wanted.functions.add('b');
    await readable((await one.images.of(ownB, owners.b)).manifest.chunks);
    for (const each of [one, another]) {
      await each.packer.close();
      await each.collector.close();
    }
  });

  it('of a platform that was killed while it stored, the next one removes what nothing names', async () => {
    const one = plane();
    await one.collector.collect();
    wanted.functions.add('c');
    wanted.snapshots.add('c-1');
    const image = await one.images.of(tree('own-c'), codeOwner({ account, functionName: 'c' }));
    const record = await capture(one, 'c-1', image.name);
    await one.made.storeBytes(account, randomBytes(mib));
    const before = await chunkBytes();
    await one.packer.close();
    await one.collector.close();

    const next = plane();
    assert.equal(await removeStrays(next.made, next.store), 1);
    assert.equal(await removeStrays(next.made, next.store), 0);
    await collectAll(next);
    assert.ok(before - (await chunkBytes()) > 0.9 * mib);
    assert.equal(await next.store.damage(record), null);
    await next.packer.close();
    await next.collector.close();
  });
});

test('is looked for a minute after the start, and every hour from then on', async () => {
  const waits: number[] = [];
  let fire = () => {};
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    after: (ms, callback) => {
      waits.push(ms);
      fire = callback;
      return () => {
        fire = () => {};
      };
    },
  };
  let looked = 0;
  const failing = () => {
    looked += 1;
    return Promise.reject(new Error('no store'));
  };
  const problems: unknown[] = [];
  const upkeep = new SnapshotUpkeep({
    parts: { store: { all: failing }, machines: {}, images: {} } as never,
    config: { snapshotNeeds: () => assert.fail('nothing is known of snapshots') },
    clock,
    onProblem: (error) => problems.push(error),
  });
  upkeep.start();
  for (let turn = 1; turn <= 3; turn++) {
    fire();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([looked, problems.length], [turn, turn], 'a failure is told, and it goes on');
  }
  assert.deepEqual(waits, [60_000, 3_600_000, 3_600_000, 3_600_000]);
  await upkeep.close();
  fire();
  assert.equal(looked, 3);
});
