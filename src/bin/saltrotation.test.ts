import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { RealClock } from '../adapters/embedded/clock.js';
import { fileKeyStore, Keyring, platformScope } from '../chunks/keyring.js';
import { Origin } from '../chunks/origin.js';
import { Packer } from '../chunks/packer.js';
import { bufferSource } from '../chunks/source.js';
import { TieredReader } from '../chunks/tieredreader.js';
import { mib } from '../kernel/units.js';
import { CodeImages } from '../snapshot/codeimages.js';
import { Plane } from '../snapshot/plane.js';
import { SnapshotStore } from '../snapshot/store.js';
import { codeOwner } from '../worker/sandbox/microvm/microvmbox.js';
import { findProgram } from '../worker/sandbox/programs.js';
import { rotateSalts } from './saltrotation.js';
import { collectedStore } from './snapshotplane.js';

const account = '123456789012';

/** What one platform has open on a snapshot folder. */
async function opened(folder: string) {
  const blob = new EmbeddedBlob(join(folder, 'origin'));
  const keyring = await Keyring.open(fileKeyStore(join(folder, 'keyring')));
  const { chunks, manifests, collector } = collectedStore(blob, keyring, new RealClock());
  await collector.collect();
  const reader = new TieredReader({ memoryBytesMax: 0, tiers: [new Origin(blob)] });
  const packer = new Packer(chunks, reader);
  const plane = new Plane({ blob, keyring, packer, reader, manifests });
  const store = new SnapshotStore(plane);
  const images = new CodeImages(plane, join(folder, 'work'), { needed: (of) => store.needed(of), now: () => 0 });
  const close = async () => {
    await packer.close();
    await collector.close();
    await blob.close();
  };
  return { blob, plane, store, images, close };
}

test('after a rotation everything is as it was, in chunks of other names; the platform’s are shared still', {
  timeout: 120_000,
  skip: findProgram('mkfs.erofs') === null && 'mkfs.erofs is not installed',
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-salt-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const tree = join(folder, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'index.js'), randomBytes(mib));
  const owner = codeOwner({ account, functionName: 'f' });
  const whole = async ({ plane }: Awaited<ReturnType<typeof opened>>, of: string, name: string) =>
    await plane.readBytes(of, name, mib);

  const before = await opened(folder);
  const memory = randomBytes(mib);
  const identity = {
    ...{ basis: 'test', memoryMib: 1, runtime: null, layers: null, createdMs: 0 },
    ...{ device: randomBytes(1_000), link: randomBytes(10), scratch: null },
  };
  const { device, link, scratch, ...rest } = identity;
  const machine = (bytes: Buffer) => ({ memory: bufferSource(bytes), device, link, scratch });
  const base = await before.store.save(
    { ...rest, layer: 'os', id: 'os-1', account: platformScope, code: null },
    machine(memory),
    null,
  );
  const image = await before.images.of(tree, owner);
  const own = Buffer.concat([memory.subarray(0, mib / 2), randomBytes(mib / 2)]);
  const record = await before.store.save(
    { ...rest, layer: 'function', id: 'f-1', account, code: image.name },
    machine(own),
    await before.store.load(base),
  );
  await before.store.saveAccessLog(record, { runs: [new Uint32Array([7, 5])] });
  const platformNames = new Set((await before.store.load(base)).memory.chunks.map(({ name }) => name));
  const ownNames = new Set(
    [...(await before.store.load(record)).memory.chunks, ...image.manifest.chunks].map((one) => one.name),
  );
  for (const name of platformNames) ownNames.delete(name);
  assert.ok(ownNames.size >= 3);
  await before.close();

  await assert.rejects(rotateSalts(folder, null, '210987654321'), { name: 'ChunkError', kind: 'missing' });
  assert.deepEqual(await rotateSalts(folder, null, null), [{ account, files: 3 }]);

  const later = await opened(folder);
  const found = await later.store.find(account, 'function', 'f-1');
  assert.ok(found !== null && found.memory !== record.memory && found.code !== image.name);
  assert.equal(await later.store.damage(found), null);
  const loaded = await later.store.load(found);
  assert.deepEqual([loaded.device, loaded.link], [device, link]);
  assert.deepEqual(await whole(later, account, found.memory), own);
  assert.deepEqual(await later.store.accessLog(found), { runs: [new Uint32Array([7, 5])] });
  const again = await later.images.of(tree, owner);
  assert.equal(again.name, found.code, 'found, not made again');
  for (const chunk of [...loaded.memory.chunks, ...again.manifest.chunks]) assert.ok(!ownNames.has(chunk.name));
  assert.ok(loaded.memory.chunks.some(({ name }) => platformNames.has(name)));
  assert.deepEqual(await later.store.find(platformScope, 'os', 'os-1'), base);
  assert.deepEqual(await whole(later, platformScope, base.memory), memory);
  await later.close();
});
