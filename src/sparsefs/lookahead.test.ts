import assert from 'node:assert/strict';
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type PageRun, pageBytes } from '../chunks/layout.js';
import { packManifest } from '../chunks/packedmanifest.js';
import { findProgram } from '../worker/sandbox/programs.js';
import { reexecInMountNamespace } from '../worker/sandbox/reexec.js';
import { SparseFsClient } from './client.js';
import { SparseFile } from './files.js';
import { Lookahead } from './lookahead.js';
import { PageMap } from './pagemap.js';
import { AccessLog, PageSet } from './pageset.js';
import { type PageRange, StoringThread } from './storing.js';
import { expectedBytes, testChunk, testManifest } from './testchunks.js';
import { mountObstacle, readPage, run, until, withFile } from './testmount.js';

reexecInMountNamespace();

const deadline = { timeout: 60_000 };
const program = fileURLToPath(new URL('./client.child.js', import.meta.url));
const chunk = (page: number, count: number): PageRun => ({ page, count, chunk: 0, slot: 0 });

/** What a lookahead sends off; its storing thread takes everything, or nothing while `busy`. */
class Watched {
  readonly file: SparseFile;
  readonly sent: PageRange[] = [];
  busy = false;
  /** From here on somebody waits. */
  awaited = Number.POSITIVE_INFINITY;
  private readonly lookahead = new Lookahead({
    zeros: (_descriptor, _node, ranges) => {
      if (this.busy) return null;
      this.sent.push(...ranges);
      return Promise.resolve(ranges.reduce((sum, { count }) => sum + count, 0));
    },
  });

  constructor(pages: number, runs: readonly PageRun[] = []) {
    this.file = new SparseFile(2, 'memory', pages * pageBytes);
    this.file.map = new PageMap(packManifest(testManifest(pages, runs.length === 0 ? [] : [testChunk(0)], runs)));
    this.file.filled = true;
  }

  read(...pages: number[]): void {
    const device = { descriptor: -1 };
    const free = (_file: SparseFile, first: number, count: number) =>
      Math.max(0, Math.min(count, this.awaited - first));
    for (const page of pages) this.lookahead.read({ device, files: { free } }, this.file, page, 1);
  }

  get pushed(): number[] {
    return this.sent.flatMap(({ page, count }) => Array.from({ length: count }, (_, index) => page + index));
  }

  /** Reads upwards what was not pushed, as a guest does that finds the rest in the page cache; returns what it read. */
  walk(from: number, to: number): number[] {
    const has = new Set(this.pushed);
    const reads: number[] = [];
    for (let page = from; page < to; page += 1) {
      if (has.has(page)) continue;
      const known = this.sent.length;
      reads.push(page);
      this.read(page);
      for (const { page: first, count } of this.sent.slice(known)) {
        for (let next = first; next < first + count; next += 1) has.add(next);
      }
    }
    return reads;
  }
}

const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

