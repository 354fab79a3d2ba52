import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { assignmentDefaults } from '../../src/assignment/options.js';
import { serverLimits } from '../../src/frontend/server.js';
import { limits } from '../../src/kernel/limits.js';
import { problemsOf, rowsOf, unspecified } from './specification.js';

const read = (name: string) => readFileSync(join(projectRoot, name), 'utf8');
const specification = read('SPECIFICATION.md');

test('every constant has its number, every test and figure exists', async () => {
  assert.deepEqual(await problemsOf(specification), []);
});

test('every limit that the code has in one place is specified', () => {
  const objects = { limits, serverLimits, assignmentDefaults };
  const names = Object.entries(objects).flatMap(([object, members]) =>
    Object.entries(members).flatMap(([member, value]) => (typeof value === 'number' ? [`${object}.${member}`] : [])),
  );
  // The first entry of a journal is no limit.
  const missing = names.filter(
    (name) => name !== 'assignmentDefaults.nextSequence' && !specification.includes(`\`${name}\``),
  );
  assert.deepEqual(missing, []);
});

test('README.md and ARCHITECTURE.md state no quantity that is not specified', () => {
  for (const name of ['README.md', 'ARCHITECTURE.md'])
    assert.deepEqual(unspecified(read(name), specification), [], name);
});

const head = '| what | number | from | constant | held by |\n|---|---|---|---|---|\n';
const holder = '`src/worker/channel.test.ts` › a whole frame is handed on without copying';

test('the check itself: true rows pass', async () => {
  for (const row of [
    `| x | 6 MiB | a | \`limits.syncPayloadBytesMax\` (\`src/kernel/limits.ts\`) | ${holder} |`,
    `| x | 10 s | a | \`initMsMax\` (\`src/kernel/limits.ts\`) | ${holder} |`,
    `| x | 1 GiB | a | \`bytesMax\` (\`src/adapters/embedded/queue.ts\`) | ${holder}<br>${holder} |`,
    `| x | 75 % | a | \`lifetimeSpread\` (\`src/assignment/options.ts\`) | ${holder} |`,
    `| x | 20 min | a | \`collectDelayMs\` (\`src/config/code/codestore.ts\`) | ${holder} |`,
  ]) {
    assert.deepEqual(await problemsOf(head + row), [], row);
  }
});

test('the check itself: what is not so is found', async () => {
  const constant = '`limits.syncPayloadBytesMax` (`src/kernel/limits.ts`)';
  const broken: readonly (readonly [string, RegExp])[] = [
    [`| x | 5 MiB | a | ${constant} | ${holder} |`, /5 MiB is 5242880, but .* is 6291456/],
    [
      `| x | 21 min | a | \`collectDelayMs\` (\`src/config/code/codestore.ts\`) | ${holder} |`,
      /but collectDelayMs .* is 1200000/,
    ],
    [`| x | 6 MiB | a | \`limits.nothing\` (\`src/kernel/limits.ts\`) | ${holder} |`, /is no number/],
    [`| x | 6 MiB | a | \`nothing\` (\`src/config/code/codestore.ts\`) | ${holder} |`, /is no number/],
    [`| x | 6 MiB | a | \`limits.x\` (\`src/kernel/nowhere.ts\`) | ${holder} |`, /no such constant/],
    [`| x | many | a | ${constant} | ${holder} |`, /not a number/],
    [`| x | 6 MiB | a | ${constant} | somebody |`, /no such test or bench/],
    [`| x | 6 MiB | a | ${constant} | \`src/nowhere.test.ts\` › title |`, /no such test or bench/],
    [`| x | 6 MiB | a | ${constant} | \`src/worker/channel.test.ts\` › a whole frame |`, /no such test/],
    [`| x | 6 MiB | a | ${constant} | ${holder}<br>\`src/worker/channel.test.ts\` › x |`, /no such test/],
    [`| x | 6 MiB | a | ${constant} | |`, /broken row/],
    [`| x | 6 MiB | a | ${holder} |`, /broken row/],
    ['no table at all', /no rows/],
  ];
  for (const [row, problem] of broken) assert.match((await problemsOf(head + row)).join('\n'), problem, row);

  const figure = (limit: string, name: string) =>
    problemsOf(`| what | limit | held by |\n|---|---|---|\n| x | ${limit} | \`bench/scenarios/warm.ts\` › ${name} |`);
  assert.deepEqual(await figure('≥ 2.5', 'c=10: rate ÷ serverless-offline'), []);
  assert.match((await figure('≥ 2.6', 'c=10: rate ÷ serverless-offline')).join(), /holds at least 2.5/);
  assert.match((await figure('≤ 2.5', 'c=10: rate ÷ serverless-offline')).join(), /holds at least 2.5/);
  assert.match((await figure('≥ 2.5', 'c=11')).join(), /no such figure/);
  assert.match((await figure('≥ 9', 'hearth c=10')).join(), /no such figure/);
});

test('the check itself: quantities of prose are compared in one unit', () => {
  const text = 'waits 60 s, keeps 1 KiB';
  assert.deepEqual(
    unspecified('It waits a minute (1 min) and keeps 1,024 bytes.\n```console\n7 s\n```\n## 9 days\n', text),
    [],
  );
  assert.deepEqual(unspecified('It waits 61 seconds on 127.0.0.1:80 and keeps 2 KiB.', text), [
    '61000 ms',
    '2048 bytes',
    '80',
  ]);
  assert.deepEqual(rowsOf('| a | b |\n|---|---|\n| 1 | 2 |', []), []);
});
