import { performance } from 'node:perf_hooks';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { reportOf } from '../sim/report.js';
import { simulate } from '../sim/simulation.js';

const argv = yargs(hideBin(process.argv))
  .scriptName('npm run sim --')
  .usage('$0 [options]\n\nDrives the deciding parts with virtual time and faults; the same seed does the same again.')
  .option('seed', { type: 'number', default: 1, describe: 'What load, faults and chance are drawn from' })
  .option('events', { type: 'number', default: 100_000, describe: 'Machine inputs before the run settles' })
  .option('json', { type: 'boolean', default: false, describe: 'Print the result as one JSON object' })
  .example('$0 --seed 7 --events 1000000', 'One long run')
  .strict()
  .parseSync();

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
