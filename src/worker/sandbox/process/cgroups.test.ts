import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { Cgroups } from './cgroups.js';
import { type Hierarchy, mountedHierarchies } from './hierarchies.js';
import { newOwnerName } from './owner.js';

/** What this machine mounts, and its cgroup v2 for freezing alone where v1 serves the controllers. */
const variants: Record<string, readonly Hierarchy[]> = { 'as the machine has it': mountedHierarchies() };
const unified = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) =>
  existsSync(join(path, 'cgroup.controllers')),
);
if (unified) variants['version 2, freezer'] = [{ version: 2, controllers: ['freezer'], base: unified }];

/** User and system time of a process, in hundredths of a second. */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

for (const [name, hierarchies] of Object.entries(variants)) {
  describe(`cgroups ${name}`, () => {
    it('freeze, thaw, kill frozen processes and go', async (context) => {
      const cgroups = Cgroups.open(newOwnerName(), hierarchies);
      if (!cgroups.has('freezer')) return context.skip(cgroups.detail('freezer'));
      const box = cgroups.createBox('box');
      const child = spawn('/bin/sh', ['-c', 'read _; echo running; exec sleep 600'], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
      for (const file of box.procsFiles) writeFileSync(file, String(child.pid));
      assert.deepEqual(box.pids(), [child.pid]);
      box.freeze();
      let heard = '';
      const output = new Promise((resolve) => child.stdout.once('data', resolve));
      child.stdout.on('data', (piece: Buffer) => {
        heard += piece;
      });
      child.stdin.write('\n');
      const other = spawn('/bin/true'); // As long as another process takes from start to end.
      await new Promise((resolve) => other.once('exit', resolve));
      assert.equal(heard, '');
      box.thaw();
      await output;
      assert.equal(heard, 'running\n');
      box.freeze();
      await box.remove();
      assert.equal(await ended, 'SIGKILL');
      for (const file of box.procsFiles) assert.equal(existsSync(dirname(file)), false);
      for (const group of cgroups.groups) rmdirSync(group);
    });

    it('limit memory, processes and CPU share', async (context) => {
      const cgroups = Cgroups.open(newOwnerName(), hierarchies);
      const box = cgroups.createBox('limits');
      try {
        if (!cgroups.has('memory')) return context.skip(cgroups.detail('memory'));
        box.setLimits(1769);
        const read = (file: string) =>
          box.procsFiles
            .map((procs) => join(dirname(procs), file))
            .filter((path) => existsSync(path))
            .map((path) => readFileSync(path, 'utf8').trim());
        assert.deepEqual([...read('memory.limit_in_bytes'), ...read('memory.max')], [String(1769 * 1024 * 1024)]);
        assert.deepEqual(read('pids.max'), ['1024']);
        assert.deepEqual(
          [...read('cpu.shares').map((shares) => shares === '1024'), ...read('cpu.weight').map((w) => w === '100')],
          [true],
        );
        assert.equal(typeof box.peakMib(), 'number');
        assert.equal(box.oomKills(), 0);
      } finally {
        await box.remove();
        for (const group of cgroups.groups) rmdirSync(group);
      }
    });

    it('share a processor by memory', { timeout: 120_000 }, async (context) => {
      const cgroups = Cgroups.open(newOwnerName(), hierarchies);
      const boxes = ['large', 'small'].map((box) => cgroups.createBox(box));
      const children: ChildProcess[] = [];
      try {
        if (!cgroups.has('cpu')) return context.skip(cgroups.detail('cpu'));
        const [large, small] = boxes.map((box, index) => {
          box.setLimits(index === 0 ? 1769 : 221); // 8 to 1.
          // On one processor, or there is nothing to share.
          const script = 'read _; while :; do :; done';
          const child = spawn('taskset', ['-c', '0', '/bin/sh', '-c', script], {
            stdio: ['pipe', 'ignore', 'inherit'],
          });
          children.push(child);
          for (const file of box.procsFiles) writeFileSync(file, String(child.pid));
          return child;
        });
        for (const child of children) child.stdin!.write('\n');
        // Both have been running for a while, however little of the processor others leave.
        while (cpuTicks(large!.pid!) < 100) await new Promise((resolve) => setTimeout(resolve, 20));
        const ratio = cpuTicks(large!.pid!) / Math.max(1, cpuTicks(small!.pid!));
        assert.ok(ratio > 3, `${ratio.toFixed(1)} to 1`);
      } finally {
        for (const child of children) child.kill('SIGKILL');
        for (const box of boxes) await box.remove();
        for (const group of cgroups.groups) rmdirSync(group);
      }
    });

    it('without any hierarchy still work', async () => {
      const cgroups = Cgroups.open(newOwnerName(), []);
      const box = cgroups.createBox('nothing');
      box.setLimits(128);
      box.freeze();
      assert.equal(box.canFreeze, false);
      assert.equal(box.peakMib(), null);
      assert.match(cgroups.detail('memory'), /no cgroup/);
      await box.remove();
    });
  });
}
