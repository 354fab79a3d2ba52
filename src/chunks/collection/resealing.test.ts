import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Keyring, platformScope } from '../keyring.js';
import { type Manifest, pageBytes } from '../layout.js';
import { ManifestStore } from '../manifeststore.js';
import { Origin } from '../origin.js';
import { Packer } from '../packer.js';
import { bufferSource } from '../source.js';
import { file, MemoryBlob } from '../testchunks.js';
import { TieredReader } from '../tieredreader.js';
import { KeptChunks } from './keptchunks.js';
import { Protection } from './protection.js';
import { Resealing } from './resealing.js';
import { RootStore } from './rootstore.js';
import { collectAll, collectorOn, scope, TestClock } from './testworld.js';

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n);

describe('a rotated salt', { timeout: 120_000 }, () => {
  it('comes to all chunks of its scope by copying; nothing else changes, and the old chunks go', async () => {
    const blob = new MemoryBlob();
    let saved: Uint8Array | null = null;
    const keyring = await Keyring.open({
      load: async () => saved,
      save: async (bytes) => {
        saved = bytes;
      },
    });
    const clock = new TestClock();
    await (await collectorOn(blob, clock)).start();
    const protection = new Protection(new RootStore(blob), { id: 'w' });
    const manifests = new ManifestStore(blob, keyring, protection);
    const chunks = new KeptChunks(new Origin(blob), protection);
    const reader = new TieredReader({ memoryBytesMax: 0, tiers: [new Origin(blob)] });
    const packer = new Packer(chunks, reader);
    const pack = async (of: string, bytes: Buffer, parent: { name: string; manifest: Manifest } | null) => {
      const packed = await packer.pack({
        source: bufferSource(bytes),
        bytes: bytes.length,
        salt: keyring.salt(of),
        parent: parent === null ? null : { ...parent, index: null },
      });
      const name = await manifests.put(of, packed.manifest, packed.index);
      return { name, manifest: packed.manifest };
    };
    const contents = async (of: string, name: string): Promise<Buffer> => {
      const manifest = await manifests.get(of, name);
      const whole = Buffer.alloc(manifest.bytes);
      for (const { page, count, chunk, slot } of manifest.runs) {
        const plaintext = await reader.read(manifest.chunks[chunk]!, 'fault');
        plaintext.copy(whole, page * pageBytes, slot * pageBytes, (slot + count) * pageBytes);
      }
      return whole;
    };
    try {
      const baseBytes = file(numbers(0, 300));
      const firstBytes = file([...numbers(0, 250), ...numbers(1_000, 50)]);
      const secondBytes = file([...numbers(0, 250), ...numbers(1_000, 50), ...numbers(2_000, 20)]);
      const base = await pack(platformScope, baseBytes, null);
      const first = await pack(scope, firstBytes, base);
      const second = await pack(scope, secondBytes, first);
      await manifests.attach(scope, second.name, 'accesslog', Buffer.from('log'));
      const namesOf = ({ chunks: refs }: Manifest) => refs.map(({ name }) => name);
      const own = new Set([...namesOf(first.manifest), ...namesOf(second.manifest)]);
      for (const name of namesOf(base.manifest)) own.delete(name);
      assert.ok(own.size >= 2);

      await keyring.rotateSalt(scope);
      const replaced = new Map<string, string>();
      const resealing = new Resealing({ keyring, manifests, chunks, reader, attachments: ['accesslog'] });
      const replace = async (before: string, after: string) => {
        // Both can be read until the records agree.
        assert.deepEqual(await contents(scope, before), await contents(scope, after));
        replaced.set(before, after);
      };
      // Ended in the middle, and begun again.
      const ended = resealing.resealAll(scope, async (before, after) => {
        if (replaced.size === 1) throw new Error('killed');
        await replace(before, after);
      });
      await assert.rejects(ended, /killed/);
      assert.equal(await resealing.resealAll(scope, replace), 1);
      assert.equal(await resealing.resealAll(scope, replace), 0);

      const firstAfter = await manifests.get(scope, replaced.get(first.name)!);
      const secondAfter = await manifests.get(scope, replaced.get(second.name)!);
      assert.deepEqual(await contents(scope, replaced.get(first.name)!), firstBytes);
      assert.deepEqual(await contents(scope, replaced.get(second.name)!), secondBytes);
      assert.equal(firstAfter.parent, base.name);
      assert.deepEqual(await manifests.attachment(scope, replaced.get(second.name)!, 'accesslog'), Buffer.from('log'));
      const after = new Set([...namesOf(firstAfter), ...namesOf(secondAfter)]);
      for (const name of own) assert.ok(!after.has(name), 'no chunk has its old salt');
      for (const name of namesOf(base.manifest)) {
        if (namesOf(first.manifest).includes(name))
          assert.ok(after.has(name), 'what the platform brought is shared still');
      }
      // What the two shared they share again.
      assert.equal(new Set([...namesOf(first.manifest), ...namesOf(second.manifest)]).size, after.size);

      await collectAll(blob, clock);
      const there = new Set((await blob.list('chunks/')).map((key) => key.slice('chunks/'.length)));
      assert.deepEqual(there, new Set([...namesOf(base.manifest), ...after]));
      assert.deepEqual(await contents(scope, replaced.get(second.name)!), secondBytes);
    } finally {
      await packer.close();
    }
  });
});
