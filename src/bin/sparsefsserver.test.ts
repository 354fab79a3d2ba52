import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { type Manifest, pageBytes, pagesPerChunk } from '../chunks/layout.js';
import { Origin } from '../chunks/origin.js';
import { Packer } from '../chunks/packer.js';
import { bufferSource } from '../chunks/source.js';
import { mib } from '../kernel/units.js';
import { SparseFsClient } from '../sparsefs/client.js';
import { mountObstacle, readPage, run, until, withFile } from '../sparsefs/testmount.js';
import { reexecInMountNamespace } from '../worker/sandbox/reexec.js';
import type { SparseFsComposition } from './sparsefsserver.js';

reexecInMountNamespace();

const program = fileURLToPath(new URL('./sparsefsserver.js', import.meta.url));
const deadline = { timeout: 120_000 };

/** 24 chunks that do not compress, with a zero chunk's worth of pages and some pages twice. */
function contents(): Buffer {
  const bytes = randomBytes(24 * pagesPerChunk * pageBytes);
  bytes.fill(0, 5 * 512 * 1024, 6 * 512 * 1024);
  bytes.copy(bytes, 9 * 512 * 1024, 0, 300_000);
  return bytes;
}

describe('the sparse file system over chunk tiers', { skip: mountObstacle() ?? false, ...deadline }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-sparse-'));
  const originFolder = join(folder, 'origin');
  const expected = contents();
  let manifest: Manifest;
  before(async () => {
    const packer = new Packer(new Origin(new EmbeddedBlob(originFolder)), null);
    const packed = await packer.pack({
      source: bufferSource(expected),
      bytes: expected.length,
      parent: null,
      salt: randomBytes(32),
    });
    manifest = packed.manifest;
    await packer.close();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A server of its own, whose lines go to `lines`. */
  async function served(
    composition: Partial<SparseFsComposition>,
    use: (fs: SparseFsClient, path: string, lines: string[]) => Promise<void>,
  ): Promise<void> {
    const lines: string[] = [];
    const whole: SparseFsComposition = {
      memoryBytesMax: 64 * mib,
      disk: null,
      l2: null,
      origin: { folder: originFolder },
      ...composition,
    };
    const fs = await SparseFsClient.open({
      directory: join(folder, 'fs'),
      program,
      composition: whole,
      onLine: (line) => lines.push(line),
    });
    try {
      await use(fs, await fs.expose('image', manifest.bytes, manifest, 'stream'), lines);
    } finally {
      await fs.close();
    }
  }

  const chunkFiles = () =>
    readdirSync(join(originFolder, 'objects')).map((name) => join(originFolder, 'objects', name));
  const sum = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const ioError = { code: 'EIO' };

  it('reads what was packed, from the origin once and then from memory', deadline, async () => {
    await served({}, async (fs, path) => {
      assert.equal(sum(await readFile(path)), sum(expected));
      const { tiers, reads } = await fs.metrics();
      assert.equal(tiers.origin?.hits, manifest.chunks.length);
      assert.ok(tiers.memory!.hits > 0);
      assert.equal(reads.misses, 0);
      assert.ok(reads.bytes >= expected.length);
      assert.equal(reads.latency.at(-1)?.count, reads.hits);
      // Another tenant's file: other pages, the same chunks.
      const other = await fs.expose('other', manifest.bytes, manifest, 'stream');
      assert.equal(sum(await readFile(other)), sum(expected));
      assert.equal((await fs.metrics()).tiers.origin?.hits, manifest.chunks.length);
    });
  });

  it('never shows wrong bytes: from L1 they are replaced, from the origin they are an error', deadline, async () => {
    const diskFolder = join(folder, 'l1');
    const disk = { folder: diskFolder, bytesMax: 64 * mib };
    await served({ disk }, async (_, path) => assert.equal(sum(await readFile(path)), sum(expected)));
    const kept = readdirSync(diskFolder).filter((name) => /^[0-9a-f]{64}/.test(name));
    assert.ok(kept.length > 0);
    for (const name of kept) flip(join(diskFolder, name));
    await served({ disk }, async (fs, path, lines) => {
      assert.equal(sum(await readFile(path)), sum(expected));
      const { disk: counted } = (await fs.metrics()).tiers;
      assert.ok(counted!.corrupt >= kept.length);
      assert.ok(lines.some((line) => line.includes('wrong bytes from disk')));
    });
    const files = chunkFiles();
    for (const file of files) flip(file);
    await served({}, async (fs, path, lines) => {
      await assert.rejects(readFile(path), ioError);
      assert.ok((await fs.metrics()).tiers.origin!.corrupt > 0);
      assert.ok(lines.some((line) => line.includes('wrong bytes from origin')));
    });
    for (const file of files) flip(file);
    await served({}, async (_, path) => assert.equal(sum(await readFile(path)), sum(expected)));
  });

  it('a vanished origin is an error for what is not cached, and heals', deadline, async () => {
    await served({}, async (_, path) => {
      await withFile(path, async (file) => {
        const last = expected.length / pageBytes - 1;
        await readPage(file, 0);
        await rename(originFolder, `${originFolder}-gone`);
        await assert.rejects(readPage(file, last), ioError);
        await rename(`${originFolder}-gone`, originFolder);
        assert.ok((await readPage(file, last)).equals(expected.subarray(last * pageBytes)));
      });
    });
  });

  it('a full disk under L1 costs its help, nothing else', deadline, async () => {
    const small = join(folder, 'full');
    mkdirSync(small);
    await run('mount', '-t', 'tmpfs', '-o', 'size=256k', 'full', small);
    try {
      writeFileSync(join(small, 'filler'), Buffer.alloc(200 * 1024));
      await served({ disk: { folder: join(small, 'l1'), bytesMax: 64 * mib } }, async (fs, path) => {
        assert.equal(sum(await readFile(path)), sum(expected));
        assert.equal((await fs.metrics()).reads.misses, 0);
      });
    } finally {
      await run('umount', '-l', small);
    }
  });

  it('prefetches pages into the page cache and the rest into L1', deadline, async () => {
    await served({}, async (fs, path) => {
      fs.prefetch('image', Uint32Array.from([700, 3, 4, 5, 1]));
      await withFile(path, async (file) => {
        await until(async () => (await fs.metrics()).prefetchedPages === 5);
        await until(async () => (await fs.metrics()).tiers.origin?.hits === manifest.chunks.length);
        assert.ok((await readPage(file, 700)).equals(expected.subarray(700 * pageBytes, 701 * pageBytes)));
        assert.equal((await fs.metrics()).reads.hits, 0);
      });
    });
  });
});

/** Changes a bit in the middle of a file, or changes it back. */
function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
}
