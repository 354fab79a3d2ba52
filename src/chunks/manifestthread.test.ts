import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chunkBytes, type Manifest, type PageRun, pageBytes } from './layout.js';
import { encodeManifest } from './manifest.js';
import { ManifestThread, openedHereBytesMax } from './manifestthread.js';
import { packManifest } from './packedmanifest.js';
import { sealRecord } from './sealedrecord.js';

const key = randomBytes(32);
const label = 'manifests/123456789012/name/manifest';

/** Of a memory in so many pieces, which chance has scattered over its chunks. */
function fragmented(pieces: number): Manifest {
  const chunks = Array.from({ length: 1 + (pieces >> 5) }, (_, n) => {
    const name = createHash('sha256').update(`${n}`).digest();
    return { name: name.toString('hex'), key: name, storedBytes: 100_000, bytes: chunkBytes };
  });
  const random = randomBytes(pieces * 4);
  const runs: PageRun[] = [];
  let page = 0;
  for (let at = 0; at < pieces; at++) {
    page += random[at * 4]! & 3;
    const count = 1 + (random[at * 4 + 1]! & 3);
    runs.push({ page, count, chunk: random.readUInt16LE(at * 4 + 2) % chunks.length, slot: random[at * 4 + 2]! & 63 });
    page += count;
  }
  return { bytes: page * pageBytes, chunks, runs, parent: 'parent' };
}

const sealed = (manifest: Manifest) => sealRecord(label, encodeManifest(manifest), key);

test('opens manifests of every size, packed as they will be sent on', { timeout: 60_000 }, async () => {
  const thread = new ManifestThread();
  for (const pieces of [0, 10, 30_000]) {
    const manifest = fragmented(pieces);
    const bytes = sealed(manifest);
    assert.equal(bytes.length > openedHereBytesMax, pieces > 10);
    const opened = await thread.open(label, bytes, key);
    assert.deepEqual(packManifest(opened), packManifest(manifest));
    assert.deepEqual({ ...opened }, manifest);
  }
});

test('refuses what was changed or is another’s, and goes on', { timeout: 60_000 }, async () => {
  const thread = new ManifestThread();
  const bytes = sealed(fragmented(5_000));
  const bad = Buffer.from(bytes);
  bad[bad.length >> 1]! ^= 1;
  await assert.rejects(thread.open(label, bad, key), { name: 'ChunkError', kind: 'corrupt' });
  await assert.rejects(thread.open(`${label}2`, bytes, key), { name: 'ChunkError', kind: 'corrupt' });
  await assert.rejects(thread.open(label, bytes, randomBytes(32)), { name: 'ChunkError', kind: 'corrupt' });
  const nonsense = sealRecord(label, randomBytes(20_000), key);
  await assert.rejects(thread.open(label, nonsense, key), { name: 'ChunkError', kind: 'corrupt' });
  assert.equal((await thread.open(label, bytes, key)).runs.length, 5_000);
});

test('the thread does what would hold the event loop, and keeps no process alive', {
  timeout: 120_000,
  skip: process.platform !== 'linux' && 'only Linux tells the time of a thread',
}, async (t) => {
  // In a process of its own, whose main thread does nothing else: its time on a processor, which others do not prolong.
  const child = fileURLToPath(new URL('./manifestthread.child.js', import.meta.url));
  const running = promisify(execFile)(process.execPath, [child, label, key.toString('hex')], { timeout: 100_000 });
  running.child.stdin!.end(sealed(fragmented(100_000)));
  const [inThread, here] = JSON.parse((await running).stdout) as [number, number];
  t.diagnostic(
    `a manifest of 100,000 runs holds the event loop ${inThread.toFixed(1)} ms with the thread, ${here.toFixed(1)} ms without`,
  );
  assert.ok(inThread < here / 3, `${inThread} ms of ${here} ms`);
});
