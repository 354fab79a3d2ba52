import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { type FilterArch, seccompProgram } from '../../worker/sandbox/process/seccomp.js';
import { findProgram } from '../../worker/sandbox/programs.js';
import { withoutHugePages } from './hugepages.js';

const program = `
import mmap
memory = mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE)
for advice in (mmap.MADV_HUGEPAGE, mmap.MADV_RANDOM):
    try:
        memory.madvise(advice)
        print('taken')
    except OSError as error:
        print(error.errno)
`;

it('a filter that begins so refuses huge pages, and nothing else of madvise', { timeout: 60_000 }, (context) => {
  const bwrap = findProgram('bwrap');
  const python = findProgram('python3');
  if (bwrap === null || python === null) return context.skip('no bubblewrap, or no python3 to give advice with');
  const folder = mkdtempSync(join(tmpdir(), 'hearth-filter-'));
  try {
    const arch = process.arch as FilterArch;
    writeFileSync(join(folder, 'filter'), Buffer.concat([withoutHugePages(arch), seccompProgram(arch)]));
    const filter = openSync(join(folder, 'filter'), 'r');
    const run = spawnSync(bwrap, ['--dev-bind', '/', '/', '--seccomp', '3', '--', python, '-c', program], {
      stdio: ['ignore', 'pipe', 'pipe', filter],
      encoding: 'utf8',
      timeout: 30_000,
      killSignal: 'SIGKILL',
    });
    closeSync(filter);
    assert.equal(run.stdout, '22\ntaken\n', run.stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
