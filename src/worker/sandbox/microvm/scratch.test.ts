import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findProgram, nativeProgram } from '../programs.js';
import { extentsOf } from './extents.js';
import { Scratches, scratchDriveBytes } from './scratch.js';

const folder = mkdtempSync(join(tmpdir(), 'hearth-scratch-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const missing =
  nativeProgram('extents') === null || findProgram('mkfs.ext4') === null
    ? 'needs build/native/extents (node setup/native.mjs) and mkfs.ext4'
    : false;

test('extents tell where a sparse file has data', { skip: missing, timeout: 30_000 }, async () => {
  const path = join(folder, 'sparse');
  const file = await open(path, 'w');
  await file.truncate(scratchDriveBytes);
  await file.write(Buffer.alloc(5_000, 1), 0, 5_000, 1_048_576);
  await file.write('x', 8 * 1_048_576);
  await file.close();
  assert.deepEqual(await extentsOf(path), [
    { offset: 1_048_576, bytes: 8_192 },
    { offset: 8 * 1_048_576, bytes: 4_096 },
  ]);
  await assert.rejects(extentsOf(join(folder, 'none')), /none/);
});

test('a scratch is a sound file system, of its size, and moves from drive to drive', {
  skip: missing,
  timeout: 60_000,
}, async () => {
  const scratches = new Scratches(folder);
  const scratch = await scratches.create(512);
  const first = join(folder, 'first');
  await scratches.makeDrive(first);
  await scratches.bringTo(first, scratch);
  assert.equal(scratch.path, first);
  assert.equal(statSync(first).size, scratchDriveBytes);
  assert.ok(statSync(first).blocks * 512 < 1_048_576, 'an empty one takes next to nothing');
  execFileSync('/sbin/e2fsck', ['-fn', first]);
  writeFileSync(join(folder, 'input'), 'kept');
  execFileSync('/sbin/debugfs', ['-w', '-R', `write ${join(folder, 'input')} file`, first], { stdio: 'ignore' });
  const second = join(folder, 'second');
  await scratches.makeDrive(second);
  await scratches.bringTo(second, scratch);
  assert.equal(existsSync(first), false, 'the drive before is gone');
  assert.equal(
    execFileSync('/sbin/debugfs', ['-R', 'cat file', second], { stdio: ['ignore', 'pipe', 'ignore'] }).toString(),
    'kept',
  );
  await scratches.close();
  assert.equal(existsSync(second), false);
});
