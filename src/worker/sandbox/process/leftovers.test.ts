import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { probeGrades } from '../probe.js';
import { groupsNamed } from './cgroups.js';

/** Processes that belong to `owner`: in one of its cgroups, or with its folder among their arguments. */
function processesOf(owner: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/cgroup`, 'utf8') + readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return text.includes(`hearth-${owner}-`) || text.includes(`--owner\0${owner}\0`);
      } catch {
        return false;
      }
    });
}

/** Waits for a state of the machine that comes by itself; the deadline only ends a failing test. */
async function until(done: () => boolean): Promise<boolean> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
    if (done()) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

const loopDevices = (state: string) =>
  readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .filter((name) => {
      try {
        return readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').includes(state);
      } catch {
        return false;
      }
    });

describe('after kill -9 of the platform', () => {
  it('nothing of its sandboxes is left', async (context) => {
    const grade = probeGrades().find((each) => each.grade === 'namespaces');
    if (!grade?.usable) return context.skip(grade?.detail);
    const state = mkdtempSync(join(tmpdir(), 'hearth-leftovers-'));
    const owner = spawn(process.execPath, [fileURLToPath(new URL('./testowner.js', import.meta.url)), state], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    try {
      const ready = await new Promise<boolean>((resolve) => {
        owner.stdout.once('data', () => resolve(true));
        owner.once('exit', () => resolve(false));
      });
      assert.ok(ready, 'the platform process did not start');
      // Its own process is the one below ours: the re-execution keeps a waiting parent.
      const [name] = readdirSync(state).filter((each) => each.startsWith('hearth-'));
      const pid = /^hearth-(\d+)-/.exec(name ?? '')?.[1];
      assert.ok(pid);
      assert.ok(processesOf(pid).length > 0);
      const cgroups = () => groupsNamed((each) => each.startsWith(`hearth-${pid}-`));
      const hadCgroups = cgroups().length;
      process.kill(Number(pid), 'SIGKILL');
      assert.ok(await until(() => processesOf(pid).length === 0), `processes left: ${processesOf(pid)}`);
      assert.ok(await until(() => cgroups().length === 0), `cgroups left: ${cgroups()}`);
      assert.ok(await until(() => readdirSync(state).length === 0), `files left: ${readdirSync(state)}`);
      assert.ok(await until(() => loopDevices(state).length === 0), `loop devices left: ${loopDevices(state)}`);
      assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(state));
      context.diagnostic(`${hadCgroups} cgroup hierarchies were in use`);
    } finally {
      if (owner.exitCode === null && owner.signalCode === null) process.kill(-owner.pid!, 'SIGKILL');
      rmSync(state, { recursive: true, force: true });
    }
  });
});
