import { writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { defaultChoice } from '../capacity/policies/catalog.js';
import { hourMs, secondMs } from '../kernel/units.js';
import { reportOf } from '../sim/report.js';
import { simulate } from '../sim/simulation.js';
import { compare, csvOf } from '../sim/traffic/comparison.js';
import { type DayResult, TrafficDay } from '../sim/traffic/day.js';
import { svgOf } from '../sim/traffic/plot.js';
import { reportOf as dayReportOf } from '../sim/traffic/report.js';

/** Of one simulated worker, for sandboxes. */
const workerMib = 65_536;

const argv = yargs(hideBin(process.argv))
  .scriptName('npm run sim --')
  .usage('$0 [options]\n\nDrives the deciding parts with virtual time and faults; the same seed does the same again.')
  .option('seed', { type: 'number', default: 1, describe: 'What load, faults and chance are drawn from' })
  .option('events', { type: 'number', default: 100_000, describe: 'Machine inputs before the run settles' })
  .option('traffic', {
    type: 'number',
    describe: 'A day of traffic for so many functions, without faults, on a worker for each 20 of them',
  })
  .option('compare', { type: 'string', describe: 'That day under each policy; FILE.csv and FILE.svg are written' })
  .option('hours', { type: 'number', default: 24, describe: 'Less than that day' })
  .option('json', { type: 'boolean', default: false, describe: 'Print the result as one JSON object' })
  .example('$0 --seed 7 --events 1000000', 'One long run')
  .example('$0 --traffic 10000', 'A day of 10,000 functions on 500 workers')
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
  const world = {
    seed: argv.seed,
    functions,
    workers: Math.max(1, Math.round(functions / 20)),
    workerMib,
    sampleMs: 2 * secondMs,
    untilMs: argv.hours * hourMs,
  };
  let startedMs = performance.now();
  const show = (policy: string, result: DayResult) => {
    const seconds = (performance.now() - startedMs) / 1000;
    const inputsPerSecond = Math.round(result.inputs / seconds);
    if (argv.json) console.log(JSON.stringify({ policy, ...result, seconds, inputsPerSecond }));
    else {
      for (const text of dayReportOf(policy, result)) console.log(text);
      console.log(`  ${result.inputs} inputs in ${seconds.toFixed(1)} s: ${inputsPerSecond} a second`);
    }
    startedMs = performance.now();
  };
  const chosen = `${defaultChoice.keepAlive}+${defaultChoice.forecast}`;
  if (argv.compare === undefined) {
    show(chosen, new TrafficDay({ ...world, choice: defaultChoice, scored: true }).run());
    return;
  }
  const all = compare(world, ({ policy, result }) => show(policy, result));
  const title = `${functions} functions, ${world.workers} workers, ${argv.hours} hours, seed ${argv.seed}`;
  writeFileSync(`${argv.compare}.csv`, csvOf(all));
  writeFileSync(`${argv.compare}.svg`, svgOf(all, chosen, title));
}
