import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type MicroVmParts, openMicroVm } from '../../src/bin/microvm.js';
import { DriverError } from '../../src/worker/sandbox/driver.js';
import { reexecInMountNamespace } from '../../src/worker/sandbox/reexec.js';
import { Guest, guestRuntime, TestFolder } from '../../src/worker/sandbox/testguest.js';
import { keepSnapshots, seedSnapshots } from '../system/snapshotseed.js';

reexecInMountNamespace();

/** Layers are made once, in some ten seconds; each step then takes about one. */
const deadline = { timeout: 240_000 };
const account = '123456789012';
const owner = { account, functionName: 'function' };

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function processes(): Process[] {
  const listed = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  const rows = listed.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)).filter((row) => row !== null);
  return rows.map(([, pid, parent, command]) => ({ pid: Number(pid), parent: Number(parent), command: command! }));
}

/** Descendants of a process that run as virtual machine monitors, or serve memory. */
function below(ancestor: number, program: string): number[] {
  const all = processes();
  const family = new Set([ancestor]);
  for (let grown = true; grown; ) {
    const before = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
    grown = family.size > before;
  }
  return all.filter(({ pid, command }) => family.has(pid) && command.includes(program)).map(({ pid }) => pid);
}

/** Monitors themselves, without the jail around them. */
const monitors = (ancestor = process.pid) =>
  below(ancestor, 'qemu-system').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu-system');
    } catch {
      return false; // It has just ended.
    }
  });

/** Waits for a state of the machine that comes by itself; the deadline only ends a failing test. */
async function until(what: string, done: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    if (done()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`${what}: not within a minute`);
}

/** Memory that is a process's alone, KiB. */
function privateKib(pid: number, kinds = ['Private_Clean', 'Private_Dirty']): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  return kinds.map(kib).reduce((sum, one) => sum + one, 0);
}

