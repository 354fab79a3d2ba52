import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { DriverError } from '../../worker/sandbox/driver.js';
import { findProgram } from '../../worker/sandbox/programs.js';
import { changedPages, findMemory, pageBytes } from './changedpages.js';

/** Maps a file privately, writes to the pages named and reads others; then waits. */
const program = `
import mmap, sys
with open(sys.argv[1], 'r+b') as file:
    memory = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
for page in sys.argv[2].split(','):
    memory[int(page) * 4096 + 7] = 1
for page in sys.argv[3].split(','):
    memory[int(page) * 4096]
print('ready', flush=True)
sys.stdin.read()
`;

test('exactly the pages that were written to are named', { timeout: 60_000 }, async (context) => {
  const python = findProgram('python3');
  if (python === null) return context.skip('python3 is missing: it maps memory as a monitor does');
  const folder = mkdtempSync(join(tmpdir(), 'hearth-pages-'));
  // An odd size, so that it is no other mapping's, and more than one piece of the map.
  const pages = 40_001;
  const path = join(folder, 'memory');
  writeFileSync(path, '');
  truncateSync(path, pages * pageBytes);
  // First and last, neighbours, both sides of the border between two pieces.
  const written = [0, 1, 2, 511, 512, 20_000, 32_767, 32_768, 40_000];
  const child = spawn(python, ['-c', program, path, written.join(','), '3,4,510,20001,39999']);
  try {
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.once('exit', () => reject(new Error('the program ended')));
    });
    const start = findMemory(child.pid!, pages * pageBytes);
    assert.deepEqual([...(await changedPages(child.pid!, start, pages * pageBytes))], written);
    assert.throws(() => findMemory(child.pid!, (pages + 1) * pageBytes), DriverError);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});
