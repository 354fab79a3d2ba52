import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { Hearth, ownNode } from '../../test/system/hearth.js';
import { load } from '../load.js';
import { residentMib } from '../process.js';
import type { Scenario } from '../scenario.js';
import { median, spread } from '../statistics.js';

const functions = 1_000;
const rounds = 5;
const restarts = 5;
const body = '{}';

export const scale: Scenario = {
  name: 'scale',
  title: 'one function against 1,000 deployed ones: warm latency, restart after kill -9, idle memory',
  run: async (progress) => {
    const one = await Hearth.start('--concurrency', '100000');
    const many = await Hearth.start('--concurrency', '100000');
    try {
      progress('idle');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const idleMib = residentMib(one.pid);
      const code = { 'index.mjs': readFileSync(join(projectRoot, 'bench', 'functions', 'echo', 'index.mjs')) };
      await one.create('echo', ownNode, 'index.handler', code);
      await many.create('echo', ownNode, 'index.handler', code);
      for (let index = 1; index < functions; index += 1) {
        if (index % 50 === 0) progress(`${index} functions`);
        await many.create(`filler-${index}`, ownNode, 'index.handler', code);
      }
      const ratios: number[] = [];
      for (let round = 0; round <= rounds; round += 1) {
        progress(`latency, round ${round}/${rounds}`);
        const single = await load(await one.invocation('echo', body), 1, 2);
        const crowded = await load(await many.invocation('echo', body), 1, 2);
        if (single.failures + crowded.failures > 0) throw new Error('failed requests');
        if (round > 0) ratios.push(crowded.p50Ms / single.p50Ms);
      }
      const restartMs: number[] = [];
      for (let index = 0; index < restarts; index += 1) {
        progress(`restart ${index + 1}/${restarts}`);
        await many.stop('SIGKILL');
        restartMs.push(await many.start());
      }
      const [ratio, restart] = [spread(ratios), spread(restartMs)];
      return [
        {
          name: 'warm p50: 1,000 functions ÷ one',
          value: ratio.median,
          range: [ratio.min, ratio.max],
          unit: '×',
          limit: { kind: 'at-most', value: 1.1 },
        },
        {
          name: 'kill -9 to serving again, 1,000 functions',
          value: median(restartMs) / 1_000,
          range: [restart.min / 1_000, restart.max / 1_000],
          unit: 's',
          limit: { kind: 'at-most', value: 2 },
        },
        {
          name: 'platform idle, resident',
          value: (idleMib * 2 ** 20) / 1e6,
          unit: 'MB',
          limit: { kind: 'at-most', value: 150 },
        },
      ];
    } finally {
      await Promise.all([one.remove(), many.remove()]);
    }
  },
};
