// npm test: prepares what the tests need, then runs every check and prints one closing line.
// `npm test -- PATTERN…` runs only the test files whose path contains one of the patterns.
// test/runtimes is left to `npm run test:runtimes`: it builds programs in other languages.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ensureMotoServer } from './motoserver.mjs';
import { ensureOfficialClients } from './officialclients.mjs';
import { ensureCache, prepare, root } from './prepare.mjs';

const patterns = process.argv.slice(2);
await prepare(['run', 'microvm', 'test']);
ensureCache();
if (patterns.length === 0 || patterns.some((pattern) => /differential|runtimes/.test(pattern))) ensureOfficialClients();
if (patterns.length === 0 || patterns.some((pattern) => /boto3|system|sqs|s3/i.test(pattern))) ensureMotoServer();

const environment = { ...process.env };
// Costs every Node process of the tests 30 ms; only npm, which fetches runtimes, may need it (see bin/hearth).
if (environment.NODE_EXTRA_CA_CERTS) environment.HEARTH_EXTRA_CA_CERTS = environment.NODE_EXTRA_CA_CERTS;
delete environment.NODE_EXTRA_CA_CERTS;

function step(title, command, args) {
  process.stdout.write(`\n── ${title}\n`);
  const ended = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: environment });
  return ended.status === 0;
}

function testFiles(directory) {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((file) => !file.startsWith(join('dist', 'test', 'runtimes')))
    .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
    .sort();
}

let good = true;
if (patterns.length === 0) {
  const bin = join(root, 'node_modules', '.bin');
  good = step('pure files compile without any platform types', join(bin, 'tsc'), ['-p', 'tsconfig.pure.json']) && good;
  good = step('lint and format', join(bin, 'biome'), ['check', '.']) && good;
}
const files = testFiles(join(root, 'dist'));
if (files.length === 0) {
  process.stderr.write('no test file matches\n');
  process.exit(1);
}
good =
  step(`${files.length} test files`, process.execPath, [
    '--test',
    '--test-reporter=spec',
    '--test-concurrency=2',
    '--test-timeout=240000',
    ...files,
  ]) && good;
process.exit(good ? 0 : 1);
