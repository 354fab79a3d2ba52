import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeErofs } from '../../../image/erofs.js';
import { guestImage } from '../../../image/guestimage.js';
import type { GuestImage } from '../../../image/image.js';
import { runtimeImage } from '../../../image/runtimeimage.js';
import { mib } from '../../../kernel/units.js';
import { QemuVmm } from '../../../vmm/qemu/qemuvmm.js';
import type { Machine } from '../../../vmm/vmm.js';
import { frameType } from '../../../wire/channel/frames.js';
import { MachineRuntimes } from '../../runtimes/catalog.js';
import { DriverError, type RuntimeLaunch } from '../driver.js';
import { findProgram } from '../programs.js';
import { reexecInMountNamespace } from '../reexec.js';
import { guestRuntime } from '../testguest.js';
import { GuestLink } from './guestlink.js';

reexecInMountNamespace();

/** A boot under emulation takes some 7 s of a quiet processor. */
const bootMsMax = 120_000;
const scratchMib = 64;
const driveBytes = 16 * mib;
const folder = mkdtempSync(join(tmpdir(), 'hearth-guestboot-'));
// Monitors run as users of their own.
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true, force: true }));

async function imageDrive(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const tree = join(folder, `${name}-tree`);
  mkdirSync(tree);
  for (const [path, text] of Object.entries(files)) writeFileSync(join(tree, path), text);
  const drive = join(folder, name);
  await makeErofs(drive, tree);
  truncateSync(drive, driveBytes);
  return drive;
}

