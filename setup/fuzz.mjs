// npm run fuzz: the fuzzing tests with many more inputs and another seed each time. `npm run fuzz -- RUNS SEED`.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureCache, prepare, root } from './prepare.mjs';

const [runs = '200', seed = String(Math.floor(Math.random() * 2 ** 31))] = process.argv.slice(2);
await prepare(['run', 'test']);
ensureCache();
process.stderr.write(`• ${runs} inputs each, seed ${seed}\n`);
const folder = join(root, 'dist', 'test', 'system');
const files = readdirSync(folder).filter((name) => /^fuzz.*\.test\.js$/.test(name));
const environment = { ...process.env, HEARTH_FUZZ_RUNS: runs, HEARTH_FUZZ_SEED: seed };
if (environment.NODE_EXTRA_CA_CERTS) environment.HEARTH_EXTRA_CA_CERTS = environment.NODE_EXTRA_CA_CERTS;
delete environment.NODE_EXTRA_CA_CERTS;
const ended = spawnSync(
  process.execPath,
  ['--test', '--test-reporter=spec', '--test-concurrency=1', ...files.map((name) => join(folder, name))],
  { cwd: root, stdio: 'inherit', env: environment },
);
process.exit(ended.status ?? 1);
