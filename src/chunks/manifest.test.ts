import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import { ChunkError } from './chunkerror.js';
import { Keyring } from './keyring.js';
import { type Manifest, type PageRun, pageBytes, pagesPerChunk } from './layout.js';
import { decodeManifest, encodeManifest } from './manifest.js';
import { ManifestStore } from './manifeststore.js';
import { MemoryBlob } from './testchunks.js';

const isKind = (kind: string) => (error: unknown) => error instanceof ChunkError && error.kind === kind;

/** Any valid manifest: gaps and runs one after the other. */
const manifests = fc
  .record({
    pieces: fc.array(
      fc.record({
        gap: fc.integer({ min: 0, max: 40 }),
        count: fc.integer({ min: 1, max: pagesPerChunk }),
        chunk: fc.nat(),
        slot: fc.nat(),
      }),
      { maxLength: 60 },
    ),
    chunks: fc.array(fc.integer({ min: 1, max: pagesPerChunk }), { minLength: 1, maxLength: 20 }),
    tail: fc.nat({ max: 50 }),
    parent: fc.option(fc.string({ minLength: 1, maxLength: 64 })),
  })
  .map(({ pieces, chunks, tail, parent }): Manifest => {
    const runs: PageRun[] = [];
    let page = 0;
    for (const piece of pieces) {
      const chunk = piece.chunk % chunks.length;
      const slot = piece.slot % chunks[chunk]!;
      const count = Math.min(piece.count, chunks[chunk]! - slot);
      page += piece.gap;
      runs.push({ page, count, chunk, slot });
      page += count;
    }
    return {
      bytes: (page + tail) * pageBytes,
      chunks: chunks.map((pages, at) => ({
        name: Buffer.alloc(32, at).toString('hex'),
        key: randomBytes(32),
        storedBytes: 1 + at * 1_000,
        bytes: pages * pageBytes,
      })),
      runs,
      parent,
    };
  });

test('a manifest comes back from its bytes', () => {
  fc.assert(fc.property(manifests, (manifest) => assert.deepEqual(decodeManifest(encodeManifest(manifest)), manifest)));
});

test('random and cut bytes are refused as corrupt, never believed and never a crash', () => {
  const some = fc.sample(manifests, 20);
  fc.assert(
    fc.property(fc.constantFrom(...some), fc.nat(), fc.uint8Array({ maxLength: 200 }), (manifest, at, noise) => {
      const bytes = encodeManifest(manifest);
      assert.throws(() => decodeManifest(bytes.subarray(0, at % bytes.length)), isKind('corrupt'));
      const changed = Buffer.from(bytes);
      changed.set(noise.subarray(0, changed.length));
      try {
        decodeManifest(changed);
      } catch (error) {
        assert.ok(isKind('corrupt')(error), String(error));
      }
    }),
  );
});

async function stores() {
  const blob = new MemoryBlob();
  const keyring = await Keyring.open({ load: async () => null, save: async () => {} });
  return { blob, keyring, store: new ManifestStore(blob, keyring) };
}

const [sample] = fc.sample(manifests, 1);

test('a stored manifest comes back, is one when stored twice, and shows none of its keys', async () => {
  const { blob, store } = await stores();
  const pages = sample!.chunks.reduce((sum, { bytes }) => sum + bytes / pageBytes, 0);
  const index = { hashes: randomBytes(pages * 32) };
  const name = await store.put('123456789012', sample!, index);
  assert.match(name, /^[0-9a-f]{64}$/);
  assert.deepEqual(await store.get('123456789012', name), sample);
  assert.deepEqual(await store.index('123456789012', name, sample!), index);
  const before = new Map(blob.objects);
  assert.equal(await store.put('123456789012', sample!, index), name);
  assert.deepEqual(blob.objects, before);
  assert.notEqual(await store.put('platform', sample!, null), name);
  assert.deepEqual(await store.index('platform', await store.put('platform', sample!, null), sample!), null);
  for (const bytes of blob.objects.values()) {
    for (const { key } of sample!.chunks) assert.equal(bytes.includes(key), false);
  }
  assert.equal((await store.list()).length, 2);
  await store.attach('123456789012', name, 'accesslog', Buffer.from('1 2 3'));
  assert.equal(String(await store.attachment('123456789012', name, 'accesslog')), '1 2 3');
  assert.equal(await store.attachment('123456789012', name, 'other'), null);
  await store.delete('123456789012', name);
  assert.deepEqual(
    (await store.list()).map(({ scope }) => scope),
    ['platform'],
  );
  assert.equal([...blob.objects.keys()].filter((key) => key.includes(name)).length, 0);
  await assert.rejects(store.get('123456789012', name), isKind('missing'));
});

test('a stored manifest with one bit flipped, another’s in its place, or with another key is refused', async () => {
  const { blob, store, keyring } = await stores();
  const name = await store.put('a', sample!, null);
  const other = await store.put('a', { ...sample!, parent: 'another' }, null);
  const key = `manifests/a/${name}/manifest`;
  const whole = blob.objects.get(key)!;
  for (let bit = 0; bit < whole.length * 8; bit += 1 + Math.floor(whole.length / 20)) {
    const flipped = Buffer.from(whole);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    blob.objects.set(key, flipped);
    await assert.rejects(store.get('a', name), isKind('corrupt'));
  }
  blob.objects.set(key, whole.subarray(0, 10));
  await assert.rejects(store.get('a', name), isKind('corrupt'));
  blob.objects.set(key, blob.objects.get(`manifests/a/${other}/manifest`)!);
  await assert.rejects(store.get('a', name), isKind('corrupt'), 'bound to its name');
  blob.objects.set(key, whole);
  blob.objects.set(`manifests/b/${name}/manifest`, whole);
  await assert.rejects(store.get('b', name), isKind('corrupt'), 'another account’s key');
  const stranger = new ManifestStore(blob, await Keyring.open({ load: async () => null, save: async () => {} }));
  await assert.rejects(stranger.get('a', name), isKind('corrupt'));
  assert.deepEqual(await new ManifestStore(blob, keyring).get('a', name), sample);
});
