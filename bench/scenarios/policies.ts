import { defaultChoice } from '../../src/capacity/policies/catalog.js';
import { coldShare, compare, dominating } from '../../src/sim/traffic/comparison.js';
import type { Scenario } from '../scenario.js';

const functions = 300;
const workers = 15;

/**
 * A small day under each policy. The table and the picture beside the figures are of the day in full size, which takes
 * longer: `npm run sim -- --traffic 10000 --compare bench/results/policies`.
 */
export const policies: Scenario = {
  name: 'policies',
  title: `a day of traffic for ${functions} functions on ${workers} workers, under each policy of planning ahead`,
  run: async (progress) => {
    const startedMs = performance.now();
    const world = { seed: 1, functions, workers, workerMib: 65_536, sampleMs: 5_000 };
    const all = compare(world, progress);
    const seconds = (performance.now() - startedMs) / 1_000;
    const chosen = `${defaultChoice.keepAlive}+${defaultChoice.forecast}`;
    const inputs = all.reduce((sum, { result }) => sum + result.inputs, 0);
    const own = all.find(({ policy }) => policy === chosen);
    if (own === undefined) throw new Error(`${chosen} is not among those compared`);
    return [
      {
        name: 'policies that dominate the default',
        value: dominating(all, chosen).length,
        unit: '',
        limit: { kind: 'at-most', value: 0 },
      },
      { name: 'invocations that met a cold start, default', value: 100 * coldShare(own.result), unit: '%' },
      { name: 'memory held idle, default', value: own.result.idleGibHours, unit: 'GiB-h' },
      { name: 'inputs of the machines a second', value: inputs / seconds, unit: '1/s' },
    ];
  },
};
