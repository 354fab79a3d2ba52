import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pageBytes } from '../chunks/layout.js';
import { kib } from '../kernel/units.js';
import { DriverError } from '../worker/sandbox/driver.js';
import { inUserNamespace } from '../worker/sandbox/namespace.js';
import { findProgram } from '../worker/sandbox/programs.js';
import { reexecInMountNamespace } from '../worker/sandbox/reexec.js';
import { SparseFsClient } from './client.js';
import { expectedBytes, testChunk, testManifest, testPage } from './testchunks.js';
import { mapProgram, mountObstacle, mountsBelow, readPage, run, until, withFile } from './testmount.js';

/** Readers block threads of this process's pool; 64 at once need as many. */
process.env.UV_THREADPOOL_SIZE = '72';
reexecInMountNamespace();

/** Deadline of a read here; slow chunks take less. */
const readMsMax = 1_500;
const program = fileURLToPath(new URL('./client.child.js', import.meta.url));
const deadline = { timeout: 60_000 };

const skip = mountObstacle() ?? false;

/** 1,024 pages: chunk 0 moved and torn apart, zero pages between, chunk 1 from its middle. */
const manifest = testManifest(
  1024,
  [testChunk(0), testChunk(1), testChunk(2)],
  [
    { page: 3, count: 60, chunk: 0, slot: 60 },
    { page: 63, count: 10, chunk: 0, slot: 1 },
    { page: 300, count: 64, chunk: 1, slot: 64 },
    { page: 364, count: 1, chunk: 0, slot: 0 },
    { page: 900, count: 124, chunk: 2, slot: 4 },
  ],
);

const expected = expectedBytes(manifest);
const pageOf = (page: number) => expected.subarray(page * pageBytes, (page + 1) * pageBytes);

const sum = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

const python = findProgram('python3');

