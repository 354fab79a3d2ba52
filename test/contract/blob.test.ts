import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { EmbeddedBlob } from '../../src/adapters/embedded/blob.js';
import { S3Blob, type S3BlobOptions } from '../../src/adapters/s3/blob.js';
import type { Blob } from '../../src/kernel/ports/blob.js';
import { MotoServer, missingMoto, motoPython } from '../system/motoserver.js';
import { withFolder } from './folder.js';

export interface BlobImplementation {
  readonly name: string;
  /** Why it cannot run here, or false. */
  readonly skip?: string | false;
  /** Once, before and after all cases. */
  readonly open?: () => Promise<void>;
  readonly close?: () => Promise<void>;
  scope(body: (make: () => Blob) => Promise<void>): Promise<void>;
}

export function blobSuite({ name, scope, skip = false, open, close }: BlobImplementation): void {
  describe(`Blob: ${name}`, { skip, timeout: 120_000 }, () => {
    if (open !== undefined) before(open);
    if (close !== undefined) after(close);

    it('stores, replaces, lists and deletes', async () =>
      await scope(async (make) => {
        const blob = make();
        assert.equal(await blob.get('a/b'), null);
        await blob.put('a/b', Buffer.from('one'));
        await blob.put('a', Buffer.from('parent of a key'));
        await blob.put('a/b', Buffer.from('two'));
        await blob.put('z', Buffer.alloc(0));
        await blob.put('..', Buffer.from('dots'));
        await blob.put('c/../e', Buffer.from('more dots'));
        assert.equal(Buffer.from((await blob.get('a/b'))!).toString(), 'two');
        assert.equal(Buffer.from((await blob.get('c/../e'))!).toString(), 'more dots');
        assert.equal(Buffer.from((await blob.get('..'))!).toString(), 'dots');
        assert.equal((await blob.get('z'))!.byteLength, 0);
        assert.deepEqual(await blob.list('a'), ['a', 'a/b']);
        assert.deepEqual(await make().list(''), ['..', 'a', 'a/b', 'c/../e', 'z']);
        assert.deepEqual(await make().list('.'), ['..']);
        assert.deepEqual(await make().list('c/.'), ['c/../e']);
        assert.deepEqual(await make().list('c/../'), ['c/../e']);
        assert.deepEqual(await make().list('b'), []);
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
        assert.equal(await text(3, 0), '');
        assert.equal(await blob.range('none', 0, 1), null);
        assert.equal(await blob.range('none', 0, 0), null);
        await blob.put('empty', Buffer.alloc(0));
        assert.deepEqual(Buffer.from((await blob.range('empty', 0, 1))!), Buffer.alloc(0));
      }));

    it('takes keys of every allowed character and of full length, and lists more than one page', async () =>
      await scope(async (make) => {
        const blob = make();
        const long = `${'aZ09._-/'.repeat(24)}12345678`;
        assert.equal(long.length, 200);
        await blob.put(long, Buffer.from('long'));
        assert.equal(Buffer.from((await blob.get(long))!).toString(), 'long');
        // S3 lists a thousand keys a page.
        const many = Array.from({ length: 1_003 }, (_, n) => `many/${String(n).padStart(4, '0')}`);
        for (let from = 0; from < many.length; from += 50) {
          await Promise.all(many.slice(from, from + 50).map(async (key) => await blob.put(key, Buffer.from(key))));
        }
        assert.deepEqual(await blob.list('many/'), many);
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

/** moto (a Python package) is the S3-compatible store of these tests: with signatures, path-style addresses, pages. */
let moto: MotoServer | null = null;
let buckets = 0;

function motoOptions(bucket: string): S3BlobOptions {
  return {
    endpoint: new URL(moto!.endpoint),
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    bucket,
    prefix: 'hearth/',
  };
}

async function makeBucket(): Promise<string> {
  const { endpoint, region, credentials } = motoOptions('');
  const client = new S3Client({ endpoint: endpoint.href, region, credentials: credentials!, forcePathStyle: true });
  const bucket = `bucket-${++buckets}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return bucket;
}

blobSuite({
  name: 'S3 (the store is moto, from PyPI)',
  skip: motoPython === null ? missingMoto : false,
  open: async () => {
    moto = await MotoServer.start();
  },
  close: async () => await moto?.stop(),
  scope: async (body) => {
    const bucket = await makeBucket();
    const made: S3Blob[] = [];
    try {
      await body(() => {
        const blob = new S3Blob(motoOptions(bucket));
        made.push(blob);
        return blob;
      });
    } finally {
      for (const blob of made) await blob.close();
    }
  },
});

describe('S3 blob', { timeout: 60_000 }, () => {
  it('says so when the store is away, silent, or has no such bucket', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const at = (port: number, msMax: number) =>
      new S3Blob({
        endpoint: new URL(`http://127.0.0.1:${port}`),
        region: 'us-east-1',
        credentials: null,
        bucket: 'b',
        prefix: '',
        msMax,
      });
    const blobs = [at(9, 20_000), at((silent.address() as AddressInfo).port, 300)];
    try {
      for (const blob of blobs) {
        await assert.rejects(blob.get('k'));
        await assert.rejects(blob.put('k', Buffer.from('v')));
        await assert.rejects(blob.size('k'));
        await assert.rejects(blob.list(''));
      }
    } finally {
      for (const blob of blobs) await blob.close();
      silent.closeAllConnections();
      silent.close();
    }
  });

  it('a missing bucket is a failure, not a missing object', {
    skip: motoPython === null ? missingMoto : false,
  }, async () => {
    moto = await MotoServer.start();
    const blob = new S3Blob(motoOptions('nowhere'));
    try {
      await assert.rejects(blob.get('k'), { name: 'NoSuchBucket' });
      await assert.rejects(blob.list(''), { name: 'NoSuchBucket' });
    } finally {
      await blob.close();
      await moto.stop();
    }
  });
});

describe('embedded blob', () => {
  it('leaves alone what another process, or another part of this one, is just writing', async () =>
    await withFolder(async (folder) => {
      const blob = new EmbeddedBlob(folder);
      const puts = Array.from({ length: 50 }, async (_, n) => await blob.put(`k${n}`, Buffer.alloc(100_000, n)));
      for (let i = 0; i < 20; i += 1) {
        new EmbeddedBlob(folder);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(puts);
      assert.equal((await blob.list('')).length, 50);
    }));

  it('removes at the start what a killed process left half written', async () =>
    await withFolder(async (folder) => {
      const blob = new EmbeddedBlob(folder);
      await blob.put('k', Buffer.from('v'));
      // Above the kernel's largest process id.
      writeFileSync(join(folder, 'temporary', '4194305.1-1'), 'half');
      const again = new EmbeddedBlob(folder);
      assert.deepEqual(readdirSync(join(folder, 'temporary')), []);
      assert.deepEqual(await again.list(''), ['k']);
    }));
});
