import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pageBytes } from '../chunks/layout.js';
import { kib } from '../kernel/units.js';
import { DriverError } from '../worker/sandbox/driver.js';
import { insideMountNamespace, inUserNamespace } from '../worker/sandbox/namespace.js';
import { findProgram } from '../worker/sandbox/programs.js';
import { reexecInMountNamespace } from '../worker/sandbox/reexec.js';
import { SparseFsClient } from './client.js';
import { expectedBytes, testChunk, testManifest, testPage } from './testchunks.js';

/** Readers block threads of this process's pool; 64 at once need as many. */
process.env.UV_THREADPOOL_SIZE = '72';
reexecInMountNamespace();

/** Deadline of a read here; slow chunks take less. */
const readMsMax = 1_500;
const program = fileURLToPath(new URL('./client.child.js', import.meta.url));
const deadline = { timeout: 60_000 };

/** Why nothing can be mounted here, or null. */
function obstacle(): string | null {
  if (!insideMountNamespace()) return 'no mount namespace can be had here';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return null;
  } catch (error) {
    return `FUSE cannot be used here: ${(error as Error).message}`;
  }
}

const skip = obstacle() ?? false;

/** Mounts of this process's namespace below a folder. */
function mountsBelow(folder: string, pid: number | 'self' = 'self'): string[] {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${folder}/`));
}

/** Processes, of any namespace, that have a mount below a folder. */
function processesThatSee(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return mountsBelow(folder, Number(pid)).length > 0;
      } catch {
        return false;
      }
    });
}

/** `R`, `S`, `D`, …; null when there is no such process. */
function stateOf(pid: number): string | null {
  try {
    return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** What the kernel says of a file whose server has gone. */
const connectionEnded = ({ code = '' }: NodeJS.ErrnoException) => ['EIO', 'ENOTCONN', 'ECONNABORTED'].includes(code);

/** Waits for what comes by itself; the deadline only ends a failing test. */
async function until(done: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const endMs = Date.now() + 20_000; Date.now() < endMs; ) {
    if (await done()) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

async function withFile<T>(
  path: string,
  use: (file: FileHandle) => Promise<T>,
  flags: string | number = 'r',
): Promise<T> {
  const file = await open(path, flags);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function readPage(file: FileHandle, page: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(pageBytes), 0, pageBytes, page * pageBytes);
  assert.equal(bytesRead, pageBytes);
  return buffer;
}

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

/** Runs a program to its end; standard output. */
async function run(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { timeout: 30_000, killSignal: 'SIGKILL' });
  return stdout;
}

/** Touches pages of a private writable mapping, as a monitor does, and prints the first byte of each. */
const mapProgram = `
import mmap, os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: None)
fd = os.open(sys.argv[1], os.O_RDWR)
size = os.fstat(fd).st_size
memory = mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
if sys.argv[2] == 'huge':
    memory.madvise(mmap.MADV_HUGEPAGE)
for page in sys.argv[3:]:
    at = int(page) * 4096
    print(memory[at:at + 4].hex())
    memory[at:at + 1] = b'x'
