import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type MicroVmParts, openMicroVm } from '../../src/bin/microvm.js';
import { DriverError } from '../../src/worker/sandbox/driver.js';
import { reexecInMountNamespace } from '../../src/worker/sandbox/reexec.js';
import { Guest, TestFolder } from '../../src/worker/sandbox/testguest.js';
import { keepSnapshots, seedSnapshots } from '../system/snapshotseed.js';

reexecInMountNamespace();

/** Layers are made once, in some ten seconds; each step then takes about one. */
const deadline = { timeout: 240_000 };
const account = '123456789012';
const owner = { account, functionName: 'function' };
const unique = `return [fs.readFileSync('/proc/sys/kernel/random/uuid', 'utf8'), os.hostname()]`;

describe('virtual machines from snapshots', deadline, () => {
  const folder = new TestFolder();
  const said: string[] = [];
  let parts: MicroVmParts | null = null;
  let unavailable = '';
  const open = () =>
    openMicroVm({
      snapshotFolder: join(folder.path, 'snapshots'),
      runFolder: folder.state,
      progress: (text) => said.push(text),
    });
  const reopen = async () => {
    await parts!.driver.close();
    await parts!.close();
    said.length = 0;
    parts = await open();
  };
  const made = () => said.filter((line) => line.startsWith('making'));

  before(async () => {
    seedSnapshots(folder.path);
    parts = await open().catch((error: unknown) => {
      if (!(error instanceof DriverError)) throw error;
      unavailable = error.message;
      return null;
    });
  });
  after(async () => {
    await parts?.driver.close();
    await parts?.close();
    folder.remove();
  });
  const point = (what: string, body: (parts: MicroVmParts) => Promise<void>) =>
    it(what, deadline, async (context) => (parts === null ? context.skip(unavailable) : body(parts)));
  const bound = async (boxId: string, memoryMib = 256): Promise<Guest> => {
    const { driver } = parts!;
    const guest = await Guest.boot(driver, boxId);
    const scratch = await driver.createScratch(512);
    await guest.box.bind({ codeDirectory: folder.code, layersDirectory: null, scratch, memoryMib, owner });
    return guest;
  };
  const restored = async (boxId: string): Promise<Guest> => {
    const { driver } = parts!;
    const scratch = await driver.createScratch(512);
    const binding = { codeDirectory: folder.code, layersDirectory: null, scratch, memoryMib: 256 };
    const guest = new Guest(await driver.snapshots.restore({ boxId, id: 'function.1', binding }));
    // What the original said last is heard again: the answer to its last question.
    await guest.answer();
    return guest;
  };

  point('layers that are stored serve another run at once', async () => {
    const guest = await Guest.boot(parts!.driver, 'first');
    await guest.box.kill();
    await reopen();
    const again = await Guest.boot(parts!.driver, 'second');
    assert.deepEqual(made(), []);
    await again.box.kill();
  });

  point('a spare is frozen as soon as it is there, and has the right time when it is needed', async ({ driver }) => {
    const guest = await Guest.boot(driver, 'spare');
    guest.box.freeze();
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    guest.box.thaw();
    const late = Date.now() - ((await guest.run('return Date.now()')) as number);
    assert.ok(late < 3_000, `its clock is ${late} ms late`);
    await guest.box.kill();
  });

  point('memory beyond the limit ends the sandbox, and only that', async () => {
    const [greedy, other] = await Promise.all([bound('greedy'), bound('other')]);
    await assert.rejects(greedy.run('globalThis.kept = Buffer.alloc(600 << 20, 1)'));
    assert.deepEqual(await greedy.box.exited, { code: null, signal: 'SIGKILL', outOfMemory: true });
    assert.equal(await other.run('return 1 + 1'), 2);
    await Promise.all([greedy.box.kill(), other.box.kill()]);
  });

  point(
    'a function is saved and goes on; clones have its state and nothing else in common',
    async ({ driver, store }) => {
      const original = await bound('original');
      await original.run(`globalThis.state = 'initialized'; fs.writeFileSync('/tmp/file', 'kept')`);
      const [before] = (await original.run(unique)) as string[];
      const sizes = await driver.snapshots.capture(original.box, 'function.1', account);
      assert.ok(sizes.uniqueBytes > 0 && sizes.uniqueBytes < sizes.logicalBytes / 4, JSON.stringify(sizes));
      assert.ok(sizes.storedBytes < sizes.uniqueBytes);
      assert.equal(await original.run('return state'), 'initialized');
      await original.box.kill();
      assert.equal(await driver.snapshots.has('function.1'), true);
      assert.equal(await driver.snapshots.has('function.2'), false);

      const clones = [await restored('clone1'), await restored('clone2')];
      const draws = new Set([before]);
      for (const clone of clones) {
        assert.equal(await clone.run('return state'), 'initialized');
        assert.equal(await clone.run(`return fs.readFileSync('/tmp/file', 'utf8')`), 'kept');
        assert.equal(await clone.run(`return fs.readFileSync('/var/task/index.txt', 'utf8')`), 'code');
        const [uuid, host] = (await clone.run(unique)) as string[];
        draws.add(uuid!);
        assert.equal(host, clone.box.id);
        const clock = (await clone.run('return Date.now()')) as number;
        assert.ok(Math.abs(clock - Date.now()) < 5_000, `its clock is ${clock - Date.now()} ms off`);
      }
      assert.equal(draws.size, 3, 'no two draw the same from the kernel');
      await clones[0]!.run(`fs.writeFileSync('/tmp/file', 'changed')`);
      assert.equal(await clones[1]!.run(`return fs.readFileSync('/tmp/file', 'utf8')`), 'kept');
      for (const clone of clones) clone.box.freeze(); // Idle: a recorded restore ends here.
      await Promise.all(clones.map(({ box }) => box.kill()));
      const record = await store.find(account, 'function', 'function.1');
      assert.ok((await store.accessLog(record!)).runs.length > 0, 'page accesses were recorded');
    },
  );

  point('a function is restored by a later run, until it is dropped', async () => {
    await reopen();
    const clone = await restored('later');
    assert.equal(await clone.run('return state'), 'initialized');
    await clone.box.kill();
    const { driver, store } = parts!;
    await driver.snapshots.drop('function.1');
    assert.equal(await driver.snapshots.has('function.1'), false);
    assert.equal(await store.find(account, 'function', 'function.1'), null);
  });

  point('a box that is killed leaves nothing', async () => {
    const guest = await bound('leaving');
    assert.ok(monitors().length > 0);
    assert.ok(folder.drives().length > 0);
    await guest.box.kill();
    assert.deepEqual(monitors(), []);
    await parts!.driver.close();
    assert.deepEqual(folder.drives(), []);
    assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(`${folder.state}/sparsefs`));
    await parts!.close();
    parts = await open();
  });

  point('without the process that serves memory, boxes end; the next one has a new one', async () => {
    const guest = await bound('orphan');
    const ended = guest.box.exited;
    for (const pid of servers()) process.kill(pid, 'SIGKILL');
    assert.equal((await ended).signal, 'SIGKILL');
    await guest.box.kill();
    // A machine may end of it before the driver has heard of the server's end: a start in between fails, rightly.
    while (!said.some((text) => text.includes('the sparse file system ended'))) await delay(20);
    const next = await bound('next');
    assert.equal(await next.run('return 1 + 1'), 2);
    await next.box.kill();
  });

  point('layers whose bytes are gone are made again', async () => {
    await parts!.driver.close();
    await parts!.close();
    keepSnapshots(folder.path); // The last of this test that are whole.
    const objects = join(folder.path, 'snapshots', 'origin', 'objects');
    for (const name of readdirSync(objects)) if (name.startsWith('chunks%')) rmSync(join(objects, name));
    rmSync(join(folder.path, 'snapshots', 'l1'), { recursive: true, force: true });
    said.length = 0;
    parts = await open();
    // Code is looked through once a sandbox could not read it: that one fails, a later one does not.
    let guest: Guest | null = null;
    for (let attempt = 1; guest === null; attempt++) {
      guest = await bound(`healed${attempt}`).catch((error: unknown) => {
        if (attempt === 5 || !(error instanceof DriverError)) throw error;
        return null;
      });
    }
    assert.equal(await guest.run('return 1 + 1'), 2);
    assert.ok(made().length >= 2, said.join('\n'));
    await guest.box.kill();
  });

  /** Children of this process that run as virtual machine monitors, or serve memory. */
  function children(pattern: string): number[] {
    const listed = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
    const rows = listed.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)).filter((row) => row !== null);
    const mine = new Set([process.pid]);
    for (let grown = true; grown; ) {
      const sizeBefore = mine.size;
      for (const [, pid, parent] of rows) if (mine.has(Number(parent))) mine.add(Number(pid));
      grown = mine.size > sizeBefore;
    }
    return rows
      .filter(([, pid, , args]) => mine.has(Number(pid)) && args!.includes(pattern))
      .map(([, pid]) => Number(pid));
  }
  const monitors = () => children('qemu-system');
  const servers = () => children('sparsefsserver');
});
