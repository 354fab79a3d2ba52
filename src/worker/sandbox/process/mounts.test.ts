import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { nativeProgram } from '../programs.js';
import { Mounts } from './mounts.js';

test('a mount helper that dies fails what it had not answered, and is replaced when it is needed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-mounts-'));
  const mounts = Mounts.start(nativeProgram('mounthelper')!, 0);
  try {
    const [source, first, second] = ['source', 'first', 'second'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(source, 'x');
    await mounts.copy(source, first);
    assert.ok(existsSync(first));
    const killed = mounts.pid!;
    process.kill(killed, 'SIGKILL');
    // Written to a pipe that nobody reads any more.
    await assert.rejects(mounts.copy(source, second), /the mount helper ended/);
    await mounts.copy(source, second);
    assert.ok(existsSync(second));
    assert.notEqual(mounts.pid, killed);
    await mounts.close();
    await assert.rejects(mounts.copy(source, join(folder, 'third')), /the mount helper ended/);
  } finally {
    await mounts.close();
    rmSync(folder, { recursive: true });
  }
});
