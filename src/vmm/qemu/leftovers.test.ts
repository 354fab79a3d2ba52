import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DriverError } from '../../worker/sandbox/driver.js';
import { groupsNamed } from '../../worker/sandbox/process/cgroups.js';
import { QemuVmm } from './qemuvmm.js';

/** Processes started with one of these words, or descendants that name them, whoever is their parent by now. */
function processesNaming(word: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(word) || cgroupOf(name).includes(word);
    } catch {
      return false;
    }
  });
}

const cgroupOf = (pid: string): string => readFileSync(`/proc/${pid}/cgroup`, 'utf8');

/** Waits for a state of the machine that comes by itself; the deadline only ends a failing test. */
async function until(done: () => boolean): Promise<boolean> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    if (done()) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

async function unavailable(): Promise<string | null> {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-vmmopen-'));
  try {
    await (await QemuVmm.open({ stateDirectory: folder })).close();
    return null;
  } catch (error) {
    if (error instanceof DriverError) return error.message;
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('machines of a worker that is no more', { timeout: 120_000 }, () => {
  it('are gone after kill -9, with everything they had', async (context) => {
    const reason = await unavailable();
    if (reason !== null) return context.skip(reason);
    const folder = mkdtempSync(join(tmpdir(), 'hearth-vmmowner-'));
    const state = join(folder, 'state');
    const owner = spawn(process.execPath, [fileURLToPath(new URL('./testowner.js', import.meta.url)), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    try {
      const ready = await new Promise<boolean>((resolve) => {
        owner.stdout.once('data', () => resolve(true));
        owner.once('exit', () => resolve(false));
      });
      assert.ok(ready, 'the worker did not start');
      const word = `hearth-${owner.pid}-`;
      const cgroups = () => groupsNamed((each) => each.startsWith(word));
      const processes = () => [...processesNaming(word), ...processesNaming(folder)];
      // Found by where they are: their own arguments name no file of ours.
      const monitors = readdirSync('/proc').filter((name) => {
        try {
          return readFileSync(`/proc/${name}/stat`, 'utf8').split(' ')[3] !== '0' && parentIs(name, owner.pid!);
        } catch {
          return false;
        }
      });
      assert.ok(monitors.length >= 3, `${monitors.length} processes`);
      context.diagnostic(`${monitors.length} processes, ${cgroups().length} cgroup hierarchies`);
      process.kill(owner.pid!, 'SIGKILL');
      const left = () => [...new Set([...processes(), ...monitors.filter(alive)])];
      assert.ok(await until(() => left().length === 0), `processes left: ${left()}`);
      assert.ok(await until(() => cgroups().length === 0), `cgroups left: ${cgroups()}`);
      assert.ok(await until(() => readdirSync(state).length === 0), `files left: ${readdirSync(state)}`);
    } finally {
      if (owner.exitCode === null && owner.signalCode === null) process.kill(-owner.pid!, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('leave files when the whole machine went down, which the next one removes', async (context) => {
    const reason = await unavailable();
    if (reason !== null) return context.skip(reason);
    const folder = mkdtempSync(join(tmpdir(), 'hearth-vmmsweep-'));
    try {
      // An owner that never lived: process 1 has another start time.
      const old = join(folder, 'hearth-1-1-1');
      mkdirSync(old);
      writeFileSync(join(old, '7.memory'), 'x');
      const vmm = await QemuVmm.open({ stateDirectory: folder });
      assert.ok(!readdirSync(folder).includes('hearth-1-1-1'));
      await vmm.close();
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** Whether `pid` is a process below `ancestor`. */
function parentIs(pid: string, ancestor: number): boolean {
  for (let at = Number(pid); at > 1; ) {
    const stat = readFileSync(`/proc/${at}/stat`, 'utf8');
    at = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (at === ancestor) return true;
  }
  return false;
}

/** A process that has ended and that nobody has asked about counts as gone: it holds nothing. */
function alive(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
