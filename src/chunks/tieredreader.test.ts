import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ChunkError, type ChunkErrorKind } from './chunkerror.js';
import { type SealedChunk, sealChunk } from './codec.js';
import { DiskTier } from './disktier.js';
import type { Urgency } from './layout.js';
import { Origin } from './origin.js';
import { file, MemoryBlob, page, temporaryFolder } from './testchunks.js';
import type { ChunkTier } from './tier.js';
import { TieredReader, type TieredReaderOptions } from './tieredreader.js';

const timeout = 30_000;
const salt = Buffer.alloc(32);
const plain = (label: number) => file([label, label + 0.5]);
const chunk = (label: number) => sealChunk(plain(label), salt);
const isKind = (kind: ChunkErrorKind) => (error: unknown) => error instanceof ChunkError && error.kind === kind;

/** A tier that tests fill, spoil, hold back and count. */
class TestTier implements ChunkTier {
  readonly verified = false;
  readonly held = new Map<string, Buffer>();
  readonly asked: { name: string; urgency: Urgency }[] = [];
  readonly discarded: string[] = [];
  puts = 0;
  running = 0;
  runningMax = 0;
  /** Answers wait for it. */
  gate: Promise<unknown> = Promise.resolve();
  failure: Error | null = null;

  constructor(
    readonly name: string,
    chunks: readonly SealedChunk[] = [],
  ) {
    for (const { ref, ciphertext } of chunks) this.held.set(ref.name, ciphertext);
  }

  async get(name: string, _storedBytes: number, urgency: Urgency): Promise<Buffer | null> {
    this.asked.push({ name, urgency });
    this.runningMax = Math.max(this.runningMax, ++this.running);
    try {
      await this.gate;
      if (this.failure !== null) throw this.failure;
      return this.held.get(name) ?? null;
    } finally {
      this.running--;
    }
  }

  async put(name: string, bytes: Buffer): Promise<void> {
    this.puts++;
    this.held.set(name, bytes);
  }

  async discard(name: string): Promise<void> {
    this.discarded.push(name);
    this.held.delete(name);
  }

  spoil(name: string): void {
    const bytes = Buffer.from(this.held.get(name)!);
    bytes[bytes.length >> 1]! ^= 1;
    this.held.set(name, bytes);
  }
}

const reader = (tiers: ChunkTier[], options: Partial<TieredReaderOptions> = {}) =>
  new TieredReader({ memoryBytesMax: 1_000_000, tiers, ...options });

test('asks tier after tier, and fills those before', { timeout }, async () => {
  const one = chunk(1);
  const disk = new TestTier('disk');
  const l2 = new TestTier('l2');
  const origin = new TestTier('origin', [one]);
  const tiers = [disk, l2, origin];
  const first = reader(tiers);
  assert.deepEqual(await first.read(one.ref, 'fault'), plain(1));
  assert.deepEqual(await first.read(one.ref, 'fault'), plain(1));
  await first.settled();
  assert.deepEqual([disk.puts, l2.puts, origin.puts], [1, 1, 0]);
  assert.deepEqual(
    tiers.map(({ asked }) => asked.length),
    [1, 1, 1],
  );
  const second = reader(tiers);
  await second.read(one.ref, 'fault');
  assert.deepEqual(
    tiers.map(({ asked }) => asked.length),
    [2, 1, 1],
  );
  const { memory, origin: originMetrics, disk: diskMetrics } = first.metrics();
  assert.deepEqual([memory!.hits, memory!.misses], [1, 1]);
  assert.deepEqual([diskMetrics!.hits, diskMetrics!.misses], [0, 1]);
  assert.deepEqual([originMetrics!.hits, originMetrics!.bytes], [1, one.ref.storedBytes]);
  assert.equal(originMetrics!.latency.at(-1)!.count, 1);
  assert.equal(originMetrics!.latency.at(-1)!.us, Number.POSITIVE_INFINITY);
});

test('wrong bytes of any tier are noticed, counted, told, fetched elsewhere and replaced', { timeout }, async () => {
  for (const spoiled of [0, 1]) {
    const one = chunk(1);
    const tiers = [new TestTier('disk', [one]), new TestTier('l2', [one]), new TestTier('origin', [one])];
    for (let at = 0; at <= spoiled; at++) tiers[at]!.spoil(one.ref.name);
    const told: string[] = [];
    const each = reader(tiers, { onCorrupt: (tier, name) => told.push(`${tier} ${name}`) });
    assert.deepEqual(await each.read(one.ref, 'fault'), plain(1));
    await each.settled();
    const names = tiers.slice(0, spoiled + 1).map(({ name }) => name);
    assert.deepEqual(
      told,
      names.map((name) => `${name} ${one.ref.name}`),
    );
    for (const name of names) assert.equal(each.metrics()[name]!.corrupt, 1);
    for (const { held } of tiers) assert.deepEqual(held.get(one.ref.name), one.ciphertext);
    assert.deepEqual(tiers[0]!.discarded, [one.ref.name]);
  }
});