`;
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
      assert.ok(
        await until(async () => (await fs.metrics()).prefetchedPages === prefetchedPages + pages.length),
        String((await fs.metrics()).prefetchedPages - prefetchedPages),
      );
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

describe('when the server or its owner dies', { skip, ...deadline }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-sparse-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const silent = testManifest(
    2,
    [testChunk(1, 'silent'), testChunk(2)],
    [
      { page: 0, count: 1, chunk: 0, slot: 0 },
      { page: 1, count: 1, chunk: 1, slot: 0 },
    ],
  );

  for (const [how, signal] of [
    ['is killed', 'SIGKILL'],
    ['hangs', 'SIGSTOP'],
  ] as const) {
    it(`the server ${how}: reads fail, nothing stays mounted, another can be started`, deadline, async () => {
      const options = { directory: join(folder, 'fs'), program, composition: {}, answerMsMax: 2_000 };
      const fs = await SparseFsClient.open(options);
      const path = await fs.expose('memory', silent.bytes, silent);
      await withFile(path, async (file) => {
        await readPage(file, 1);
        const waiting = assert.rejects(readPage(file, 0), connectionEnded);
        process.kill(fs.pid!, signal);
        assert.match(await fs.ended, signal === 'SIGKILL' ? /SIGKILL/ : /did not answer/);
        await waiting;
        await assert.rejects(readPage(file, 0), connectionEnded);
      });
      await assert.rejects(fs.expose('more', pageBytes, null), DriverError);
      await assert.rejects(fs.metrics(), DriverError);
      assert.deepEqual(mountsBelow(folder), []);
      const next = await SparseFsClient.open(options);
      assert.ok((await readFile(await next.expose('memory', pageBytes, null))).equals(Buffer.alloc(pageBytes)));
      await next.close();
      await fs.close();
    });
  }

  it('a page that somebody waits for is not pushed: the server does not wait for itself', deadline, async () => {
    const fs = await SparseFsClient.open({ directory: join(folder, 'stuck'), program, composition: {} });
    const stuck = testManifest(2, [testChunk(1, 'stuck')], [{ page: 0, count: 2, chunk: 0, slot: 0 }]);
    const path = await fs.expose('memory', stuck.bytes, stuck);
    const server = fs.pid!;
    await withFile(path, async (file) => {
      const waiting = assert.rejects(readPage(file, 0), connectionEnded);
      assert.ok(await until(async () => (await fs.metrics()).tiers.memory!.hits > 0), 'it asked for nothing');
      fs.prefetch('memory', Uint32Array.of(0, 1));
      assert.ok(await until(async () => (await fs.metrics()).prefetchedPages === 1));
      assert.ok((await readPage(file, 1)).equals(testPage(1, 1)));
      process.kill(server, 'SIGKILL');
      assert.match(await fs.ended, /SIGKILL/);
      await waiting;
    });
    assert.equal(stateOf(server), null);
    assert.deepEqual(mountsBelow(folder), []);
    await fs.close();
  });

  it('who waits for a chunk can be killed, and is not disturbed by other signals', deadline, async (context) => {
    if (python === null) return context.skip('no python3 to map a file with');
    const composition = { readMsMax: 300_000 };
    const fs = await SparseFsClient.open({ directory: join(folder, 'killed'), program, composition });
    const path = await fs.expose('memory', silent.bytes, silent);
    // A page fault: the kernel lets nobody leave it before the answer, not even when killed.
    const reader = spawn(python, ['-c', mapProgram, path, 'plain', '0'], { stdio: 'ignore' });
    try {
      const ended = new Promise<string | null>((resolve) => reader.once('exit', (_, signal) => resolve(signal)));
      assert.ok(await until(async () => (await fs.metrics()).tiers.memory!.hits > 0), 'it asked for nothing');
      reader.kill('SIGUSR1');
      assert.ok(await until(() => stateOf(reader.pid!) === 'D'), 'it does not wait as in a page fault');
      reader.kill('SIGKILL');
      assert.equal(await ended, 'SIGKILL');
    } finally {
      reader.kill('SIGKILL');
      await fs.close();
    }
  });

  it('a server that cannot start is an error, and nothing is left', deadline, async () => {
    const directory = join(folder, 'none');
    await assert.rejects(SparseFsClient.open({ directory, program: '/nonexistent.js', composition: {} }), DriverError);
    assert.deepEqual(mountsBelow(folder), []);
    assert.ok(!existsSync(directory));
  });

  it('kill -9 of the owner leaves no process and no mount', deadline, async () => {
    const directory = join(folder, 'owned');
    const child = fileURLToPath(new URL('./client.owner.js', import.meta.url));
    const owner = spawn('unshare', ['--mount', process.execPath, child, directory, program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const said = await new Promise<string>((resolve) => {
        owner.stdout.once('data', (text) => resolve(String(text)));
        owner.once('exit', () => resolve(''));
      });
      const server = Number(said);
      assert.ok(server > 0, 'the owner did not start');
      assert.equal(mountsBelow(directory, owner.pid!).length, 2);
      owner.kill('SIGKILL');
      assert.ok(await until(() => !existsSync(`/proc/${server}`)), 'the server lives on');
      assert.deepEqual(processesThatSee(directory), []);
    } finally {
      owner.kill('SIGKILL');
    }
  });
});
