import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Cgroups } from '../../worker/sandbox/process/cgroups.js';
import { newOwnerName } from '../../worker/sandbox/process/owner.js';
import { descendants } from '../../worker/sandbox/process/processes.js';
import { nativeProgram } from '../../worker/sandbox/programs.js';
import { loadState, untilUp } from './launch.js';
import { Qmp } from './qmp.js';
import { Seat } from './seat.js';

/** A seat in which a program runs that is no monitor. */
async function withProgram(command: readonly string[], body: (seat: Seat) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-launch-'));
  writeFileSync(join(folder, 'filter'), '');
  const cgroups = Cgroups.open(newOwnerName());
  const launcher = nativeProgram('launcher')!;
  const seat = Seat.make({ launcher, slirp: null, folder, cgroups, userIds: null, kvmGroup: null });
  try {
    seat.run({ reads: [], writes: [], command });
    await body(seat);
  } finally {
    await seat.dispose();
    for (const group of cgroups.groups) rmdirSync(group);
    assert.deepEqual(readdirSync(folder), ['filter']);
    rmSync(folder, { recursive: true });
  }
}

describe('a monitor that does not come up', { timeout: 60_000 }, () => {
  it('is not waited for without end', async () => {
    await withProgram(['/bin/sleep', '600'], async (seat) => {
      await assert.rejects(untilUp(seat, new Qmp(seat.qmp, 300)), { name: 'DriverError', message: /no answer/ });
    });
  });

  it('is quoted with its last words', async () => {
    await withProgram(['/bin/sh', '-c', 'echo no such thing >&2; exit 3'], async (seat) => {
      await assert.rejects(untilUp(seat, new Qmp(seat.qmp)), { message: 'monitor ended with status 3: no such thing' });
    });
    await withProgram(['/nonexistent/program'], async (seat) => {
      await assert.rejects(untilUp(seat, new Qmp(seat.qmp)), /nonexistent.*No such file/);
    });
  });

  it('has the end of its console kept', async () => {
    const program = 'i=0; while [ $i -lt 4000 ]; do echo line $i; i=$((i + 1)); done; echo the end >&2';
    await withProgram(['/bin/sh', '-c', program], async (seat) => {
      await assert.rejects(untilUp(seat, new Qmp(seat.qmp)), /the end/);
      const text = seat.console.toString();
      assert.equal(text.length, 16_384);
      assert.ok(text.endsWith('line 3999\n'));
    });
  });

  it('is not waited for when it takes no device state', async () => {
    await withProgram(['/bin/sh', '-c', 'exec 4>&-; sleep 1; kill -9 $$'], async (seat) => {
      await assert.rejects(loadState(new Qmp(seat.qmp, 300), seat, Buffer.alloc(100_000)), { name: 'DriverError' });
    });
    assert.deepEqual(descendants(process.pid), []);
  });
});
