import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { sealChunk } from './codec.js';
import { DiskTier } from './disktier.js';
import { page, temporaryFolder } from './testchunks.js';

const timeout = 30_000;
const salt = Buffer.alloc(32);
const chunk = (label: number) => sealChunk(page(label), salt);
const files = (folder: string) => readdirSync(folder).filter((name) => name !== 'temporary');

test('keeps chunks over a restart', { timeout }, async (t) => {
  const folder = temporaryFolder(t);
  const tier = new DiskTier(folder, 1_000_000);
  const { ref, ciphertext } = chunk(1);
  assert.equal(await tier.get(ref.name, ref.storedBytes), null);
  await tier.put(ref.name, ciphertext);
  assert.deepEqual(await tier.get(ref.name, ref.storedBytes), ciphertext);
  const again = new DiskTier(folder, 1_000_000);
  assert.equal(again.bytes, ciphertext.length);
  assert.deepEqual(await again.get(ref.name, ref.storedBytes), ciphertext);
  assert.equal(statSync(join(folder, `${ref.name}.${ref.storedBytes}`)).mode & 0o777, 0o600);
});

test('holds its bound, also with a smaller one after a restart', { timeout }, async (t) => {
  const folder = temporaryFolder(t);
  const chunks = Array.from({ length: 40 }, (_, each) => chunk(each));
  const bytesMax = 10 * chunks[0]!.ciphertext.length;
  const tier = new DiskTier(folder, bytesMax);
  for (const { ref, ciphertext } of chunks) await tier.put(ref.name, ciphertext);
  await tier.close();
  assert.ok(tier.bytes <= bytesMax && tier.bytes > bytesMax / 2);
  const onDisk = () => files(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  // Evicted files go in the background.
  while (onDisk() > bytesMax) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(onDisk(), tier.bytes);
  const smaller = new DiskTier(folder, bytesMax / 2);
  assert.ok(smaller.bytes <= bytesMax / 2);
  while (onDisk() > bytesMax / 2) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('a file that vanished or is discarded is not here, and can be put again', { timeout }, async (t) => {
  const folder = temporaryFolder(t);
  const tier = new DiskTier(folder, 1_000_000);
  const { ref, ciphertext } = chunk(1);
  await tier.put(ref.name, ciphertext);
  rmSync(join(folder, `${ref.name}.${ref.storedBytes}`));
  assert.equal(await tier.get(ref.name, ref.storedBytes), null);
  await tier.put(ref.name, ciphertext);
  await tier.discard(ref.name);
  assert.equal(tier.bytes, 0);
  assert.equal(files(folder).length, 0);
  await tier.put(ref.name, ciphertext);
  assert.deepEqual(await tier.get(ref.name, ref.storedBytes), ciphertext);
});

test('foreign files are left alone; half written ones go at the start', { timeout }, async (t) => {
  const folder = temporaryFolder(t);
  const { ref, ciphertext } = chunk(1);
  await new DiskTier(folder, 1_000_000).put(ref.name, ciphertext);
  writeFileSync(join(folder, 'temporary', `${ref.name}.0`), 'half');
  writeFileSync(join(folder, 'note.txt'), 'mine');
  const tier = new DiskTier(folder, 1_000_000);
  assert.deepEqual(readdirSync(join(folder, 'temporary')), []);
  assert.ok(existsSync(join(folder, 'note.txt')));
  assert.equal(tier.bytes, ciphertext.length);
});

test('a disk that cannot be written to is no tier, and no failure', { timeout }, async (t) => {
  const folder = temporaryFolder(t);
  const tier = new DiskTier(folder, 1_000_000);
  rmSync(join(folder, 'temporary'), { recursive: true });
  writeFileSync(join(folder, 'temporary'), 'no folder');
  const { ref, ciphertext } = chunk(1);
  await tier.put(ref.name, ciphertext);
  assert.equal(await tier.get(ref.name, ref.storedBytes), null);
});

test('what a torn file gives is not hidden from who verifies', { timeout }, async (t) => {
  const folder = temporaryFolder(t);
  const tier = new DiskTier(folder, 1_000_000);
  const { ref, ciphertext } = chunk(1);
  await tier.put(ref.name, ciphertext);
  truncateSync(join(folder, `${ref.name}.${ref.storedBytes}`), 10);
  assert.equal((await tier.get(ref.name, ref.storedBytes))!.length, 10);
  assert.equal(tier.verified, false);
});

test('many puts at once are all kept, each once; beyond what may wait they are not', { timeout }, async (t) => {
  const folder = temporaryFolder(t);
  const tier = new DiskTier(folder, 1_000_000_000);
  const chunks = Array.from({ length: 60 }, (_, each) => chunk(each));
  await Promise.all([...chunks, ...chunks].map(({ ref, ciphertext }) => tier.put(ref.name, ciphertext)));
  for (const { ref, ciphertext } of chunks) assert.deepEqual(await tier.get(ref.name, ref.storedBytes), ciphertext);
  // 64 MiB may wait; what is in the files does not matter here.
  const large = Buffer.alloc(5 * 1024 * 1024);
  const names = Array.from({ length: 20 }, (_, each) => String(each).padStart(64, '0'));
  await Promise.all(names.map((name) => tier.put(name, large)));
  assert.equal(names.filter((name) => tier.has(name)).length, 12);
  await tier.put(names[19]!, large);
  assert.ok(tier.has(names[19]!), 'later there is room again');
});
