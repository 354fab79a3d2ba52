import { defaultChoice } from '../../src/capacity/policies/catalog.js';
import { hourMs, secondMs } from '../../src/kernel/units.js';
import { simulate } from '../../src/sim/simulation.js';
import { TrafficDay } from '../../src/sim/traffic/day.js';
import type { Figure, Scenario } from '../scenario.js';
import { spread } from '../statistics.js';

const seeds = 20;
const events = 100_000;
const rounds = 3;
const world = {
  ...{ seed: 1, functions: 10_000, workers: 500, workerMib: 65_536, choice: defaultChoice },
  sampleMs: 5 * secondMs,
};

/**
 * An event of a machine is one input that a pure machine takes, or one effect of it that is performed. Virtual time,
 * drawing of traffic, and what stands for workers cost time and count for nothing.
 */
export const simulator: Scenario = {
  name: 'simulator',
  title: 'the deciding machines under simulated load: inputs taken and effects performed a second',
  run: async (progress) => [...underTraffic(progress), underFaults(progress)],
};

/** One hour of the day of 10,000 functions on 500 workers, with planning as by default. */
function underTraffic(progress: (text: string) => void): Figure[] {
  const all: number[] = [];
  const inputs: number[] = [];
  // Round 0 lets the compiler finish.
  for (let round = 0; round <= rounds; round += 1) {
    progress(`traffic, round ${round}`);
    const day = new TrafficDay({ ...world, untilMs: round === 0 ? hourMs / 6 : hourMs });
    const startedMs = performance.now();
    const result = day.run();
    const seconds = (performance.now() - startedMs) / 1_000;
    if (round === 0) continue;
    all.push((result.inputs + result.effects) / seconds);
    inputs.push(result.inputs / seconds);
  }
  const figure = (of: readonly number[]) => {
    const { median, min, max } = spread(of);
    return { value: median, range: [min, max] as const, unit: '1/s' };
  };
  return [
    {
      name: '10,000 functions on 500 workers: machine events a second',
      ...figure(all),
      limit: { kind: 'at-least', value: 1_000_000 },
    },
    { name: 'of them inputs', ...figure(inputs) },
  ];
}

/** The world of faults with every check and a fingerprint of each input; only inputs count here. Long backlogs included. */
function underFaults(progress: (text: string) => void): Figure {
  const rates: number[] = [];
  let taken = 0;
  let ms = 0;
  for (let seed = 0; seed <= seeds; seed += 1) {
    progress(`faults, seed ${seed}`);
    const startedMs = performance.now();
    const result = simulate(seed, events);
    const elapsedMs = performance.now() - startedMs;
    if (result.violation !== null) throw new Error(`seed ${seed}: ${result.violation.message}`);
    if (seed === 0) continue;
    taken += result.events;
    ms += elapsedMs;
    rates.push((result.events / elapsedMs) * secondMs);
  }
  const { min, max } = spread(rates);
  return {
    name: 'with faults and all checks: inputs a second, over all seeds',
    value: (taken / ms) * secondMs,
    range: [min, max],
    unit: '1/s',
    limit: { kind: 'at-least', value: 100_000 },
  };
}
