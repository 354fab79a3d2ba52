// npm run bench [-- SCENARIO…]: runs the scenarios, prints the figures against their limits, and writes them to
// bench/results/ with machine and commit. Exit status 1 when a limit is not met.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../src/adapters/projectroot.js';
import { type Figure, met, type Scenario } from './scenario.js';
import { async } from './scenarios/async.js';
import { cachereplay } from './scenarios/cachereplay.js';
import { cold } from './scenarios/cold.js';
import { deploy } from './scenarios/deploy.js';
import { deployload } from './scenarios/deployload.js';
import { policies } from './scenarios/policies.js';
import { proactive } from './scenarios/proactive.js';
import { scale } from './scenarios/scale.js';
import { simulator } from './scenarios/simulator.js';
import { snapshot } from './scenarios/snapshot.js';
import { sparsefs } from './scenarios/sparsefs.js';
import { warm } from './scenarios/warm.js';

const scenarios: readonly Scenario[] = [
  warm,
  cold,
  scale,
  deploy,
  simulator,
  sparsefs,
  cachereplay,
  snapshot,
  policies,
  proactive,
  deployload,
  async,
];

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function line(figure: Figure): string {
  const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
  const range = figure.range ? `(${number(figure.range[0])} – ${number(figure.range[1])})` : '';
  const sign = { 'at-least': '≥', 'at-most': '≤' };
  const limit = figure.limit ? `limit ${sign[figure.limit.kind]} ${figure.limit.value}` : '';
  const mark = { true: '✓', false: '✗', null: ' ' }[String(met(figure)) as 'true' | 'false' | 'null'];
  return `  ${mark} ${figure.name.padEnd(62)} ${number(figure.value).padStart(8)} ${figure.unit.padEnd(6)} ${range.padEnd(20)} ${limit}`;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !scenarios.some((scenario) => scenario.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `no scenario ${unknown.join(', ')}; there are ${scenarios.map(({ name }) => name).join(', ')}\n`,
  );
  process.exit(64);
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: projectRoot, encoding: 'utf8' }).trim();
let good = true;
for (const scenario of scenarios.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  process.stdout.write(`\n${scenario.title}\n`);
  const figures = await scenario.run(progress);
  progress('');
  for (const figure of figures) process.stdout.write(`${line(figure)}\n`);
  good &&= figures.every((figure) => met(figure) !== false);
  const results = join(projectRoot, 'bench', 'results');
  mkdirSync(results, { recursive: true });
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  const result = {
    scenario: scenario.name,
    title: scenario.title,
    date: new Date().toISOString(),
    commit,
    machine,
    figures,
  };
  writeFileSync(join(results, `${scenario.name}.json`), `${JSON.stringify(result, null, 2)}\n`);
}
process.exit(good ? 0 : 1);
