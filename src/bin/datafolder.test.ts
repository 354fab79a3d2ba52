import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DataFolder } from './datafolder.js';

test('one process uses a data folder; the kernel frees it with that process, also after kill -9', async () => {
  const path = mkdtempSync(join(tmpdir(), 'hearth-folder-'));
  try {
    const module = new URL('./datafolder.js', import.meta.url).href;
    const code = `import { DataFolder } from ${JSON.stringify(module)};
      await new DataFolder(${JSON.stringify(path)}).lock();
      process.stdout.write('locked');
      process.stdin.resume();`;
    const other = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['pipe', 'pipe', 'inherit'] });
    const gone = new Promise((resolve) => other.once('exit', resolve));
    await new Promise((resolve) => other.stdout.once('data', resolve));
    await assert.rejects(new DataFolder(path).lock(), { name: 'FolderInUseError' });
    other.kill('SIGKILL');
    await gone;
    await new DataFolder(path).lock();
  } finally {
    rmSync(path, { recursive: true });
  }
});