test('wrong bytes everywhere are an error, never an answer; the origin is asked twice', { timeout }, async () => {
  const one = chunk(1);
  const l2 = new TestTier('l2', [one]);
  const origin = new TestTier('origin', [one]);
  l2.spoil(one.ref.name);
  origin.spoil(one.ref.name);
  const get = origin.get.bind(origin);
  const each = reader([l2, origin]);
  await assert.rejects(each.read(one.ref, 'fault'), isKind('corrupt'));
  assert.equal(each.metrics().origin!.corrupt, 2);
  // One bad transfer only: the second attempt has it.
  let attempts = 0;
  origin.get = async (...request) => (attempts++ === 0 ? await get(...request) : one.ciphertext);
  origin.held.set(one.ref.name, Buffer.from(one.ciphertext).fill(0, 3, 4));
  assert.deepEqual(await each.read(one.ref, 'fault'), plain(1));
});

test('a chunk that nobody has is missing; the reason of a tier that failed is told', { timeout }, async () => {
  const one = chunk(1);
  const l2 = new TestTier('l2');
  const origin = new TestTier('origin');
  await assert.rejects(reader([l2, origin]).read(one.ref, 'fault'), isKind('missing'));
  origin.failure = new Error('connection refused');
  await assert.rejects(reader([l2, origin]).read(one.ref, 'fault'), /origin: connection refused/);
  origin.failure = null;
  origin.held.set(one.ref.name, one.ciphertext);
  l2.failure = new Error('down');
  assert.deepEqual(await reader([l2, origin]).read(one.ref, 'fault'), plain(1));
});

test('concurrent reads of one chunk are one fetch, also after a failure', { timeout }, async () => {
  const one = chunk(1);
  const origin = new TestTier('origin', [one]);
  const each = reader([origin]);
  const reads = await Promise.all(Array.from({ length: 50 }, () => each.read(one.ref, 'prefetch')));
  assert.equal(origin.asked.length, 1);
  assert.ok(reads.every((bytes) => bytes === reads[0]));
  const gone = chunk(2);
  const failed = await Promise.allSettled(Array.from({ length: 50 }, () => each.read(gone.ref, 'fault')));
  assert.ok(failed.every(({ status }) => status === 'rejected'));
  assert.equal(origin.asked.length, 2);
  origin.held.set(gone.ref.name, gone.ciphertext);
  assert.deepEqual(await each.read(gone.ref, 'fault'), plain(2), 'a failure is not remembered');
});

