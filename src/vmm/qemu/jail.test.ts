import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DriverError } from '../../worker/sandbox/driver.js';
import { descendants } from '../../worker/sandbox/process/processes.js';
import { QemuVmm } from './qemuvmm.js';
import { loopKernel } from './testkernel.js';

describe('the jail of a monitor', { timeout: 60_000 }, () => {
  it('is what the protections say', async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'hearth-jail-'));
    let vmm: QemuVmm;
    try {
      vmm = await QemuVmm.open({ stateDirectory: join(folder, 'state'), machinesMax: 2 });
    } catch (error) {
      rmSync(folder, { recursive: true });
      if (!(error instanceof DriverError)) throw error;
      return context.skip(error.message);
    }
    try {
      const drive = join(folder, 'drive');
      writeFileSync(drive, '');
      truncateSync(drive, 1024 * 1024);
      const kernelPath = join(folder, 'kernel');
      writeFileSync(kernelPath, loopKernel());
      const shape = { memoryMib: 128, processors: 1, network: false, drives: [{ bytes: 1024 * 1024, readOnly: true }] };
      const boot = (id: string) =>
        vmm.boot({ id, shape, drivePaths: [drive], kernelPath, initrdPath: kernelPath, commandLine: '' });
      await Promise.all([boot('one'), boot('two')]);
      await assert.rejects(boot('three'), /2 machines exist/);
      const monitors = descendants(process.pid).filter((pid) => /^qemu/.test(read(pid, 'comm')));
      assert.equal(monitors.length, 2);
      for (const pid of monitors) {
        const status = Object.fromEntries(
          read(pid, 'status')
            .split('\n')
            .map((line) => line.split(/:\s+/)) as [string, string][],
        );
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.match(status[set]!, /^0+$/, set);
        assert.equal(status.NoNewPrivs, '1');
        assert.equal(status.Seccomp, '2');
        // bubblewrap's and the monitor's own.
        if (status.Seccomp_filters) assert.ok(Number(status.Seccomp_filters) >= 2);
        for (const name of ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']) {
          assert.notEqual(readlinkSync(`/proc/${pid}/ns/${name}`), readlinkSync(`/proc/self/ns/${name}`), name);
        }
        // First in its process namespace: its end ends everything there.
        assert.match(status.NSpid!, /\s1$/);
        assert.deepEqual(writableMounts(pid), []);
        assert.deepEqual(environment(pid), []);
        // What it can write to by descriptor: its state, its memory, its sockets. Nothing else of this machine's.
        const named = readdirSync(`/proc/${pid}/fd`)
          .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
          .filter((target) => target.startsWith('/') && !target.startsWith('/dev/'));
        const allowed = [/\/state\/.*\.(state|memory) \(deleted\)$/, /\/(drive|kernel|initrd)$/];
        assert.deepEqual(
          named.filter((target) => !allowed.some((one) => one.test(target))),
          [],
        );
      }
      const users = new Set(monitors.map((pid) => /^Uid:\s+(\d+)/m.exec(read(pid, 'status'))?.[1]));
      const ownUsers = vmm.protections().find(({ name }) => name === 'own user of the machine');
      if (ownUsers?.inForce) {
        assert.equal(users.size, 2);
        assert.ok(!users.has(String(process.getuid?.())));
      } else context.diagnostic(`no users of their own: ${ownUsers?.detail}`);
    } finally {
      await vmm.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

const read = (pid: number, file: string): string => readFileSync(`/proc/${pid}/${file}`, 'latin1');

function environment(pid: number): string[] {
  // bubblewrap sets where it changed the directory to.
  return read(pid, 'environ')
    .split('\0')
    .filter((entry) => entry !== '' && entry !== 'PWD=/');
}

/** Places in a process's view of the machine that are mounted for writing, but for devices. */
function writableMounts(pid: number): string[] {
  return read(pid, 'mountinfo')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '))
    .filter(
      ([, , , , place, options]) =>
        options!.split(',').includes('rw') && !/^\/dev\/(null|zero|full|u?random|tty|pts|kvm)$/.test(place!),
    )
    .map(([, , , , place]) => place!);
}
