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
import { recordName, sealRecord } from './sealedrecord.js';

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

test('opens manifests of every size, packed as they will be sent on, and seals them as they were', {
  timeout: 60_000,
}, async () => {
  const thread = new ManifestThread();
  for (const pieces of [0, 10, 30_000]) {
    const manifest = fragmented(pieces);
    const bytes = sealed(manifest);
    assert.equal(bytes.length > openedHereBytesMax, pieces > 10);
    const opened = await thread.open(label, bytes, key);
    assert.deepEqual(packManifest(opened), packManifest(manifest));
    assert.deepEqual({ ...opened }, manifest);
    const encoded = encodeManifest(manifest);
    assert.deepEqual(await thread.encode(opened, key), { encoded, name: recordName(encoded, key) });
    assert.deepEqual(await thread.seal(label, encoded, key), bytes);
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
  const [opened, openedHere, sealedAgain, sealedHere] = JSON.parse((await running).stdout) as number[];
  const said = (what: string, inThread: number, here: number) => {
    t.diagnostic(
      `100,000 runs ${what}: ${inThread.toFixed(1)} ms of the event loop, ${here.toFixed(1)} ms without the thread`,
    );
    assert.ok(inThread < here / 2, `${what}: ${inThread} ms of ${here} ms`);
  };
  said('opened', opened!, openedHere!);
  said('sealed', sealedAgain!, sealedHere!);
});

test('where no thread can start, it is done all the same', { timeout: 60_000 }, async () => {
  // Threads of a program that came as text would be given that text, and end at once.
  const program = `
    import { ManifestThread } from ${JSON.stringify(new URL('./manifestthread.js', import.meta.url).href)};
    const thread = new ManifestThread();
    const parts = [];
    for await (const part of process.stdin) parts.push(part);
    const key = Buffer.from('${key.toString('hex')}', 'hex');
    for (let round = 0; round < 2; round++) {
      console.log((await thread.open('${label}', Buffer.concat(parts), key)).runs.length);
    }
    await thread.open('${label}', randomBytes(10_000), key).catch((error) => console.log(error.kind));`;
  const text = `import { randomBytes } from 'node:crypto';${program}`;
  const running = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', text], { timeout: 50_000 });
  running.child.stdin!.end(sealed(fragmented(5_000)));
  assert.deepEqual((await running).stdout.split('\n'), ['5000', '5000', 'corrupt', '']);
});