test('faults go ahead of what is prefetched and streamed, which never fills all places', { timeout }, async () => {
  const chunks = Array.from({ length: 30 }, (_, each) => chunk(each));
  const origin = new TestTier('origin', chunks);
  let open = () => {};
  origin.gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const each = reader([origin], { limits: { running: 6, prefetch: 4, background: 2, waiting: 100 } });
  const reads = chunks.slice(0, 10).map(({ ref }) => each.read(ref, 'background'));
  reads.push(...chunks.slice(10, 20).map(({ ref }) => each.read(ref, 'prefetch')));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(origin.running, 4);
  reads.push(
    each.read(chunks[20]!.ref, 'fault'),
    each.read(chunks[21]!.ref, 'fault'),
    each.read(chunks[22]!.ref, 'fault'),
  );
  // A fault for what waits as a guess raises it.
  reads.push(each.read(chunks[9]!.ref, 'fault'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(origin.running, 6);
  open();
  await Promise.all(reads);
  assert.equal(origin.runningMax, 6);
  const order = origin.asked.map(({ name }) => chunks.findIndex(({ ref }) => ref.name === name));
  assert.deepEqual(new Set(order.slice(4, 8)), new Set([20, 21, 22, 9]));
  assert.ok(order.indexOf(19) < order.indexOf(8), 'prefetch before background');
});

test('a tier that hangs is given up in time, and does not hold its place for ever', { timeout }, async () => {
  const one = chunk(1);
  const two = chunk(2);
  const hanging = new TestTier('l2', [one]);
  hanging.gate = new Promise(() => {});
  const origin = new TestTier('origin', [one, two]);
  const deadlineMs = { fault: 40, prefetch: 40, background: 40 };
  const each = reader([hanging, origin], {
    deadlineMs,
    limits: { running: 1, prefetch: 1, background: 1, waiting: 2 },
  });
  await assert.rejects(each.read(one.ref, 'fault'), isKind('timeout'));
  // The fetch goes on with the next tier; whoever asks then has it.
  while (origin.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  hanging.gate = Promise.resolve();
  assert.deepEqual(await each.read(two.ref, 'fault'), plain(2));
  assert.deepEqual(each.cached(one.ref), plain(1));
});

test('who gives up waiting for a turn leaves the queue; too many are refused', { timeout }, async () => {
  const chunks = Array.from({ length: 5 }, (_, each) => chunk(each));
  const origin = new TestTier('origin', chunks);
  let open = () => {};
  origin.gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const deadlineMs = { fault: 20_000, prefetch: 30, background: 20_000 };
  const each = reader([origin], { deadlineMs, limits: { running: 1, prefetch: 1, background: 1, waiting: 2 } });
  const first = each.read(chunks[0]!.ref, 'fault');
  const late = assert.rejects(each.read(chunks[1]!.ref, 'prefetch'), isKind('timeout'));
  const waits = each.read(chunks[2]!.ref, 'background');
  await assert.rejects(each.read(chunks[3]!.ref, 'background'), isKind('busy'));
  await late;
  open();
  assert.deepEqual(await first, plain(0));
  assert.deepEqual(await waits, plain(2));
  assert.equal(origin.asked.length, 2);
  assert.deepEqual(await each.read(chunks[1]!.ref, 'prefetch'), plain(1));
});

test('who has only a chunk’s name gets nothing, and spoils nothing for who has its key', { timeout }, async () => {
  const one = chunk(1);
  const each = reader([new TestTier('origin', [one])]);
  const wrong = { ...one.ref, key: Buffer.alloc(32, 9) };
  const [good, bad] = await Promise.allSettled([each.read(one.ref, 'fault'), each.read(wrong, 'fault')]);
  assert.equal(good.status, 'fulfilled');
  assert.equal(bad.status, 'rejected');
  await assert.rejects(each.read(wrong, 'fault'), isKind('corrupt'));
});

test('memory holds its bound', { timeout }, async () => {
  const chunks = Array.from({ length: 50 }, (_, each) => sealChunk(page(each), salt));
  const each = reader([new TestTier('origin', chunks)], { memoryBytesMax: 10 * 4096 });
  for (const { ref } of chunks) await each.read(ref, 'fault');
  assert.ok(each.memoryBytes <= 10 * 4096 && each.memoryBytes > 0);
});

test('real disk over a real origin: flipped and torn files are fetched again and mended', { timeout }, async (t) => {
  const folder = temporaryFolder(t);
  const blob = new MemoryBlob();
  const origin = new Origin(blob);
  const chunks = Array.from({ length: 8 }, (_, each) => chunk(each));
  for (const { ref, ciphertext } of chunks) assert.equal(await origin.add(ref.name, ciphertext), true);
  assert.equal(await origin.add(chunks[0]!.ref.name, chunks[0]!.ciphertext), false);
  const disk = new DiskTier(folder, 1_000_000);
  const fill = reader([disk, origin]);
  for (const { ref } of chunks) await fill.read(ref, 'background');
  await fill.settled();
  const names = readdirSync(folder).filter((name) => name !== 'temporary');
  assert.equal(names.length, chunks.length);
  const whole = new Map(names.map((name) => [name, readFileSync(join(folder, name))]));
  for (const [at, [name, bytes]] of [...whole].entries()) {
    const spoiled = Buffer.from(bytes);
    spoiled[at * 7]! ^= 0x10;
    writeFileSync(join(folder, name), at % 2 === 0 ? spoiled : bytes.subarray(0, at));
  }
  const restarted = new DiskTier(folder, 1_000_000);
  const again = reader([restarted, origin]);
  for (const [at, { ref }] of chunks.entries()) assert.deepEqual(await again.read(ref, 'fault'), plain(at));
  assert.equal(again.metrics().disk!.corrupt, chunks.length);
  await again.settled();
  for (const [name, bytes] of whole) assert.deepEqual(readFileSync(join(folder, name)), bytes);
  const gets = blob.gets;
  const third = reader([restarted, origin]);
  for (const { ref } of chunks) await third.read(ref, 'fault');
  assert.equal(blob.gets, gets, 'all from the disk again');
  const { ref, ciphertext } = chunks[0]!;
  for (const damaged of [Buffer.from('short'), Buffer.from(ciphertext).fill(0, 9, 12)]) {
    blob.objects.set(`chunks/${ref.name}`, damaged);
    assert.equal(await origin.add(ref.name, ciphertext), true, 'a damaged object is written again');
    assert.deepEqual(await reader([origin]).read(ref, 'fault'), plain(0));
  }
});
