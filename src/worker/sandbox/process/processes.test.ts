import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { residentPeakMib } from './processes.js';

/** A Node that fills this much memory, gives it back, says so and waits; `prefix`: what starts it. */
async function measured(prefix: readonly string[], mib: number): Promise<number | null> {
  const program = `Buffer.alloc(${mib} << 20, 1); process.stdout.write('done'); setInterval(() => {}, 60_000)`;
  const [command, ...parameters] = [...prefix, process.execPath, '-e', program];
  const child = spawn(command!, parameters, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const peakMib = residentPeakMib(child.pid!);
  process.kill(-child.pid!, 'SIGKILL');
  await once(child, 'exit');
  assert.equal(residentPeakMib(child.pid!), null);
  return peakMib;
}

test('finds the highest resident size of a process and of those below it', async () => {
  const small = await measured([], 1);
  assert.ok(small !== null && small >= 20, `a Node takes ${small} MiB`);
  const large = await measured([], 200);
  assert.ok(large !== null && large >= 200 && large < 400, `${large} MiB`);
  // Not the shell's own few: what it started.
  const below = await measured(['/bin/sh', '-c', '"$@"; exit 1', 'sh'], 200);
  assert.ok(below !== null && below >= 200 && below < 400, `${below} MiB`);
});