describe('looking ahead of fresh memory', () => {
  it('begins at the second page in a row, doubles up to 1 MiB, and leaves out the page that tells', () => {
    const watched = new Watched(100_000);
    watched.read(10);
    assert.deepEqual(watched.sent, []);
    watched.read(11);
    assert.deepEqual(watched.pushed, [12, 13, 14, 15, 17, 18, 19]);
    watched.read(16);
    assert.deepEqual(watched.pushed.slice(7), [...upTo(20, 28), ...upTo(29, 36)]);
    const reads = watched.walk(28, 60_000);
    assert.ok(reads.length < 60_000 / 250, `${reads.length} reads`);
    const { pushed } = watched;
    assert.equal(new Set(pushed).size, pushed.length, 'no page twice');
    for (const { count } of watched.sent) assert.ok(count <= 128);
    assert.ok(Math.max(...pushed) < 60_000 + 512);
  });

  it('guesses nothing from pages that are apart, nor downwards', () => {
    const watched = new Watched(100_000);
    watched.read(...upTo(0, 5_000).map((index) => (index * 7_919) % 100_000));
    watched.read(...upTo(0, 1_000).reverse());
    assert.deepEqual(watched.sent, []);
  });

  it('follows sequences that are mixed', () => {
    const watched = new Watched(100_000);
    for (let page = 0; page < 2; page += 1) for (let one = 0; one < 16; one += 1) watched.read(one * 5_000 + page);
    assert.equal(watched.sent.length, 32);
  });

  it('stays within the zero pages and the file, and before pages that somebody waits for', () => {
    const watched = new Watched(1_000, [chunk(100, 20), chunk(500, 100)]);
    watched.walk(0, 100);
    watched.walk(120, 500);
    watched.walk(600, 1_000);
    for (const page of watched.pushed) assert.ok((page < 100 || page >= 120) && (page < 500 || page >= 600), `${page}`);
    assert.ok(Math.max(...watched.pushed) < 1_000);
    const other = new Watched(1_000);
    other.awaited = 15;
    other.read(10, 11);
    assert.deepEqual(other.pushed, [12, 14]);
  });

  it('pushes nothing while the file is recorded, has no contents yet, or has an access log pushed', () => {
    const watched = new Watched(1_000);
    const { file } = watched;
    file.log = new AccessLog(1_000);
    watched.read(0, 1, 2);
    file.log = null;
    file.given = new PageSet(1_000);
    watched.read(3, 4, 5);
    file.given = null;
    file.filled = false;
    watched.read(6, 7, 8);
    assert.deepEqual(watched.sent, []);
    file.filled = true;
    watched.read(9, 10);
    assert.notDeepEqual(watched.sent, []);
  });

  it('leaves it to the reads while the storing thread has enough to do', () => {
    const watched = new Watched(1_000);
    watched.busy = true;
    watched.read(0, 1, 2);
    watched.busy = false;
    watched.read(3);
    assert.deepEqual(watched.pushed, [4, 5, 6, 7, 9, 10, 11]);
  });

  it('pushes at most 16 MiB for nothing, and a quarter of what was of use', () => {
    const pages = 2_000_000;
    const watched = new Watched(pages);
    // Two pages in a row, then never again near them.
    for (let page = 0; page < 1_000_000; page += 1_000) watched.read(page, page + 1);
    const wasted = watched.pushed.length;
    const used = 2_000;
    assert.ok(wasted > 3_500 && wasted <= 4_096 + used / 4, `${wasted} pages`);
    // Use is what makes room again.
    const reads = watched.walk(1_000_000, 1_900_000);
    assert.ok(reads.length < 900_000 / 200, `${reads.length} reads`);
  });
});

describe('the storing thread', () => {
  it('refuses zero pages when it has enough to do, and takes some again afterwards', deadline, async (context) => {
    const target = await open('/dev/null', 'w');
    let broken: unknown = null;
    // The thread keeps no process alive.
    const alive = setInterval(() => {}, 1_000);
    context.after(() => clearInterval(alive));
    const thread = new StoringThread((error) => {
      broken = error;
    });
    const send = () =>
      thread.zeros(target.fd, 2, [
        { page: 0, count: 128 },
        { page: 129, count: 127 },
      ]);
    // What it says comes by this thread's event loop: not before all were sent.
    const sent = Array.from({ length: 6 }, send);
    assert.deepEqual(
      sent.map((one) => one === null),
      [false, false, false, false, true, true],
    );
    for (const one of sent) if (one !== null) assert.equal(await one, 255);
    assert.equal(await send(), 255);
    assert.equal(broken, null);
    await target.close();
  });
});

/** Writes to every page of a private mapping, as a guest does; prints what was there, and whether all of it is kept. */
const writeProgram = `
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
size = os.fstat(fd).st_size
memory = mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
found = []
for at in range(0, size, 4096):
    found.append(memory[at:at + 4].hex())
    memory[at:at + 4] = (at | 1).to_bytes(4, 'little')
print(all(memory[at:at + 4] == (at | 1).to_bytes(4, 'little') for at in range(0, size, 4096)))
print(' '.join(found))
`;
const python = findProgram('python3');

