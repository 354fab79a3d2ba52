// npm run bench [-- SCENARIO…]: prepares what the benchmarks need, then runs them.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensureCache, prepare, root } from './prepare.mjs';

await prepare(['run', 'bench']);
ensureCache();
const environment = { ...process.env };
// Costs every Node process 30 ms at its start; only npm may need it (see bin/hearth).
if (environment.NODE_EXTRA_CA_CERTS) environment.HEARTH_EXTRA_CA_CERTS = environment.NODE_EXTRA_CA_CERTS;
delete environment.NODE_EXTRA_CA_CERTS;
const ended = spawnSync(process.execPath, [join(root, 'dist', 'bench', 'run.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: environment,
});
process.exit(ended.status ?? 1);
