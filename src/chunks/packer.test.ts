import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { ChunkError } from './chunkerror.js';
import { chunkBytes, type Manifest, pageBytes } from './layout.js';
import { Packer, type PackResult } from './packer.js';
import { bufferSource, fileSource, type PageSource } from './source.js';
import { CountingReader, file, MemoryBlob, originOf, page, temporaryFolder, unpack } from './testchunks.js';
import type { ChunkStore } from './tier.js';

const timeout = 120_000;
const salt = Buffer.alloc(32, 7);

function world(t: test.TestContext) {
  const blob = new MemoryBlob();
  const { origin, reader } = originOf(blob);
  const packer = new Packer(origin, reader);
  t.after(() => packer.close());
  const folder = temporaryFolder(t);
  let unpacked = 0;
  return {
    blob,
    origin,
    reader,
    packer,
    folder,
    pack: (bytes: Buffer, parent: PackResult | null = null) => {
      const source = bufferSource(bytes);
      const known = parent === null ? null : { name: 'parent', manifest: parent.manifest, index: parent.index };
      return packer.pack({ source, bytes: source.bytes, parent: known, salt });
    },
    contents: async (manifest: Manifest) => {
      const path = join(folder, `unpacked${++unpacked}`);
      await unpack(manifest, reader, path);
      return readFileSync(path);
    },
  };
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, at) => from + at);

test('a file comes back as it was; zero and repeated pages cost nothing', { timeout }, async (t) => {
  const { pack, contents, blob } = world(t);
  const original = file([null, ...numbers(0, 300), null, null, 5, 6, 7, ...numbers(300, 10), null]);
  const { manifest, report } = await pack(original);
  assert.deepEqual(await contents(manifest), original);
  assert.equal(report.logicalBytes, original.length);
  assert.equal(report.uniqueBytes, 310 * pageBytes);
  assert.equal(report.zeroPages, 4);
  assert.equal(report.duplicatePages, 3);
  assert.equal(report.newChunks, 3);
  assert.equal(manifest.chunks.length, 3);
  const stored = [...blob.objects.values()].reduce((sum, { length }) => sum + length, 0);
  assert.equal(report.storedBytes, stored);
  assert.ok(stored < report.uniqueBytes, 'compressed');
  assert.equal(manifest.chunks[0]!.bytes, chunkBytes);
});

test('the same file again, and once more as its own child, adds no chunk', { timeout }, async (t) => {
  const { pack, contents } = world(t);
  const original = file(numbers(0, 500));
  const first = await pack(original);
  const again = await pack(original);
  assert.deepEqual([again.report.newChunks, again.report.storedBytes], [0, 0]);
  assert.deepEqual({ ...again.manifest }, { ...first.manifest });
  const child = await pack(original, first);
  assert.deepEqual([child.report.newChunks, child.report.uniqueBytes, child.report.samePages], [0, 0, 500]);
  assert.deepEqual(child.manifest.runs, first.manifest.runs);
  assert.deepEqual(await contents(child.manifest), original);
});

test('a page inserted in the middle stores that page and nothing that moved', { timeout }, async (t) => {
  const { pack, contents } = world(t);
  const first = await pack(file(numbers(0, 1_000)));
  const changed = file([...numbers(0, 500), 'new', ...numbers(500, 500)]);
  const child = await pack(changed, first);
  assert.equal(child.report.uniqueBytes, pageBytes);
  assert.equal(child.report.newChunks, 1);
  assert.equal(child.report.samePages, 500);
  assert.equal(child.report.duplicatePages, 500);
  assert.deepEqual(await contents(child.manifest), changed);
});

