import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import { DriverError } from '../driver.js';
import { reexecInMountNamespace } from '../reexec.js';
import { Guest, TestFolder } from '../testguest.js';
import { fencedAddresses } from './network.js';
import { ProcessDriver } from './processdriver.js';
import { refusedSyscalls } from './seccomp.js';
import { syscalls } from './syscalls.js';

reexecInMountNamespace();

describe('isolation of the process driver', () => {
  const folder = new TestFolder();
  let driver: ProcessDriver | null = null;
  let unavailable = '';
  let boxes = 0;

  before(async () => {
    driver = await ProcessDriver.open({ stateDirectory: folder.state }).catch((error: unknown) => {
      if (!(error instanceof DriverError)) throw error;
      unavailable = error.message;
      return null;
    });
  });
  after(async () => {
    await driver?.close();
    folder.remove();
  });

  /** A bound box for one point; `needs` names a protection without which the point cannot be shown. */
  const point = (
    what: string,
    body: (guest: Guest, driver: ProcessDriver, context: TestContext) => Promise<void>,
    needs?: string,
    memoryMib = 256,
  ) =>
    it(what, async (context) => {
      if (!driver) return context.skip(unavailable);
      const lacking = driver.protections().find(({ name, inForce }) => name === needs && !inForce);
      if (lacking) return context.skip(`${lacking.name}: ${lacking.detail}`);
      boxes += 1;
      const guest = await Guest.boot(driver, `isolation-${boxes}`);
      const scratch = await driver.createScratch(512);
      try {
        await folder.bind(guest, scratch, memoryMib);
        await body(guest, driver, context);
      } finally {
        await guest.box.kill();
        await scratch.dispose();
      }
    });

  point('writes nowhere but to /tmp', async (guest) => {
    const writable = await guest.run(`
      const open = [];
      const walk = (directory, depth) => {
        try { fs.writeFileSync(directory + '/.probe', ''); open.push(directory); } catch {}
        if (depth === 0) return;
        let names = [];
        try { names = fs.readdirSync(directory, { withFileTypes: true }); } catch {}
        for (const name of names) if (name.isDirectory()) walk(directory + '/' + name.name, depth - 1);
      };
      for (const top of fs.readdirSync('/')) if (!['proc', 'usr', 'bin', 'lib', 'sbin'].includes(top)) walk('/' + top, 3);
      for (const folder of ['/', '/usr', '/usr/bin', '/proc', '/proc/sys', '/proc/sys/kernel']) walk(folder, 0);
      return open;`);
    assert.deepEqual(writable, ['/tmp']);
  });

  point('is an unprivileged user without capabilities or new privileges', async (guest) => {
    const status = String(await guest.run(`return fs.readFileSync('/proc/self/status', 'utf8')`));
    assert.match(status, /^Uid:\s+993\s+993\s+993\s+993$/m);
    assert.match(status, /^Gid:\s+990\s+990\s+990\s+990$/m);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.match(status, new RegExp(`^${set}:\\s+0+$`, 'm'));
    assert.match(status, /^NoNewPrivs:\s+1$/m);
    assert.match(status, /^Seccomp:\s+2$/m);
  });

  point(
    'runs under a user id of its own on the machine',
    async (guest, driver) => {
      const other = await Guest.boot(driver, 'other-user');
      const map = `return fs.readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\\s+/)[1]`;
      await guest.run(map);
      const uids = readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .flatMap((pid) => {
          try {
            const status = readFileSync(`/proc/${pid}/status`, 'utf8');
            return /^NSpid:\s+\d+\s+2$/m.test(status) ? [/^Uid:\s+(\d+)/m.exec(status)![1]!] : [];
          } catch {
            return [];
          }
        });
      assert.ok(uids.length >= 2);
      assert.equal(new Set(uids).size, uids.length);
      assert.ok(!uids.includes('0'));
      await other.box.kill();
    },
    'own user of the machine',
  );

  point('sees no process but its own', async (guest) => {
    const seen = (await guest.run(
      `return fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).map(Number)`,
    )) as number[];
    assert.deepEqual(seen, [1, 2]);
    assert.equal(
      await guest.run(`try { process.kill(${process.pid}, 0); return 'reached' } catch (error) { return error.code }`),
      'ESRCH',
    );
  });

  point('sees no file of the machine outside /usr and its own', async (guest) => {
    assert.deepEqual(
      await guest.run(
        `return ['${folder.path}', '/root', '/home', '/sys', '/run', '/etc/shadow', '/proc/1/root/mnt', '/boot'].filter((path) => fs.existsSync(path))`,
      ),
      [],
    );
  });

  point(
    'does not reach other addresses of the machine either',
    async (guest, _driver, context) => {
      const [address] = fencedAddresses([]);
      if (address === undefined) return context.skip('this machine has no address but its loopback');
      let reached = 0;
      const listener = createServer((socket) => {
        reached += 1;
        socket.destroy();
      });
      await new Promise<void>((resolve) => listener.listen(0, '0.0.0.0', resolve));
      const { port } = listener.address() as AddressInfo;
      const answer = await guest.run(
        `return await new Promise((resolve) => { const s = net.connect({ host: '${address}', port: ${port} }, () => resolve('connected')); s.on('error', (e) => resolve(e.code)); })`,
      );
      assert.equal(answer, 'EACCES');
      assert.equal(reached, 0);
      listener.close();
    },
    'outbound network',
  );

  point('does not reach the loopback of the machine, nor another box', async (guest, driver) => {
    let reached = 0;
    const listener = createServer((socket) => {
      reached += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    const knock = (host: string, to: number) =>
      guest.run(
        `return await new Promise((resolve) => { const s = net.connect({ host: '${host}', port: ${to}, timeout: 1500 }, () => resolve('connected')); s.on('error', (e) => resolve(e.code)); s.on('timeout', () => { s.destroy(); resolve('timeout') }) })`,
      );
    assert.equal(await knock('127.0.0.1', port), 'ECONNREFUSED');
    assert.notEqual(await knock('10.0.2.2', port), 'connected');
    const other = await Guest.boot(driver, 'other-box');
    await other.run(
      `globalThis.server = net.createServer((s) => s.end()); await new Promise((r) => server.listen(7777, '0.0.0.0', r))`,
    );
    assert.equal(await knock('127.0.0.1', 7777), 'ECONNREFUSED');
    // Every box has this address, on a network of its own: it reaches itself, where nothing listens.
    assert.notEqual(await knock('10.0.2.100', 7777), 'connected');
    assert.equal(reached, 0);
    await other.box.kill();
    listener.close();
  });

  point(
    'dies of its memory limit, alone',
    async (guest) => {
      await assert.rejects(guest.run(`const all = []; for (;;) all.push(Buffer.alloc(8 << 20, 1))`));
      const exit = await guest.box.exited;
      assert.equal(exit.outOfMemory, true);
      assert.equal(exit.signal, 'SIGKILL');
      assert.ok((guest.box.memoryPeakMib() ?? 0) >= 120);
    },
    'memory limit',
    128,
  );

  point(
    'reports its memory high-water mark',
    async (guest) => {
      const before = guest.box.memoryPeakMib();
      await guest.run(`globalThis.kept = Buffer.alloc(64 << 20, 1)`);
      assert.ok(guest.box.memoryPeakMib()! >= before! + 60);
    },
    'memory limit',
  );

  point(
    'has a bounded number of processes',
    async (guest) => {
      const made = await guest.run(`
      // Each waits for a word that never comes, however long it takes to start them all.
      const script = 'i=0; while [ $i -lt 1100 ]; do read word <&3 & i=$((i+1)); done';
      const child = cp.spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
      await new Promise((resolve) => child.on('exit', resolve));
      return fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).length;`);
      assert.ok((made as number) <= 1024, `${made} processes`);
      assert.ok((made as number) >= 500, `${made} processes`);
    },
    'process limit',
    1024,
  );

  point('has at most 1,024 open files', async (guest) => {
    assert.match(
      String(await guest.run(`return fs.readFileSync('/proc/self/limits', 'utf8')`)),
      /^Max open files +1024 +1024 /m,
    );
  });

  point('has a /tmp of the configured size, which is not memory', async (guest) => {
    const written = await guest.run(`
      const file = fs.openSync('/tmp/big', 'w');
      const piece = Buffer.alloc(4 << 20, 1);
      let bytes = 0;
      try { for (;;) bytes += fs.writeSync(file, piece); } catch (error) { if (error.code !== 'ENOSPC') throw error; }
      return bytes;`);
    assert.ok((written as number) > 450 << 20 && (written as number) <= 512 << 20, `${written} bytes`);
    assert.equal(await guest.run('return 1'), 1);
  });

  point('refuses system calls of the machine', async (guest) => {
    const python = '/usr/bin/python3';
    if (!existsSync(python)) return console.log(`not tried: no ${python} to make raw system calls with`);
    const column = process.arch === 'x64' ? 0 : 1;
    const numbers = refusedSyscalls.flatMap((name) =>
      syscalls[name][column] === null ? [] : [[name, syscalls[name][column]]],
    );
    const script = `
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
out = {}
for name, number in json.loads(sys.argv[1]):
    result = libc.syscall(number, 0, 0, 0, 0, 0, 0)
    out[name] = ctypes.get_errno() if result < 0 else 0
def arg(number, *values):
    result = libc.syscall(number, *values)
    return ctypes.get_errno() if result < 0 else 0
out['clone NEWUSER'] = arg(${syscalls.clone[column]}, 0x10000000 | 17, 0, 0, 0, 0)
out['unshare NEWUSER'] = arg(${syscalls.unshare[column]}, 0x10000000)
out['clone3'] = arg(435, 0, 0)
out['io_uring_setup'] = arg(425, 1, 0)
out['later kernel'] = arg(500)
out['vsock'] = arg(${syscalls.socket[column]}, 40, 1, 0)
out['TIOCSTI'] = arg(${syscalls.ioctl[column]}, 0, 0x5412, 0)
out['personality'] = arg(${syscalls.personality[column]}, 0x0040000)
import threading, socket, multiprocessing, subprocess
t = threading.Thread(target=lambda: out.__setitem__('thread', 'ran')); t.start(); t.join()
out['child'] = subprocess.check_output(['echo', 'ran']).decode().strip()
print(json.dumps(out))`;
    const out = JSON.parse(
      String(
        await guest.run(
          `return cp.execFileSync('${python}', ['-c', ${JSON.stringify(script)}, ${JSON.stringify(JSON.stringify(numbers))}]).toString()`,
        ),
      ),
    ) as Record<string, unknown>;
    const special = {
      'clone NEWUSER': 1,
      'unshare NEWUSER': 1,
      clone3: 38,
      io_uring_setup: 38,
      'later kernel': 38,
      vsock: 97,
      TIOCSTI: 1,
      personality: 1,
      thread: 'ran',
      child: 'ran',
    };
    assert.deepEqual(out, { ...Object.fromEntries(numbers.map(([name]) => [name, 1])), ...special });
  });

  point('lets node use threads, child processes and timers', async (guest) => {
    assert.equal(
      await guest.run(`
        const { Worker } = process.getBuiltinModule ? process.getBuiltinModule('node:worker_threads') : await import('node:worker_threads');
        const answer = await new Promise((resolve) => new Worker("require('node:worker_threads').parentPort.postMessage(42)", { eval: true }).once('message', resolve));
        return answer + Number(cp.execFileSync('/bin/echo', ['1']))`),
      43,
    );
  });

  point('can open its output again, as shell scripts do', async (guest) => {
    await guest.run(
      `cp.execFileSync('/bin/sh', ['-c', 'echo one > /dev/stdout; echo two > /dev/stderr'], { stdio: 'inherit' })`,
    );
    await guest.box.kill();
    await guest.ended;
    assert.deepEqual(guest.output.trim().split('\n').sort(), ['one', 'two']);
  });

  point('shows code that nobody inside can change, also not on the machine', async (guest) => {
    await assert.rejects(guest.run(`fs.writeFileSync('/var/task/index.txt', 'changed')`), /EROFS/);
    await assert.rejects(guest.run(`fs.unlinkSync('/var/task/index.txt')`), /EROFS/);
    assert.equal(readFileSync(`${folder.code}/index.txt`, 'utf8'), 'code');
  });

  point('is in no folder of the machine: its mounts are ours alone', async () => {
    const init = '/proc/1/mountinfo';
    if (!existsSync(init)) return;
    assert.doesNotMatch(execFileSync('cat', [init], { encoding: 'utf8' }), /hearth/);
  });
});
