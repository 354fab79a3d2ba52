import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import test from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { type CpioEntry, cpioArchive, directoryMode, fileMode, programMode } from '../../src/image/cpio.js';
import { guestImage } from '../../src/image/guestimage.js';
import { findProgram, nativeProgram } from '../../src/worker/sandbox/programs.js';

// The process driver's own tests of its limits, in a virtual machine with Debian's kernel, whose cgroup v2 has every
// controller: machines that still mount version 1, as those of some clouds, would never run that code.

/** Booting and these tests take an emulated processor some 50 s; a busy machine gets more, npm test gives 240 s. */
const msMax = 230_000;
const memoryMib = 1_536;
const machinePrograms = [
  'bwrap',
  'mount',
  'switch_root',
  'env',
  'unshare',
  'setpriv',
  'cp',
  'mkdir',
  'sleep',
  'taskset',
  'true',
];
const build = join(import.meta.dirname, '..', '..');
const testFiles = ['cgroups.test.js', 'isolation.test.js'].map((name) =>
  join(build, 'src', 'worker', 'sandbox', 'process', name),
);
/** Of these tests, what cgroups are behind. */
const points = [
  'freeze, thaw, kill frozen processes and go',
  'limit memory, processes and CPU share',
  'share a processor by memory',
  'dies of its memory limit, alone',
  'reports its memory high-water mark',
  'has a bounded number of processes',
];

/** Where the project is in the guest: wherever it is here, a folder for temporary files too, nothing is mounted over it. */
const guestRoot = '/hearth';
const inside = (path: string) => path.replace(projectRoot, guestRoot);

const startScript = (top: string) => `#!/bin/sh
export PATH=/usr/bin:/usr/sbin
if [ "$1" != again ]; then
  # The kernel's first file system cannot be left, which bubblewrap wants to: everything moves to another.
  mkdir /new && mount -t tmpfs -o size=90% root /new
  cp -a /bin /etc /init /lib /lib64 /sbin /usr ${guestRoot} ${top} /new/
  cd /new && mkdir -p proc sys dev tmp mnt
  exec switch_root /new /init again
fi
mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t devtmpfs dev /dev && mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cat /sys/fs/cgroup/cgroup.controllers
cd /tmp
${process.execPath} --test --test-reporter=tap --test-name-pattern='${points.join('|')}' ${testFiles.map(inside).join(' ')}
echo "hearth guest: status $?"
`;

/** Programs with the libraries they need, where they are, and the folders above. */
class Files {
  readonly #files = new Map<string, CpioEntry>();

  folder(path: string): void {
    if (path === '/' || path === '.' || this.#files.has(path)) return;
    this.folder(dirname(path));
    this.#files.set(path, { path: path.slice(1), mode: directoryMode });
  }

  put(path: string, data: Buffer, mode: number): void {
    this.folder(dirname(path));
    this.#files.set(path, { path: path.slice(1), mode, data });
  }

  link(path: string, target: string): void {
    this.put(path, Buffer.from(target), 0o120777);
  }

  /** On Debian `/bin` and `/lib` are links: what is found through them lies below `/usr`. */
  program(path: string): void {
    const real = realpathSync(path);
    this.put(real, readFileSync(real), programMode);
    const named = join(realpathSync(dirname(path)), path.slice(dirname(path).length + 1));
    if (named !== real) this.put(named, readFileSync(real), programMode);
    const needed = execFileSync('ldd', [real], { encoding: 'utf8' }).match(/\/\S+(?= \(0x)/g) ?? [];
    for (const library of needed) {
      const place = join(realpathSync(dirname(library)), library.slice(dirname(library).length + 1));
      this.put(place, readFileSync(library), programMode);
    }
  }

  tree(folder: string, wanted: RegExp): void {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      if (entry.isFile() && wanted.test(path)) this.put(inside(path), readFileSync(path), fileMode);
    }
  }

  archive(): Buffer {
    return cpioArchive([...this.#files.values()]);
  }
}

function guestFiles(): Buffer {
  const files = new Files();
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) files.link(`/${name}`, `usr/${name}`);
  for (const name of machinePrograms) files.program(findProgram(name)!);
  files.program(process.execPath);
  files.program('/bin/sh');
  if (existsSync('/bin/bash')) files.program('/bin/bash');
  files.program(findProgram('cat')!);
  for (const name of ['agent', 'connector', 'launcher', 'mounthelper'] as const) {
    const path = nativeProgram(name)!;
    files.put(inside(path), readFileSync(path), programMode);
  }
  files.tree(join(build, 'src'), /\.js$/);
  files.put(join(guestRoot, 'package.json'), readFileSync(join(projectRoot, 'package.json')), fileMode);
  files.put('/etc/passwd', Buffer.from('root:x:0:0::/:/bin/sh\n'), fileMode);
  files.folder('/etc/ssl');
  const top = `/${relative('/', process.execPath).split('/')[0]}`;
  files.put('/init', Buffer.from(startScript(top === '/usr' ? '' : top)), programMode);
  return files.archive();
}

async function boot(qemu: string, kernelPath: string, initrdPath: string): Promise<string> {
  const machine = ['-M', 'pc', '-cpu', 'max', '-m', String(memoryMib), '-accel', 'tcg,thread=multi', '-smp', '1'];
  const kernel = ['-kernel', kernelPath, '-initrd', initrdPath];
  const line =
    'console=ttyS0 quiet panic=-1 mitigations=off no_timer_check tsc=reliable cryptomgr.notests rdinit=/init';
  const monitor = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', qemu, ...machine, ...kernel, '-append', line, ...monitor], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: msMax,
    killSignal: 'SIGKILL',
  });
  let said = '';
  for await (const piece of child.stdout.setEncoding('utf8')) said += piece;
  return said.replaceAll('\r', '');
}

test('the limits of the process driver hold with cgroup v2', { timeout: msMax }, async (context) => {
  const qemu = findProgram('qemu-system-x86_64');
  const missing = [...machinePrograms, 'setpriv', 'ldd'].filter((name) => findProgram(name) === null);
  if (qemu === null || missing.length > 0)
    return context.skip(`missing: ${qemu === null ? 'QEMU' : missing.join(', ')}`);
  const image = await guestImage().catch((error: Error) => error.message);
  if (typeof image === 'string') return context.skip(`no kernel for a guest: ${image}`);
  const folder = mkdtempSync(join(tmpdir(), 'hearth-unified-'));
  try {
    const initrd = join(folder, 'initrd');
    writeFileSync(initrd, guestFiles());
    const said = await boot(qemu, image.kernelPath, initrd);
    assert.match(said, /^cpuset cpu .*memory.* pids/m, said.slice(-4_000));
    assert.match(said, /^hearth guest: status 0$/m, said.slice(-8_000));
    for (const point of points) {
      assert.match(said, new RegExp(`^ *ok \\d+ - ${point}$`, 'm'), said.slice(-8_000));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
