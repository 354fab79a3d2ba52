import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { openChunk } from './codec.js';
import { DiskTier } from './disktier.js';
import { Origin } from './origin.js';
import { numberedChunk } from './putting.child.js';
import { temporaryFolder } from './testchunks.js';
import { TieredReader } from './tieredreader.js';

const kills = 4;

/** Chunks that the child says it has stored before it is killed in the middle of the next ones. */
async function killedWhilePutting(folder: string, where: 'origin' | 'disk', from: number): Promise<number> {
  const program = fileURLToPath(new URL('./putting.child.js', import.meta.url));
  const child = fork(program, [folder, where, String(from)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let stored = 0;
  const enough = new Promise<void>((resolve) => {
    child.on('message', (count: number) => {
      stored = count;
      if (count >= from + 5) resolve();
    });
  });
  await Promise.race([enough, once(child, 'exit').then(() => assert.fail('the child ended by itself'))]);
  // It goes on writing until this arrives.
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return stored;
}

test('kill -9 while chunks are put: what the origin shows is whole, what it confirmed is there', {
  timeout: 60_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  let stored = 0;
  for (let kill = 0; kill < kills; kill++) {
    stored = await killedWhilePutting(folder, 'origin', stored);
    const blob = new EmbeddedBlob(folder);
    const origin = new Origin(blob);
    const names = (await blob.list('chunks/')).map((key) => key.slice('chunks/'.length));
    assert.ok(names.length >= stored);
    const refs = new Map(
      Array.from({ length: stored + 100 }, (_, at) => numberedChunk(at).ref).map((ref) => [ref.name, ref]),
    );
    for (const name of names) {
      const ref = refs.get(name)!;
      openChunk(ref, (await origin.get(name, ref.storedBytes, 'fault'))!);
      refs.delete(name);
    }
    for (let at = 0; at < stored; at++)
      assert.equal(refs.has(numberedChunk(at).ref.name), false, `chunk ${at} is there`);
    assert.deepEqual(readdirSync(join(folder, 'temporary')), [], 'nothing half written is left');
  }
});

test('kill -9 while L1’s disk is filled: no wrong byte is served, and the rest is', { timeout: 60_000 }, async (t) => {
  const folder = temporaryFolder(t);
  let stored = 0;
  for (let kill = 0; kill < kills; kill++) {
    stored = await killedWhilePutting(folder, 'disk', stored);
    const disk = new DiskTier(folder, 1_000_000_000);
    const reader = new TieredReader({ memoryBytesMax: 0, tiers: [disk, { ...nothing, name: 'origin' }] });
    for (let at = 0; at < stored; at++) {
      const { ref } = numberedChunk(at);
      const plaintext = await reader.read(ref, 'fault');
      assert.deepEqual(plaintext, openChunk(ref, readFileSync(join(folder, `${ref.name}.${ref.storedBytes}`))));
    }
    assert.deepEqual(readdirSync(join(folder, 'temporary')), []);
  }
});

const nothing = { verified: false, get: async () => null, put: async () => {} };
