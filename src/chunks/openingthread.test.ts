import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { ChunkError } from './chunkerror.js';
import { sealChunk } from './codec.js';
import { OpeningThread } from './openingthread.js';
import { Origin } from './origin.js';
import { file, MemoryBlob } from './testchunks.js';
import { TieredReader } from './tieredreader.js';

const timeout = 30_000;
const salt = Buffer.alloc(32);
const plain = (label: number) => file([label, null, label + 0.5]);
const chunks = Array.from({ length: 20 }, (_, label) => sealChunk(plain(label), salt));

test('opens chunks, refuses wrong bytes, and leaves the ciphertext to its owner', { timeout }, async (t) => {
  const thread = new OpeningThread();
  t.after(() => thread.close());
  // Parts of one large buffer, as they come from a socket.
  const all = Buffer.concat(chunks.map(({ ciphertext }) => ciphertext));
  let at = 0;
  const opened = chunks.map(({ ref, ciphertext }) => {
    const part = all.subarray(at, at + ciphertext.length);
    at += ciphertext.length;
    return thread.open(ref, part);
  });
  for (const [label, plaintext] of (await Promise.all(opened)).entries()) assert.deepEqual(plaintext, plain(label));
  assert.deepEqual(all, Buffer.concat(chunks.map(({ ciphertext }) => ciphertext)));
  const wrong = Buffer.from(chunks[0]!.ciphertext);
  wrong[9]! ^= 1;
  await assert.rejects(
    thread.open(chunks[0]!.ref, wrong),
    (error) => error instanceof ChunkError && error.kind === 'corrupt',
  );
});

test('what waits when the thread ends is opened all the same, and so is what comes later', { timeout }, async (t) => {
  const thread = new OpeningThread();
  t.after(() => thread.close());
  const before = chunks.map(({ ref, ciphertext }) => thread.open(ref, ciphertext));
  await thread.close();
  for (const [label, plaintext] of (await Promise.all(before)).entries()) assert.deepEqual(plaintext, plain(label));
  assert.deepEqual(await thread.open(chunks[3]!.ref, chunks[3]!.ciphertext), plain(3));
});

test('a reader prefetches through it and serves faults beside it', { timeout }, async (t) => {
  const origin = new Origin(new MemoryBlob());
  for (const { ref, ciphertext } of chunks) await origin.put(ref.name, ciphertext);
  const thread = new OpeningThread();
  t.after(() => thread.close());
  const reader = new TieredReader({ memoryBytesMax: 10_000_000, tiers: [origin], opening: thread });
  const urgency = (at: number) => (at % 3 === 0 ? 'fault' : 'prefetch');
  const read = await Promise.all(chunks.map(({ ref }, at) => reader.read(ref, urgency(at))));
  for (const [label, plaintext] of read.entries()) assert.deepEqual(plaintext, plain(label));
});

test('an idle thread keeps no process alive', { timeout }, async () => {
  const module = new URL('./openingthread.js', import.meta.url).href;
  const body = `
    const { OpeningThread } = await import('${module}');
    const { sealChunk } = await import('${new URL('./codec.js', import.meta.url).href}');
    const { ref, ciphertext } = sealChunk(Buffer.alloc(4096, 1), Buffer.alloc(32));
    const alive = setInterval(() => {}, 1000);
    await new OpeningThread().open(ref, ciphertext);
    clearInterval(alive);`;
  const program = new Worker(new URL(`data:text/javascript,${encodeURIComponent(body)}`));
  assert.deepEqual(await once(program, 'exit'), [0]);
});
