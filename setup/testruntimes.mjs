// npm run test:runtimes: Java, Ruby, Go and Rust functions, built with their official libraries (cached under .cache)
// and run by a real platform; and every differential case with every version of Node and Python. What the machine lacks
// is named by the test that skips.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureOfficialClients } from './officialclients.mjs';
import { ensureCache, prepare, root } from './prepare.mjs';

await prepare(['run', 'test', 'runtimes']);
ensureCache();

ensureOfficialClients();

const tests = join(root, 'dist', 'test');
const files = [
  ...readdirSync(join(tests, 'runtimes')).map((name) => join(tests, 'runtimes', name)),
  ...['node', 'python'].map((language) => join(tests, 'system', `differential-${language}.test.js`)),
].filter((name) => name.endsWith('.test.js'));
const ended = spawnSync(
  process.execPath,
  // A first build compiles everything it depends on.
  ['--test', '--test-reporter=spec', '--test-concurrency=1', '--test-timeout=1200000', ...files],
  { cwd: root, stdio: 'inherit', env: { ...process.env, HEARTH_EVERY_CASE: '1' } },
);
process.exit(ended.status ?? 1);