describe('the sparse file system', { skip, ...deadline }, () => {
  let folder: string;
  let fs: SparseFsClient;
  const lines: string[] = [];
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-sparse-'));
    fs = await SparseFsClient.open({
      directory: join(folder, 'fs'),
      program,
      composition: { readMsMax },
      onLine: (line) => lines.push(line),
    });
  });
  after(async () => {
    await fs?.close();
    assert.deepEqual(mountsBelow(folder), []);
    rmSync(folder, { recursive: true, force: true });
  });
  const readsOf = async () => (await fs.metrics()).reads.hits;

  it('shows what the manifest says, by both ways of access', deadline, async () => {
    for (const access of ['pages', 'stream'] as const) {
      const path = await fs.expose(`contents-${access}`, manifest.bytes, manifest, access);
      assert.ok((await readFile(path)).equals(expected));
      // Past the page cache, from the middle of a page on.
      const buffer = Buffer.alloc(1024 * kib);
      await withFile(
        path,
        async (file) => assert.equal((await file.read(buffer, 0, buffer.length, 512)).bytesRead, buffer.length),
        constants.O_RDONLY | constants.O_DIRECT,
      );
      assert.ok(buffer.equals(expected.subarray(512, 512 + buffer.length)));
    }
  });

  it('opens for writing, but is not written', deadline, async () => {
    const path = await fs.expose('writing', manifest.bytes, manifest);
    await withFile(
      path,
      async (file) => {
        assert.ok((await readPage(file, 3)).equals(pageOf(3)));
        await assert.rejects(file.write(Buffer.from('x'), 0, 1, 0), { code: 'EROFS' });
        await assert.rejects(file.truncate(0), { code: 'EROFS' });
      },
      'r+',
    );
    await assert.rejects(open(join(fs.directory, 'pages', 'other'), 'w'));
    await assert.rejects(open(join(fs.directory, 'pages', 'absent'), 'r'), { code: 'ENOENT' });
  });

  it('refuses what cannot be', deadline, async () => {
    await fs.expose('taken', pageBytes, null);
    await assert.rejects(fs.expose('taken', pageBytes, null, 'stream'), DriverError);
    await assert.rejects(fs.expose('../up', pageBytes, null), DriverError);
    await assert.rejects(fs.expose('half', pageBytes / 2, null), DriverError);
    await assert.rejects(fs.expose('other-size', pageBytes, manifest), DriverError);
    await assert.rejects(fs.fill('absent', manifest), DriverError);
    await assert.rejects(fs.fill('taken', manifest), DriverError);
    await assert.rejects(fs.recorded('taken'), DriverError);
    await assert.rejects(fs.withdraw('absent'), DriverError);
  });

  it('reads a page once for all who open the file, and never for another file', deadline, async () => {
    // No zero pages, which come without being asked for.
    const pages = 1024;
    const whole = testManifest(
      pages,
      Array.from({ length: 8 }, (_, index) => testChunk(300 + index)),
      Array.from({ length: 8 }, (_, index) => ({ page: index * 128, count: 128, chunk: index, slot: 0 })),
    );
    const first = await fs.expose('shared-1', whole.bytes, whole);
    const second = await fs.expose('shared-2', whole.bytes, whole);
    // The kernel may drop a page again when memory is short.
    const about = (count: number, wanted: number) => assert.ok(Math.abs(count - wanted) < pages / 10, `${count} reads`);
    const before = await readsOf();
    assert.ok((await readFile(first)).equals(expectedBytes(whole)));
    const once = await readsOf();
    about(once - before, pages);
    await run('cmp', first, first);
    const again = await readsOf();
    about(again - once, 0);
    await run('cmp', first, second);
    about((await readsOf()) - again, pages);
  });

  it('fills a file after it was opened and read', deadline, async () => {
    const path = await fs.expose('late', manifest.bytes + 8 * pageBytes, null, 'stream');
    await withFile(path, async (file) => {
      assert.ok((await readPage(file, 3)).equals(Buffer.alloc(pageBytes)));
      await fs.fill('late', manifest);
      assert.ok((await readPage(file, 3)).equals(pageOf(3)));
      assert.ok((await readPage(file, 1023)).equals(pageOf(1023)));
      assert.ok((await readPage(file, 1030)).equals(Buffer.alloc(pageBytes)));
    });
    await assert.rejects(fs.fill('late', manifest), DriverError);
  });

  it('keeps a withdrawn file for who has it open; its name can be used again', deadline, async () => {
    const path = await fs.expose('gone', manifest.bytes, manifest);
    await withFile(path, async (file) => {
      await readPage(file, 0);
      await fs.withdraw('gone');
      await assert.rejects(readFile(path), { code: 'ENOENT' });
      assert.ok((await readPage(file, 300)).equals(pageOf(300)));
      assert.equal(await fs.expose('gone', pageBytes, null), path);
      assert.ok((await readFile(path)).equals(Buffer.alloc(pageBytes)));
      assert.ok((await readPage(file, 301)).equals(pageOf(301)));
    });
  });

  it('is served to other users in mount namespaces of theirs', deadline, async (context) => {
    if (inUserNamespace()) return context.skip('without root, other user ids cannot be taken here');
    const path = await fs.expose('users', manifest.bytes, manifest);
    const script =
      'mount --bind "$1" /mnt && exec setpriv --reuid 65534 --regid 65534 --clear-groups sha256sum /mnt/users';
    const seen = await run('unshare', '--mount', 'sh', '-c', script, 'sh', join(fs.directory, 'pages'));
    assert.equal(seen.split(' ')[0], sum(await readFile(path)));
  });

  it('is served inside bubblewrap', deadline, async (context) => {
    const bwrap = findProgram('bwrap');
    if (bwrap === null) return context.skip('no bubblewrap');
    const path = await fs.expose('wrapped', manifest.bytes, manifest);
    const inside = ['--unshare-all', '--ro-bind', '/', '/', '--bind', join(fs.directory, 'pages'), '/mnt', '--'];
    const seen = await run(bwrap, ...inside, 'sha256sum', '/mnt/wrapped');
    assert.equal(seen.split(' ')[0], sum(await readFile(path)));
  });

  it('answers EIO for a chunk that is missing, and for one that never comes', deadline, async () => {
    const broken = testManifest(
      4,
      [testChunk(7), testChunk(8, 'missing'), testChunk(9, 'silent')],
      [
        { page: 0, count: 1, chunk: 0, slot: 9 },
        { page: 1, count: 1, chunk: 1, slot: 0 },
        { page: 2, count: 1, chunk: 2, slot: 0 },
      ],
    );
    const path = await fs.expose('broken', broken.bytes, broken);
    const { misses } = (await fs.metrics()).reads;
    await withFile(path, async (file) => {
      const silent = assert.rejects(readPage(file, 2), { code: 'EIO' });
      await assert.rejects(readPage(file, 1), { code: 'EIO' });
      // Nobody waits for another's chunk.
      assert.ok((await readPage(file, 0)).equals(testPage(7, 9)));
      await silent;
    });
    // The kernel may ask twice before it believes it.
    assert.ok((await fs.metrics()).reads.misses >= misses + 2);
    assert.ok(lines.some((line) => line.includes('no tier has it')));
    assert.ok(lines.some((line) => line.includes('deadline')));
  });

  it('serves 64 readers at once', deadline, async () => {
    const chunks = Array.from({ length: 64 }, (_, index) => testChunk(100 + index, 'slow'));
    const wide = testManifest(
      64,
      chunks,
      chunks.map((_, index) => ({ page: index, count: 1, chunk: index, slot: index })),
    );
    const path = await fs.expose('wide', wide.bytes, wide);
    await withFile(path, async (file) => {
      const pages = await Promise.all(chunks.map((_, index) => readPage(file, index)));
      assert.ok(pages.every((page, index) => page.equals(testPage(100 + index, index))));
    });
  });

  for (const advice of ['plain', 'huge']) {
    it(`writes down exactly the pages that a ${advice} mapping touches, in order`, deadline, async (context) => {
      if (python === null) return context.skip('no python3 to map a file with');
      const path = await fs.expose(`recorded-${advice}`, manifest.bytes, manifest);
      await fs.record(`recorded-${advice}`);
      const touched = [900, 3, 0, 364, 63, 1023, 512];
      const seen = await run(python, '-c', mapProgram, path, advice, ...[...touched, 3].map(String));
      const want = touched.map((page) => pageOf(page).subarray(0, 4).toString('hex'));
      // A page that was written to is the mapping's own.
      assert.deepEqual(seen.trim().split('\n').slice(0, -1), want);
      assert.deepEqual([...(await fs.recorded(`recorded-${advice}`))], touched);
      await assert.rejects(fs.recorded(`recorded-${advice}`), DriverError);
    });
  }

  it('puts recorded pages into the page cache: nothing is read for them', deadline, async () => {
    const path = await fs.expose('pushed', manifest.bytes, manifest);
    const pages = Uint32Array.from([...Array(60).keys()].map((page) => page + 3).concat([1023, 0, 300, 301, 364]));
    const { prefetchedPages } = await fs.metrics();
    fs.prefetch('pushed', pages);
    await withFile(path, async (file) => {
      await until(async () => (await fs.metrics()).prefetchedPages === prefetchedPages + pages.length);
      const before = await readsOf();
      for (const page of pages) assert.ok((await readPage(file, page)).equals(pageOf(page)));
      // Unless the kernel dropped some again.
      const again = await readsOf();
      assert.ok(again - before < pages.length / 10, `${again - before} reads`);
      assert.ok((await readPage(file, 365)).equals(pageOf(365)));
      assert.equal(await readsOf(), again + 1);
    });
  });

  it('prefetches what it can, and readers do not wait for the rest', deadline, async () => {
    const chunks = [testChunk(20, 'silent'), testChunk(21, 'missing'), testChunk(22)];
    const some = testManifest(
      384,
      chunks,
      chunks.map((_, index) => ({ page: index * 128, count: 128, chunk: index, slot: 0 })),
    );
    const path = await fs.expose('some', some.bytes, some);
    fs.prefetch('some', Uint32Array.from(Array(384).keys()));
    await withFile(path, async (file) => {
      for (const page of [383, 256]) assert.ok((await readPage(file, page)).equals(testPage(22, page - 256)));
      await assert.rejects(readPage(file, 128), { code: 'EIO' });
      await assert.rejects(readPage(file, 0), { code: 'EIO' });
    });
  });

  it('a fault meets the page that is being pushed', deadline, async () => {
    const chunks = Array.from({ length: 32 }, (_, index) => testChunk(200 + index));
    const large = testManifest(
      32 * 128,
      chunks,
      chunks.map((_, index) => ({ page: index * 128, count: 128, chunk: index, slot: 0 })),
    );
    for (let round = 0; round < 4; round += 1) {
      const path = await fs.expose(`race-${round}`, large.bytes, large);
      fs.prefetch(`race-${round}`, Uint32Array.from(Array(32 * 128).keys()));
      await Promise.all(
        [0, 1, 2, 3].map((which) =>
          withFile(path, async (file) => {
            for (let page = which; page < 32 * 128; page += 4) {
              assert.ok((await readPage(file, page)).equals(testPage(200 + (page >> 7), page & 127)), `page ${page}`);
            }
          }),
        ),
      );
      await fs.withdraw(`race-${round}`);
    }
  });
});
