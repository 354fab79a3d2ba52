// npm run test:runtimes: Java, Ruby, Go and Rust functions, built with their official libraries (cached under .cache)
// and run by a real platform. What the machine lacks is named by the test that skips.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureCache, prepare, root } from './prepare.mjs';

await prepare(['run', 'test']);
ensureCache();

const folder = join(root, 'dist', 'test', 'runtimes');
const files = readdirSync(folder).filter((name) => name.endsWith('.test.js'));
const ended = spawnSync(
  process.execPath,
  // A first build compiles everything it depends on.
  [
    '--test',
    '--test-reporter=spec',
    '--test-concurrency=1',
    '--test-timeout=1200000',
    ...files.map((name) => join(folder, name)),
  ],
  { cwd: root, stdio: 'inherit' },
);
process.exit(ended.status ?? 1);
