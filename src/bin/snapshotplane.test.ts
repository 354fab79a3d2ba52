import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { RealClock } from '../adapters/embedded/clock.js';
import { fileKeyStore, Keyring } from '../chunks/keyring.js';
import { Packer } from '../chunks/packer.js';
import { bufferSource } from '../chunks/source.js';
import { file } from '../chunks/testchunks.js';
import { CollectorThread, collectedStore } from './snapshotplane.js';

test('collection runs in a thread beside what writes: strays go, what is stored stays', {
  timeout: 120_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-plane-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const blob = new EmbeddedBlob(join(folder, 'origin'));
  const keyringPath = join(folder, 'keyring');
  const keyring = await Keyring.open(fileKeyStore(keyringPath));
  const stray = `chunks/${'ab'.repeat(32)}`;
  await blob.put(stray, Buffer.from('named by nobody'));
  const { chunks, manifests } = collectedStore(blob, keyring, new RealClock());
  const packer = new Packer(chunks, null);
  const collector = new CollectorThread({ origin: { folder: join(folder, 'origin') }, keyringPath });
  try {
    // Waits for the first root, which the thread opens.
    const bytes = file([1, 2, 3]);
    const packed = await packer.pack({
      source: bufferSource(bytes),
      bytes: bytes.length,
      salt: keyring.salt('000000000000'),
      parent: null,
    });
    const name = await manifests.put('000000000000', packed.manifest, packed.index);
    const deadlineMs = performance.now() + 60_000;
    while ((await blob.size(stray)) !== null) {
      assert.ok(performance.now() < deadlineMs, 'the stray is still there');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(await manifests.get('000000000000', name), packed.manifest);
    assert.ok((await blob.size(`chunks/${packed.manifest.chunks[0]!.name}`)) !== null);
  } finally {
    await packer.close();
    await collector.close();
  }
});