test('pages that a source does not have are the parent’s; a larger and a smaller child work', {
  timeout,
}, async (t) => {
  const { packer, pack, contents } = world(t);
  const original = file(numbers(0, 200));
  const first = await pack(original);
  const parent = { name: 'parent', manifest: first.manifest, index: first.index };
  const changes = new Map([
    [3, page('three')],
    [4, page('four')],
    [90, Buffer.alloc(pageBytes)],
    [210, page('beyond')],
  ]);
  const source = (pages: number[]): PageSource => ({
    pages: Uint32Array.from(pages),
    read: (from, count) => Buffer.concat(numbers(from, count).map((each) => changes.get(each)!)),
  });
  const larger = await packer.pack({ source: source([3, 4, 90, 210]), bytes: 220 * pageBytes, parent, salt });
  const expected = Buffer.concat([original, Buffer.alloc(20 * pageBytes)]);
  for (const [at, bytes] of changes) expected.set(bytes, at * pageBytes);
  assert.deepEqual(await contents(larger.manifest), expected);
  assert.equal(larger.manifest.parent, 'parent');
  assert.equal(larger.report.uniqueBytes, 3 * pageBytes);
  const smaller = await packer.pack({ source: source([3]), bytes: 50 * pageBytes, parent, salt });
  const cut = original.subarray(0, 50 * pageBytes);
  assert.deepEqual(
    await contents(smaller.manifest),
    Buffer.concat([cut.subarray(0, 3 * pageBytes), page('three'), cut.subarray(4 * pageBytes)]),
  );
  assert.equal(smaller.manifest.chunks.length, 2, 'chunks that nothing names are not in the manifest');
});

test('a parent without an index is read instead, with the same outcome', { timeout }, async (t) => {
  const { packer, pack, origin, reader } = world(t);
  const first = await pack(file(numbers(0, 300)));
  const counting = new CountingReader(reader);
  const other = new Packer(origin, counting);
  t.after(() => other.close());
  const source = bufferSource(file([...numbers(10, 290), 'new']));
  const request = { source, bytes: source.bytes, salt };
  const read = await other.pack({ ...request, parent: { name: 'p', manifest: first.manifest, index: null } });
  const known = await packer.pack({ ...request, parent: { name: 'p', manifest: first.manifest, index: first.index } });
  assert.equal(counting.reads, first.manifest.chunks.length);
  assert.deepEqual(read.manifest, known.manifest);
  assert.deepEqual(Buffer.from(read.index.hashes), Buffer.from(known.index.hashes));
});

test('grandchildren match through their parents’ indexes', { timeout }, async (t) => {
  const { pack, contents } = world(t);
  const first = await pack(file(numbers(0, 300)));
  const second = await pack(file([...numbers(0, 100), ...numbers(1_000, 50), ...numbers(150, 150)]), first);
  const third = file([...numbers(1_020, 30), ...numbers(40, 60), 'x', ...numbers(200, 100)]);
  const packed = await pack(third, second);
  assert.equal(packed.report.uniqueBytes, pageBytes);
  assert.deepEqual(await contents(packed.manifest), third);
});

test('pages of an access order lie together, in that order', { timeout }, async (t) => {
  const { packer, contents } = world(t);
  const original = file(numbers(0, 600));
  const source = bufferSource(original);
  const order = Uint32Array.from(numbers(0, 60).map((each) => 599 - each * 10));
  const { manifest } = await packer.pack({ source, bytes: source.bytes, parent: null, salt, order });
  const places = [...order].map((page) => manifest.runs.find((run) => run.page === page)!);
  assert.deepEqual(
    places.map(({ slot, count }) => [slot, count]),
    numbers(0, 60).map((slot) => [slot, 1]),
  );
  assert.equal(new Set(places.map(({ chunk }) => chunk)).size, 1);
  assert.deepEqual(await contents(manifest), original);
});

