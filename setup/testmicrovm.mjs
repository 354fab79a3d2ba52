// npm run test:microvm: the system tests that look at sandboxes, each of them a virtual machine (with npm test they are
// processes in namespaces; it runs the tests of the driver, of snapshots and of isolation with virtual machines, too).
// `npm run test:microvm -- PATTERN…` runs only the suites whose name contains one of the patterns.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensureCache, prepare, root } from './prepare.mjs';

const suites = [
  ...['invoke', 'lifecycle', 'functions', 'layers', 'isolation', 'logs', 'logformat', 'stream', 'runtimes'],
  ...['telemetry', 'wrapper', 'lasterror', 'policies', 'functionurls', 'durability', 'extensions'],
];

const patterns = process.argv.slice(2);
const chosen = suites.filter((suite) => patterns.length === 0 || patterns.some((pattern) => suite.includes(pattern)));
if (chosen.length === 0) {
  process.stderr.write(`no suite matches; there are ${suites.join(', ')}\n`);
  process.exit(1);
}
await prepare(['run', 'microvm', 'test']);
ensureCache();

const environment = { ...process.env, HEARTH_TEST_ISOLATION: 'microvm' };
// Costs every Node process of the tests 30 ms; only npm, which fetches runtimes, may need it (see bin/hearth).
if (environment.NODE_EXTRA_CA_CERTS) environment.HEARTH_EXTRA_CA_CERTS = environment.NODE_EXTRA_CA_CERTS;
delete environment.NODE_EXTRA_CA_CERTS;
const files = chosen.map((suite) => join(root, 'dist', 'test', 'system', `${suite}.test.js`));
const ended = spawnSync(
  process.execPath,
  // One suite after the other: an emulated machine has a processor of its own to keep busy. Many of a suite's tests boot one.
  ['--test', '--test-reporter=spec', '--test-concurrency=1', '--test-timeout=600000', ...files],
  { cwd: root, stdio: 'inherit', env: environment },
);
process.exit(ended.status ?? 1);
