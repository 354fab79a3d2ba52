import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { defaultChoice } from '../capacity/policies/catalog.js';
import { hourMs, secondMs } from '../kernel/units.js';
import { reportOf } from '../sim/report.js';
import { simulate } from '../sim/simulation.js';
import { compare, compared } from '../sim/traffic/comparison.js';
import type { DayResult } from '../sim/traffic/day.js';
import { svgOf } from '../sim/traffic/plot.js';
import { reportOf as dayReportOf } from '../sim/traffic/report.js';
import { comparisonOf, csvOf, merged } from '../sim/traffic/table.js';

/** Of one simulated worker, for sandboxes. */
const workerMib = 65_536;
/** 500 for 10,000. */
const functionsPerWorker = 20;
/** Planning ahead looks so often: what it plans for are minutes. */
const lookMs = 5 * secondMs;

const argv = yargs(hideBin(process.argv))
  .scriptName('npm run sim --')
  .usage('$0 [options]\n\nDrives the deciding parts with virtual time and faults; the same seed does the same again.')
  .option('seed', { type: 'number', default: 1, describe: 'What load, faults and chance are drawn from' })
  .option('events', { type: 'number', default: 100_000, describe: 'Machine inputs before the run settles' })
  .option('traffic', {
    type: 'number',
    describe: `A day of traffic for so many functions, without faults, on a worker for each ${functionsPerWorker} of them`,
  })
  .option('compare', {
    type: 'string',
    describe: 'That day under each policy; FILE.csv and FILE.svg are written, policies not run now stay as they were',
  })
  .option('policy', {
    type: 'string',
    array: true,
    choices: compared.map(([policy]) => policy),
    describe: 'Under these policies only',
  })
  .option('score', { type: 'boolean', default: false, describe: 'Also measure how forecasts err' })
  .option('hours', { type: 'number', default: 24, describe: 'Less than that day' })
  .option('json', { type: 'boolean', default: false, describe: 'Print the result as one JSON object' })
  .example('$0 --seed 7 --events 1000000', 'One long run')
  .example('$0 --traffic 10000', 'A day of 10,000 functions on 500 workers')
  .example('$0 --traffic 10000 --compare bench/results/policies', 'Under each policy; --policy NAME for one at a time')
  .strict()
  .parseSync();

if (argv.traffic === undefined) campaign();
else traffic(argv.traffic);

function campaign(): void {
  const startedMs = performance.now();
  const result = simulate(argv.seed, argv.events);
  const seconds = (performance.now() - startedMs) / 1000;
  const eventsPerSecond = Math.round(result.events / seconds);

  if (argv.json) console.log(JSON.stringify({ ...result, seconds, eventsPerSecond }));
  else {
    for (const text of reportOf(result)) console.log(text);
    console.log(`${eventsPerSecond} events/s`);
  }
  process.exitCode = result.violation === null ? 0 : 1;
}

function traffic(functions: number): void {
  const { seed, hours, score, json } = argv;
  const workers = Math.max(1, Math.round(functions / functionsPerWorker));
  const world = { seed, functions, workers, workerMib, sampleMs: lookMs, untilMs: hours * hourMs };
  let startedMs = performance.now();
  const show = (policy: string, result: DayResult) => {
    const seconds = (performance.now() - startedMs) / 1000;
    const { inputs, effects } = result;
    const eventsPerSecond = Math.round((inputs + effects) / seconds);
    if (json) console.log(JSON.stringify({ policy, ...result, seconds, eventsPerSecond }));
    else {
      for (const text of dayReportOf(policy, result)) console.log(text);
      console.log(`  ${inputs} inputs, ${effects} effects in ${seconds.toFixed(1)} s: ${eventsPerSecond} events/s`);
    }
    startedMs = performance.now();
  };
  const chosen = `${defaultChoice.keepAlive}+${defaultChoice.forecast}`;
  const labels = argv.policy ?? (argv.compare === undefined ? [chosen] : undefined);
  const anew = compare({ ...world, scored: score }, show, labels);
  if (argv.compare === undefined) return;
  const title = `${functions} functions, ${workers} workers of ${workerMib / 1_024} GiB, ${hours} hours, seed ${seed}`;
  const csv = `${argv.compare}.csv`;
  const before = existsSync(csv) ? comparisonOf(readFileSync(csv, 'utf8')) : null;
  const all = merged(before?.title === title ? before.all : [], anew);
  writeFileSync(csv, csvOf(all, title));
  writeFileSync(`${argv.compare}.svg`, svgOf(all, chosen, title));
}