test('whatever the contents, a child restores to its own and stores only what is new', { timeout }, async (t) => {
  const { pack, contents } = world(t);
  const label = fc.option(fc.integer({ min: 0, max: 40 }), { nil: null, freq: 4 });
  const labels = fc.array(label, { minLength: 1, maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(labels, labels, async (before, after) => {
      const first = await pack(file(before));
      const second = await pack(file(after), first);
      assert.deepEqual(await contents(first.manifest), file(before));
      assert.deepEqual(await contents(second.manifest), file(after));
      const known = new Set(before);
      const fresh = new Set(after.filter((each) => each !== null && !known.has(each)));
      assert.equal(second.report.uniqueBytes, fresh.size * pageBytes);
    }),
    { numRuns: 15 },
  );
});

test('files, with a last half page, are packed and stay sparse', { timeout }, async (t) => {
  const { packer, reader, folder } = world(t);
  const path = join(folder, 'image');
  const bytes = Buffer.concat([Buffer.alloc(8 * 1024 * 1024), page('a'), Buffer.from('the end')]);
  writeFileSync(path, bytes);
  const source = await fileSource(path);
  t.after(() => source.close());
  const { manifest } = await packer.pack({ source, bytes: source.bytes, parent: null, salt });
  const copy = join(folder, 'copy');
  await unpack(manifest, reader, copy);
  assert.deepEqual(readFileSync(copy).subarray(0, bytes.length), bytes);
  assert.ok(statSync(copy).blocks * 512 < 1024 * 1024, 'holes stay holes');
});

test('another salt shares nothing', { timeout }, async (t) => {
  const { packer, pack } = world(t);
  const original = file(numbers(0, 100));
  const first = await pack(original);
  const source = bufferSource(original);
  const other = await packer.pack({ source, bytes: source.bytes, parent: null, salt: Buffer.alloc(32, 8) });
  assert.equal(other.report.newChunks, 1);
  assert.notEqual(other.manifest.chunks[0]!.name, first.manifest.chunks[0]!.name);
  assert.notDeepEqual(other.manifest.chunks[0]!.key, first.manifest.chunks[0]!.key);
});

test('a store that fails, hangs or a source that fails ends the packing; the packer goes on', {
  timeout,
}, async (t) => {
  const { origin } = world(t);
  let mode: 'fail' | 'hang' | 'work' = 'fail';
  const store: ChunkStore = {
    add: (name, bytes) => {
      if (mode === 'fail') return Promise.reject(new Error('no space left'));
      return mode === 'hang' ? new Promise(() => {}) : origin.add(name, bytes);
    },
  };
  const packer = new Packer(store, null, { putDeadlineMs: 50 });
  t.after(() => packer.close());
  const source = bufferSource(file(numbers(0, 300)));
  const request = { source, bytes: source.bytes, parent: null, salt };
  await assert.rejects(packer.pack(request), /no space left/);
  mode = 'hang';
  await assert.rejects(packer.pack(request), (error) => error instanceof ChunkError && error.kind === 'timeout');
  mode = 'work';
  const broken: PageSource = { pages: null, read: () => Promise.reject(new Error('the machine is gone')) };
  await assert.rejects(packer.pack({ ...request, source: broken }), /the machine is gone/);
  const controller = new AbortController();
  controller.abort(new Error('not wanted'));
  await assert.rejects(packer.pack({ ...request, signal: controller.signal }), /not wanted/);
  const results = await Promise.all([1, 2, 3, 4, 5].map(() => packer.pack(request)));
  assert.equal(new Set(results.map(({ manifest }) => JSON.stringify(manifest))).size, 1);
});

test('more packings than may wait, or for longer, are refused; closing ends those under way', { timeout }, async () => {
  const store: ChunkStore = { add: () => new Promise(() => {}) };
  const packer = new Packer(store, null, { jobsMax: 1, waitingMax: 1, waitMsMax: 300 });
  const source = bufferSource(file(numbers(0, 300)));
  const request = { source, bytes: source.bytes, parent: null, salt };
  const first = assert.rejects(packer.pack(request), /closed/);
  const second = assert.rejects(
    packer.pack(request),
    (error) => error instanceof ChunkError && error.kind === 'timeout',
  );
  await assert.rejects(packer.pack(request), (error) => error instanceof ChunkError && error.kind === 'busy');
  await second;
  await packer.close();
  await first;
});