function scratchDrive(): string {
  const drive = join(folder, 'scratch');
  writeFileSync(drive, '');
  truncateSync(drive, scratchMib * mib);
  const made = spawnSync(findProgram('mkfs.ext4')!, ['-q', '-F', '-O', '^has_journal', drive], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  return drive;
}

/** Why there can be no machine here, or null. */
const lacking = ['qemu-system-x86_64', 'mkfs.erofs', 'mkfs.ext4', 'apt-get'].find((name) => findProgram(name) === null);

describe('a virtual machine with the guest image', { skip: lacking ? `${lacking} is missing` : false }, () => {
  let vmm: QemuVmm;
  let image: GuestImage;
  let machines = 0;

  before(
    async () => {
      image = await guestImage();
      vmm = await QemuVmm.open();
    },
    { timeout: 240_000 },
  );
  after(() => vmm?.close());

  async function boot(launch: RuntimeLaunch): Promise<{ machine: Machine; link: GuestLink }> {
    const runtime = await runtimeImage(launch);
    const paths = [
      image.rootPath,
      runtime.path,
      await imageDrive(`code${machines}`, { 'index.txt': 'the code' }),
      await imageDrive(`layers${machines}`, { 'layer.txt': 'the layer' }),
      scratchDrive(),
    ];
    const drive = { bytes: driveBytes, readOnly: true };
    const drives = [
      { bytes: image.rootBytes, readOnly: true },
      { bytes: runtime.bytes, readOnly: true },
      drive,
      drive,
      { bytes: scratchMib * mib, readOnly: false },
    ];
    machines += 1;
    const { kernelPath, initrdPath, commandLine } = image;
    const shape = { memoryMib: 256, processors: 1, drives, network: true };
    const request = { id: `guestboot${machines}`, shape, drivePaths: paths, kernelPath, initrdPath, commandLine };
    const machine = await vmm.boot(request);
    const link = new GuestLink(machine.channel);
    try {
      await Promise.race([
        link.ready,
        machine.exited.then(({ reason }) => Promise.reject(new Error(`${reason}: ${machine.console()}`))),
      ]);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${machine.console()}`);
    }
    return { machine, link };
  }

  it('Python says HELLO, and runs as nobody who matters', { timeout: bootMsMax }, async (context) => {
    const runtimes = new MachineRuntimes({ dataDirectory: folder });
    const found = (await runtimes.list()).find(({ name, status }) => name.startsWith('python') && status === 'ready');
    if (found === undefined) return context.skip('no Python that Lambda has');
    const launch = await runtimes.launch(found.name);
    const { machine, link } = await boot(launch);
    await link.attach({ runtime: true });
    link.stderr.on('data', (bytes: Buffer) => context.diagnostic(bytes.toString()));
    const hello = new Promise<Buffer>((resolve) => link.channel.once('data', resolve));
    link.start(launch.command!, launch.environment, { keepsChannel: true });
    assert.deepEqual([...(await hello)], [1, 0, 0, 0, frameType.hello]);
    link.signal(0, 'SIGTERM');
    assert.equal((await link.exited).signal, 'SIGTERM');
    await machine.kill();
  });

  it('a Node function’s whole life', { timeout: bootMsMax }, async () => {
    const { machine, link } = await boot(guestRuntime);
    await link.attach({ runtime: true });
    let text = '';
    let output = '';
    const answers: ((value: string) => void)[] = [];
    link.stderr.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
    link.channel.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      for (let end = text.indexOf('\0'); end >= 0; end = text.indexOf('\0')) {
        answers.shift()?.(text.slice(0, end));
        text = text.slice(end + 1);
      }
    });
    const answer = () =>
      new Promise<unknown>((resolve, reject) => {
        answers.push((said) => {
          const { value, error } = JSON.parse(said);
          if (error === undefined) resolve(value);
          else reject(new Error(error));
        });
        link.ended.then((reason) => reject(new Error(`${reason} ${output} ${machine.console()}`)));
      });
    const run = (body: string) => {
      const answered = answer();
      link.channel.write(`${body}\0`);
      return answered;
    };
    const hello = answer();
    link.start(guestRuntime.command!, guestRuntime.environment, { keepsChannel: true });
    assert.equal(await hello, 'HELLO');

    await link.attach({ code: true, layers: true, scratch: true, memoryMib: 128 });
    const read = (path: string) => run(`return fs.readFileSync('${path}', 'utf8')`);
    assert.equal(await read('/var/task/index.txt'), 'the code');
    assert.equal(await read('/opt/layer.txt'), 'the layer');
    assert.deepEqual(await run('return [process.getuid(), process.getgid(), process.getgroups()]'), [993, 990, [990]]);
    assert.deepEqual(await run('return process.env'), { GUEST: 'yes' });
    const status = String(await read('/proc/self/status'));
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^CapBnd:\t/m);
    // /tmp is its own, of its size; everything else stays as it is.
    assert.equal(await run(`fs.writeFileSync('/tmp/kept', 'x'); return fs.readFileSync('/tmp/kept', 'utf8')`), 'x');
    assert.ok(Number(await run('const s = fs.statfsSync("/tmp"); return s.bsize * s.blocks')) > 50 * mib);
    assert.deepEqual(await run('return fs.readdirSync("/tmp")'), ['kept']);
    for (const path of ['/x', '/var/task/x', '/opt/x', '/var/runtime/x', '/dev/x', '/dev/shm/x', '/etc/passwd']) {
      await assert.rejects(run(`fs.writeFileSync('${path}', '')`), /EROFS|EACCES|ENOENT/, path);
    }
    assert.deepEqual(await run('return fs.readdirSync("/dev").sort()'), [
      ...['fd', 'full', 'null', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty', 'urandom', 'zero'],
    ]);
    // Its own processes and process 1 of its namespace; no way to devices, to the agent, to a namespace of its own.
    const processes = (await run('return fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name))')) as string[];
    assert.equal(processes.length, 2, processes.join());
    for (const path of ['/proc/1/root', '/proc/1/fd', '/proc/1/mem']) {
      await assert.rejects(run(`fs.readdirSync('${path}')`), /EACCES|ENOTDIR/, path);
    }
    const made = await run(
      `return cp.spawnSync('/bin/sh', ['-c', 'echo $BASH; date; curl --version; python3 -c "import ssl, json; print(ssl.OPENSSL_VERSION)"; awk "BEGIN { print 6 * 7 }"'], { encoding: 'utf8', env: { TZ: ':UTC' } })`,
    );
    assert.match((made as { stdout: string }).stdout, /^\/bin\/sh\n.* UTC \d+\ncurl [\s\S]*OpenSSL 3[\s\S]*\n42\n$/);
    assert.equal(await run(`fs.writeFileSync('/dev/stderr', 'to the log'); return 1`), 1);
    assert.equal(output, 'to the log');

    // The Runtime API's door, and the way in.
    link.runtimeApi.on('connection', (socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\npong'));
    });
    const got = `return new Promise((resolve, reject) => http.get('http://127.0.0.1:9001/', (answer) => {
      let text = ''; answer.on('data', (piece) => { text += piece; }); answer.on('end', () => resolve(text)); }).on('error', reject))`;
    assert.equal(await run(got), 'pong');
    await run(
      `return new Promise((resolve) => net.createServer((socket) => socket.end('inside')).listen(8080, '127.0.0.1', resolve))`,
    );
    const six = `return new Promise((resolve, reject) => net.createServer().on('error', reject).listen(0, '::1', () => resolve('listens')))`;
    assert.equal(await run(six), 'listens');
    const socket = await link.connect(8080);
    assert.equal((await new Promise<Buffer>((resolve) => socket.once('data', resolve))).toString(), 'inside');
    await assert.rejects(link.connect(8081), DriverError);

    // As after a restore: nothing of it runs before it has what makes it different.
    const before =
      await run(`globalThis.turns = 0; setInterval(() => { globalThis.turns += 1; }, 1); return read('boot_id');
      function read(name) { return fs.readFileSync('/proc/sys/kernel/random/' + name, 'utf8'); }`);
    await link.quiesce();
    assert.equal(link.suspend().version, 1);
    const clockMs = Date.UTC(2040, 1, 1);
    await link.resume({ entropy: randomBytes(64), clockMs, hostName: 'another' });
    assert.equal(await run('return os.hostname()'), 'another');

    assert.match(String(await read('/etc/hosts')), /^127.0.0.1 another$/m);
    const now = Number(await run('return Date.now()'));
    assert.ok(now >= clockMs && now < clockMs + 60_000, String(now));
    assert.notEqual(await read('/proc/sys/kernel/random/boot_id'), before);
    assert.ok(Number(await run('return globalThis.turns')) > 0);

    assert.ok(link.peakMib! > 10 && link.peakMib! <= 128, String(link.peakMib));
    const unanswered = assert.rejects(run('const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1));'));
    assert.deepEqual(await link.exited, { code: null, signal: 'SIGKILL', outOfMemory: true });
    assert.equal(link.peakMib, 128);
    // The machine is well.
    await link.attach({ memoryMib: 200 });
    await machine.kill();
    await unanswered;
  });
});
