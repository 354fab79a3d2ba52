import { simulate } from '../../src/sim/simulation.js';
import type { Scenario } from '../scenario.js';
import { spread } from '../statistics.js';

const rounds = 5;
const events = 200_000;

export const simulator: Scenario = {
  name: 'simulator',
  title: 'the deciding machines under simulated load and faults, with every check: inputs a second',
  run: async (progress) => {
    const rates: number[] = [];
    // Round 0 lets the compiler finish.
    for (let round = 0; round <= rounds; round += 1) {
      progress(`seed ${round}`);
      const startedMs = performance.now();
      const result = simulate(round, events);
      if (result.violation !== null) throw new Error(`seed ${round}: ${result.violation.message}`);
      if (round > 0) rates.push((result.events / (performance.now() - startedMs)) * 1_000);
    }
    const { median, min, max } = spread(rates);
    return [
      {
        name: 'simulated events a second',
        value: median,
        range: [min, max],
        unit: '1/s',
        limit: { kind: 'at-least', value: 100_000 },
      },
    ];
  },
};