describe('fresh memory in the sparse file system', { skip: mountObstacle() ?? false, ...deadline }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-lookahead-'));
  /** Three stretches of zeros with data between, of which the windows know the ends only from the manifest. */
  const manifest = testManifest(
    2_048,
    [testChunk(0)],
    [
      { page: 301, count: 3, chunk: 0, slot: 7 },
      { page: 1_400, count: 100, chunk: 0, slot: 20 },
    ],
  );
  const expected = expectedBytes(manifest);
  const pageOf = (page: number) => expected.subarray(page * pageBytes, (page + 1) * pageBytes);
  let fs: SparseFsClient;
  before(async () => {
    fs = await SparseFsClient.open({
      directory: join(folder, 'fs'),
      program,
      composition: { readMsMax: 1_500 },
      onLine: () => {},
    });
  });
  after(async () => {
    await fs?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const expose = (name: string) => fs.expose(name, manifest.bytes, manifest);
  const pushed = async () => (await fs.metrics()).prefetchedPages;
  async function read(file: FileHandle, page: number): Promise<void> {
    assert.ok((await readPage(file, page)).equals(pageOf(page)), `page ${page}`);
  }
  it('is in the page cache when it is touched, and counted', deadline, async () => {
    await withFile(await expose('steps'), async (file) => {
      const before = await pushed();
      await read(file, 0);
      await read(file, 1);
      await until(async () => (await pushed()) === before + 7);
      await read(file, 6);
      await until(async () => (await pushed()) === before + 7 + 15);
      const { hits } = (await fs.metrics()).reads;
      for (let page = 2; page < 26; page += 1) if (page !== 18) await read(file, page);
      // Unless the kernel dropped some again.
      const reads = (await fs.metrics()).reads.hits - hits;
      assert.ok(reads <= 6, `${reads} reads`);
    });
  });

  it('changes nothing of what is there, however it is read', deadline, async () => {
    const path = await expose('whole');
    const before = await pushed();
    await withFile(path, async (file) => {
      for (let page = 0; page < 2_048; page += 1) await read(file, page);
      for (let page = 0; page < 2_048; page += 1) await read(file, page);
    });
    assert.ok((await pushed()) > before);
    assert.ok((await readFile(path)).equals(expected));
  });

  it('keeps what a guest writes to it', deadline, async (context) => {
    if (python === null) return context.skip('python3 is missing');
    const path = await expose('written');
    const before = await pushed();
    const stdout = await run(python, '-c', writeProgram, path);
    const [kept, found] = stdout.trim().split('\n');
    assert.equal(kept, 'True');
    assert.deepEqual(
      found!.split(' '),
      Array.from({ length: 2_048 }, (_, page) => pageOf(page).toString('hex', 0, 4)),
    );
    assert.ok((await pushed()) > before);
    assert.ok((await readFile(path)).equals(expected));
  });

  it('is written down page by page while it is recorded', deadline, async () => {
    const path = await expose('recorded');
    await fs.record('recorded');
    const before = await pushed();
    await withFile(path, async (file) => {
      for (let page = 0; page < 1_000; page += 1) await read(file, page);
    });
    assert.deepEqual([...(await fs.recorded('recorded'))], upTo(0, 1_000));
    assert.equal(await pushed(), before);
  });

  it('never outlives the filling of a file that was empty', deadline, async () => {
    const path = await fs.expose('late', manifest.bytes, null);
    await withFile(path, async (file) => {
      for (let page = 0; page < 400; page += 1) await readPage(file, page);
      await fs.fill('late', manifest);
      for (let page = 0; page < 2_048; page += 1) await read(file, page);
    });
  });

  it('is not pushed where a read waits for its answer', deadline, async () => {
    const silent = testManifest(64, [testChunk(1, 'silent')], [{ page: 5, count: 1, chunk: 0, slot: 0 }]);
    const path = await fs.expose('awaited', silent.bytes, silent);
    const asked = async () => (await fs.metrics()).tiers.memory!.hits;
    const direct = await open(path, constants.O_RDONLY | constants.O_DIRECT);
    try {
      await withFile(path, async (file) => {
        const [before, known] = [await pushed(), await asked()];
        const waits = assert.rejects(direct.read(Buffer.alloc(8 * pageBytes), 0, 8 * pageBytes, 0), { code: 'EIO' });
        await until(async () => (await asked()) > known);
        await read(file, 0);
        await read(file, 1);
        await waits;
        await read(file, 2);
        // 3, and 4 is left out; from 2 on it would have been two.
        await until(async () => (await pushed()) > before);
        assert.equal(await pushed(), before + 1);
      });
    } finally {
      await direct.close();
    }
  });
});