describe('machines that wait for a snapshot', deadline, () => {
  const folder = new TestFolder();
  let parts: MicroVmParts | null = null;
  let unavailable = '';

  before(async () => {
    seedSnapshots(folder.path);
    const options = { snapshotFolder: join(folder.path, 'snapshots'), runFolder: folder.state, progress: () => {} };
    parts = await openMicroVm(options).catch((error: unknown) => {
      if (!(error instanceof DriverError)) throw error;
      unavailable = error.message;
      return null;
    });
    if (parts === null) return;
    const { driver } = parts;
    const guest = await Guest.boot(driver, 'original');
    const scratch = await driver.createScratch(512);
    const binding = { codeDirectory: folder.code, layersDirectory: null, scratch, memoryMib: 256, owner };
    await guest.box.bind(binding);
    await guest.run(`globalThis.state = 'initialized'; fs.writeFileSync('/tmp/file', 'kept')`);
    await driver.snapshots.capture(guest.box, 'function.1', account);
    await guest.box.kill();
  });
  after(async () => {
    await parts?.driver.close();
    await parts?.close();
    keepSnapshots(folder.path);
    folder.remove();
  });
  const point = (what: string, body: (parts: MicroVmParts) => Promise<void>) =>
    it(what, deadline, async (context) => (parts === null ? context.skip(unavailable) : body(parts)));
  const restored = async (boxId: string): Promise<Guest> => {
    const { driver } = parts!;
    const scratch = await driver.createScratch(512);
    const binding = { codeDirectory: folder.code, layersDirectory: null, scratch, memoryMib: 256 };
    const guest = new Guest(await driver.snapshots.restore({ boxId, id: 'function.1', binding }));
    // What the original said last is heard again: the answer to its last question.
    await guest.answer();
    return guest;
  };

  point('two are there after a restore, of which the next ones are made, each its own', async ({ driver }) => {
    assert.deepEqual(monitors(), [], 'nothing waits for what was never restored');
    await (await restored('first')).box.kill();
    await until('two wait', () => monitors().length === 2);
    const waiting = monitors();
    assert.ok(driver.waiting.mib >= 2);
    const sizes = waiting.map((pid) => privateKib(pid));
    assert.ok(
      sizes.every((kib) => kib < (driver.waiting.mib / 2) * 1024),
      `private memory of those that wait: ${sizes} KiB`,
    );
    const clones = [await restored('second'), await restored('third')];
    assert.ok(
      waiting.every((pid) => monitors().includes(pid)),
      'they are what the clones run in',
    );
    const draws = new Set<unknown>();
    for (const clone of clones) {
      assert.equal(await clone.run('return state'), 'initialized');
      assert.equal(await clone.run(`return fs.readFileSync('/tmp/file', 'utf8')`), 'kept');
      assert.equal(await clone.run(`return fs.readFileSync('/var/task/index.txt', 'utf8')`), 'code');
      assert.equal(await clone.run('return os.hostname()'), clone.box.id);
      draws.add(await clone.run(`return fs.readFileSync('/proc/sys/kernel/random/uuid', 'utf8')`));
      const clock = (await clone.run('return Date.now()')) as number;
      assert.ok(Math.abs(clock - Date.now()) < 5_000, `its clock is ${clock - Date.now()} ms off`);
    }
    assert.equal(draws.size, 2);
    await clones[0]!.run(`fs.writeFileSync('/tmp/file', 'changed')`);
    assert.equal(await clones[1]!.run(`return fs.readFileSync('/tmp/file', 'utf8')`), 'kept');
    await Promise.all(clones.map(({ box }) => box.kill()));
    assert.ok(!monitors().some((pid) => waiting.includes(pid)));
  });

  point('one that is killed while it waits costs nothing but time', async () => {
    await until('two wait', () => monitors().length === 2);
    for (const pid of monitors()) process.kill(pid, 'SIGKILL');
    const clone = await restored('fourth');
    assert.equal(await clone.run('return state'), 'initialized');
    await clone.box.kill();
  });

  point('they wait for layers of runtimes, too, that functions were started from', async ({ driver }) => {
    const booted = async (boxId: string) => {
      const guest = new Guest(await driver.boot({ boxId, runtime: guestRuntime, memoryMib: 256, account }));
      await guest.answer();
      await folder.bind(guest, await driver.createScratch(512));
      return guest;
    };
    await until('two wait', () => monitors().length === 2);
    const before = monitors();
    await (await booted('cold')).box.kill();
    let waiting: number[] = [];
    const replaced = () => {
      waiting = monitors();
      return waiting.length === 2 && waiting.filter((pid) => before.includes(pid)).length === 1;
    };
    // A monitor's process is there before it can be started from: the first time may come too soon.
    for (let attempt = 1; ; attempt++) {
      await until('one of each waits', replaced);
      const guest = await booted(`prepared${attempt}`);
      assert.equal(await guest.run(`return fs.readFileSync('/var/task/index.txt', 'utf8')`), 'code');
      await guest.box.kill();
      const left = monitors();
      if (waiting.filter((pid) => left.includes(pid)).length === 1) break;
      assert.ok(attempt < 5, 'it ran in one of those that waited');
    }
  });

  point(
    'a restored machine that is idle takes no more than what is counted beside its function',
    async ({ driver }) => {
      const guest = await restored('idle');
      for (let times = 0; times < 50; times++) await guest.run('return 1');
      guest.box.freeze();
      // Those that only wait have less. What it shares, or the kernel could read again, is nobody's.
      const mib = Math.max(...monitors().map((pid) => privateKib(pid, ['Private_Dirty']))) / 1024;
      assert.ok(mib > 0 && mib <= driver.boxOwnMib, `${mib.toFixed(1)} MiB of ${driver.boxOwnMib}`);
      await guest.box.kill();
    },
  );

  point('they go with the process that serves their memory', async () => {
    await until('two wait', () => monitors().length === 2);
    for (const pid of below(process.pid, 'sparsefsserver')) process.kill(pid, 'SIGKILL');
    await until('they are gone', () => monitors().length === 0);
    const clone = await restored('fifth');
    assert.equal(await clone.run('return state'), 'initialized');
    await clone.box.kill();
  });

  point('they go when memory is short, and with their snapshot', async ({ driver }) => {
    await until('two wait', () => monitors().length === 2);
    assert.equal(driver.waiting.drop(), true);
    await until('one is gone', () => monitors().length === 1);
    await driver.snapshots.drop('function.1');
    await until('the other, too', () => monitors().length === 0);
    assert.equal(driver.waiting.mib, 0);
    await driver.close();
    assert.deepEqual(folder.drives(), []);
  });
});
