import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pageBytes } from '../chunks/layout.js';
import { DriverError } from '../worker/sandbox/driver.js';
import { findProgram } from '../worker/sandbox/programs.js';
import { reexecInMountNamespace } from '../worker/sandbox/reexec.js';
import { SparseFsClient } from './client.js';
import { testChunk, testManifest, testPage } from './testchunks.js';
import { mapProgram, mountObstacle, mountsBelow, readPage, until, withFile } from './testmount.js';

reexecInMountNamespace();

const program = fileURLToPath(new URL('./client.child.js', import.meta.url));
const deadline = { timeout: 60_000 };
const skip = mountObstacle() ?? false;
const python = findProgram('python3');

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
      await until(async () => (await fs.metrics()).tiers.memory!.hits > 0, 'it asked for nothing');
      fs.prefetch('memory', Uint32Array.of(0, 1));
      await until(async () => (await fs.metrics()).prefetchedPages === 1);
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
      await until(async () => (await fs.metrics()).tiers.memory!.hits > 0, 'it asked for nothing');
      reader.kill('SIGUSR1');
      await until(() => stateOf(reader.pid!) === 'D', 'it does not wait as in a page fault');
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
      await until(() => !existsSync(`/proc/${server}`), 'the server lives on');
      assert.deepEqual(processesThatSee(directory), []);
    } finally {
      owner.kill('SIGKILL');
    }
  });
});
