import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openMicroVm } from '../../src/bin/microvm.js';
import { DriverError, type SandboxDriver } from '../../src/worker/sandbox/driver.js';
import { NoneDriver } from '../../src/worker/sandbox/none/nonedriver.js';
import { ProcessDriver } from '../../src/worker/sandbox/process/processdriver.js';
import { reexecInMountNamespace } from '../../src/worker/sandbox/reexec.js';
import { Guest, guestRuntime, providedRuntime, TestFolder } from '../../src/worker/sandbox/testguest.js';

reexecInMountNamespace();

const drivers: Record<string, (stateDirectory: string) => Promise<SandboxDriver>> = {
  process: (stateDirectory) => ProcessDriver.open({ stateDirectory }),
  none: (stateDirectory) => NoneDriver.open({ stateDirectory }),
  microvm: async (stateDirectory) => {
    const snapshotFolder = join(stateDirectory, '..', 'snapshots');
    const runFolder = join(stateDirectory, 'microvm');
    const { driver, close } = await openMicroVm({ snapshotFolder, runFolder, progress: () => {} });
    const end = driver.close.bind(driver);
    driver.close = () => end().then(close);
    return driver;
  },
};

for (const [name, open] of Object.entries(drivers)) {
  describe(`sandbox driver ${name}`, () => {
    const folder = new TestFolder();
    let driver: SandboxDriver | null = null;
    let unavailable = '';

    before(async () => {
      driver = await open(folder.state).catch((error: unknown) => {
        if (!(error instanceof DriverError)) throw error;
        unavailable = error.message;
        return null;
      });
    });
    after(async () => {
      await driver?.close();
      folder.remove();
    });
    const point = (what: string, body: (driver: SandboxDriver) => Promise<void>) =>
      it(what, async (context) => (driver ? body(driver) : context.skip(unavailable)));

    point('boots, binds code and scratch, and ends', async (driver) => {
      const guest = await Guest.boot(driver, 'plain');
      const scratch = await driver.createScratch(512);
      await folder.bind(guest, scratch);
      const { taskRoot, environment } = guest.box;
      assert.equal(await guest.run(`return fs.readFileSync('${taskRoot}/index.txt', 'utf8')`), 'code');
      const tmp = environment.TMPDIR ?? '/tmp';
      await guest.run(`fs.writeFileSync('${tmp}/file', 'kept')`);
      assert.equal(await guest.run(`return fs.readFileSync('${tmp}/file', 'utf8')`), 'kept');
      await guest.box.kill();
      assert.deepEqual(await guest.box.exited, { code: null, signal: 'SIGKILL', outOfMemory: false });
      await scratch.dispose();
    });

    point('keeps scratch from one box to the next, and not longer', async (driver) => {
      const scratch = await driver.createScratch(512);
      const first = await Guest.boot(driver, 'scratch1');
      await folder.bind(first, scratch);
      await first.run(
        `const d = process.env.TMPDIR || '${first.box.environment.TMPDIR ?? '/tmp'}'; fs.mkdirSync(d + '/a'); fs.writeFileSync(d + '/a/b', 'x')`,
      );
      await first.box.kill();
      const second = await Guest.boot(driver, 'scratch2');
      await folder.bind(second, scratch);
      const tmp = second.box.environment.TMPDIR ?? '/tmp';
      assert.equal(
        await second.run(`fs.appendFileSync('${tmp}/a/b', 'y'); return fs.readFileSync('${tmp}/a/b', 'utf8')`),
        'xy',
      );
      await second.box.kill();
      await scratch.dispose();
      const other = await driver.createScratch(512);
      const third = await Guest.boot(driver, 'scratch3');
      await folder.bind(third, other);
      assert.deepEqual(await third.run(`return fs.readdirSync('${third.box.environment.TMPDIR ?? '/tmp'}')`), []);
      await third.box.kill();
      await other.dispose();
    });

    point('gives exactly the environment it is told', async (driver) => {
      process.env.HEARTH_TEST_SECRET = 'must not be seen';
      const guest = await Guest.boot(driver, 'environment', { EXTRA: 'a b=c' });
      assert.deepEqual(await guest.run('return process.env'), { GUEST: 'yes', EXTRA: 'a b=c' });
      await guest.box.kill();
    });

    point('leaves no descriptor of the platform open inside', async (driver) => {
      const guest = await Guest.boot(driver, 'descriptors');
      const open = await guest.run(
        `return cp.execFileSync('/bin/sh', ['-c', 'ls -l /proc/self/fd'], { stdio: ['ignore', 'pipe', 'ignore'] }).toString()`,
      );
      assert.doesNotMatch(String(open), /cgroup|filter|\.lmdb/);
      assert.deepEqual(
        await guest.run(
          `return fs.readdirSync('/proc/self/fd').map(Number).filter((fd) => fd > 3).map((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd) } catch { return '' } }).filter((path) => path !== '' && !/^anon_inode|^pipe:|^socket:|^\\/dev\\/|^\\/proc\\//.test(path))`,
        ),
        [],
      );
      await guest.box.kill();
    });

    point('connects the Runtime API', async (driver) => {
      const guest = await Guest.boot(driver, 'api');
      guest.box.runtimeApi.on('connection', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npong'));
      const { runtimeApiAddress } = guest.box;
      assert.equal(
        await guest.run(
          `return await new Promise((resolve, reject) => http.get('http://${runtimeApiAddress}/', (r) => r.setEncoding('utf8').on('data', resolve)).on('error', reject))`,
        ),
        'pong',
      );
      await guest.box.kill();
    });

    point('starts a provided runtime with exactly its environment, in its code', async (driver) => {
      const code = join(folder.path, `provided-${name}`);
      mkdirSync(code);
      writeFileSync(join(code, 'bootstrap'), '#!/bin/sh\necho "$PWD"\n/usr/bin/env\necho oops >&2\nexit 3\n');
      chmodSync(join(code, 'bootstrap'), 0o755);
      const box = await driver.boot({ boxId: 'provided', runtime: providedRuntime });
      const scratch = await driver.createScratch(512);
      await box.bind({ codeDirectory: code, layersDirectory: null, scratch, memoryMib: 128 });
      let out = '';
      let errors = '';
      box.stdout.on('data', (piece: Buffer) => {
        out += piece;
      });
      box.stderr.on('data', (piece: Buffer) => {
        errors += piece;
      });
      const ended = Promise.all([box.stdout, box.stderr].map((stream) => new Promise((r) => stream.once('end', r))));
      box.start([`${box.taskRoot}/bootstrap`], { A: '1', B: 'x=y z' });
      assert.deepEqual(await box.exited, { code: 3, signal: null, outOfMemory: false });
      await ended;
      const lines = out.trim().split('\n');
      assert.equal(lines[0], box.taskRoot);
      // The shell itself adds PWD, and some SHLVL and _.
      assert.deepEqual(
        lines
          .slice(1)
          .filter((line) => !/^(PWD|SHLVL|_|OLDPWD)=/.test(line))
          .sort(),
        ['A=1', 'B=x=y z'],
      );
      assert.equal(errors, 'oops\n');
      await box.kill();
      await scratch.dispose();
    });

    point('starts a managed runtime late, through a program of the code, with the channel', async (driver) => {
      const code = join(folder.path, `late-${name}`);
      mkdirSync(code);
      writeFileSync(join(code, 'wrapper'), '#!/bin/sh\nexport ADDED=yes\nexec "$@"\n', { mode: 0o755 });
      const box = await driver.boot({ boxId: 'late', runtime: { ...guestRuntime, command: null } });
      const scratch = await driver.createScratch(512);
      await box.bind({ codeDirectory: code, layersDirectory: null, scratch, memoryMib: 256 });
      const guest = new Guest(box);
      const hello = guest.answer();
      box.start([`${box.taskRoot}/wrapper`, ...guestRuntime.command!], { A: 'x=y z' }, true);
      // Said before the runtime reads: it waits in the channel.
      const answer = guest.run('return [process.env.ADDED, process.env.A, process.cwd()]');
      assert.equal(await hello, 'HELLO');
      assert.deepEqual(await answer, ['yes', 'x=y z', box.taskRoot]);
      await box.kill();
      await scratch.dispose();
    });

    point('tells what memory the runtime took', async (driver) => {
      const guest = await Guest.boot(driver, 'memory');
      const scratch = await driver.createScratch(512);
      await folder.bind(guest, scratch, 512);
      const before = guest.box.memoryPeakMib();
      assert.ok(before !== null && before >= 20 && before < 150, `a Node takes ${before} MiB`);
      await guest.run('globalThis.kept = Buffer.alloc(200 << 20, 1); globalThis.kept = null');
      const after = guest.box.memoryPeakMib();
      assert.ok(after !== null && after >= 200 && after <= 512, `${after} MiB`);
      await guest.box.kill();
      assert.ok((guest.box.memoryPeakMib() ?? 0) >= 200, 'known after the end');
      await scratch.dispose();
    });

    point('freezes and thaws', async (driver) => {
      const guest = await Guest.boot(driver, 'freeze');
      guest.box.freeze();
      guest.box.freeze();
      let answered = false;
      const answer = guest.run('return 1').then((value) => {
        answered = true;
        return value;
      });
      // As long as a second box takes to boot and answer; a running first one would have answered long before.
      const other = await Guest.boot(driver, 'notfrozen');
      await other.run('return 2');
      assert.equal(answered, false);
      guest.box.thaw();
      guest.box.thaw();
      assert.equal(await answer, 1);
      guest.box.freeze();
      await guest.box.kill(); // A frozen one dies as well.
      await other.box.kill();
    });

    point('asks the runtime to end', async (driver) => {
      const guest = await Guest.boot(driver, 'terminate');
      await guest.run(`process.on('SIGTERM', () => process.exit(7))`);
      guest.box.freeze();
      guest.box.terminate();
      assert.deepEqual(await guest.box.exited, { code: 7, signal: null, outOfMemory: false });
      await guest.box.kill();
    });

    point('reports exit and signal, and everything is harmless afterwards', async (driver) => {
      const guest = await Guest.boot(driver, 'exit');
      await assert.rejects(guest.run('process.exit(5)'));
      assert.equal((await guest.box.exited).code, 5);
      const { box } = guest;
      box.freeze();
      box.thaw();
      box.terminate();
      box.memoryPeakMib();
      box.start(['/bin/true'], {});
      await box.kill();
      await box.kill();
      const crash = await Guest.boot(driver, 'crash');
      await assert.rejects(crash.run('process.abort()'));
      assert.equal((await crash.box.exited).signal, 'SIGABRT');
      await crash.box.kill();
    });

    point('refuses a runtime that is not there, and leaves nothing', async (driver) => {
      const runtime = {
        ...guestRuntime,
        mounts: [{ hostPath: '/nonexistent/node', sandboxPath: '/var/lang/bin/node' }],
      };
      const booted = driver.boot({ boxId: 'missing', runtime });
      // Without namespaces a missing program shows as the end of the box instead.
      const exit = await booted.then(
        (box) => box.exited,
        (error: unknown) => error,
      );
      assert.ok(exit instanceof DriverError || (exit as { code: number }).code !== 0);
    });

    point('closes with boxes alive', async () => {
      const own = await open(join(folder.path, 'other'));
      const guest = await Guest.boot(own, 'alive');
      await own.createScratch(512);
      await own.close();
      assert.equal((await guest.box.exited).signal, 'SIGKILL');
      await assert.rejects(own.boot({ boxId: 'late', runtime: guestRuntime }), DriverError);
    });
  });
}
