import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EmbeddedBlob } from '../../src/adapters/embedded/blob.js';
import type { Blob } from '../../src/kernel/ports/blob.js';
import { withFolder } from './folder.js';

export interface BlobImplementation {
  readonly name: string;
  scope(body: (make: () => Blob) => Promise<void>): Promise<void>;
}

export function blobSuite({ name, scope }: BlobImplementation): void {
  describe(`Blob: ${name}`, () => {
    it('stores, replaces, lists and deletes', async () =>
      await scope(async (make) => {
        const blob = make();
        assert.equal(await blob.get('a/b'), null);
        await blob.put('a/b', Buffer.from('one'));
        await blob.put('a', Buffer.from('parent of a key'));
        await blob.put('a/b', Buffer.from('two'));
        await blob.put('z', Buffer.alloc(0));
        await blob.put('..', Buffer.from('dots'));
        assert.equal(Buffer.from((await blob.get('a/b'))!).toString(), 'two');
        assert.equal(Buffer.from((await blob.get('..'))!).toString(), 'dots');
        assert.equal((await blob.get('z'))!.byteLength, 0);
        assert.deepEqual(await blob.list('a'), ['a', 'a/b']);
        assert.deepEqual(await make().list(''), ['..', 'a', 'a/b', 'z']);
        await blob.delete('a/b');
        await blob.delete('a/b');
        assert.equal(await blob.get('a/b'), null);
        assert.equal(await blob.size('a/b'), null);
        assert.equal(await blob.size('a'), 15);
      }));

    it('reads ranges, fewer bytes at the end', async () =>
      await scope(async (make) => {
        const blob = make();
        await blob.put('k', Buffer.from('0123456789'));
        const text = async (offset: number, length: number) =>
          Buffer.from((await blob.range('k', offset, length))!).toString();
        assert.equal(await text(0, 3), '012');
        assert.equal(await text(8, 10), '89');
        assert.equal(await text(10, 1), '');
        assert.equal(await text(99, 1), '');
        assert.equal(await blob.range('none', 0, 1), null);
      }));

    it('survives concurrent puts of one key: one of them, whole', async () =>
      await scope(async (make) => {
        const blob = make();
        await Promise.all(Array.from({ length: 20 }, async (_, n) => await blob.put('k', Buffer.alloc(100_000, n))));
        const found = Buffer.from((await blob.get('k'))!);
        assert.equal(found.length, 100_000);
        assert.ok(found.equals(Buffer.alloc(100_000, found[0]!)));
      }));
  });
}

blobSuite({
  name: 'embedded',
  scope: async (body) => await withFolder(async (folder) => await body(() => new EmbeddedBlob(folder))),
});

describe('embedded blob', () => {
  it('removes at the start what a killed process left half written', async () =>
    await withFolder(async (folder) => {
      const blob = new EmbeddedBlob(folder);
      await blob.put('k', Buffer.from('v'));
      writeFileSync(join(folder, 'temporary', '7'), 'half');
      const again = new EmbeddedBlob(folder);
      assert.deepEqual(readdirSync(join(folder, 'temporary')), []);
      assert.deepEqual(await again.list(''), ['k']);
    }));
});
