import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { cleanEnvironment } from '../../test/system/childprocess.js';
import type { SignedRequest } from '../../test/system/hearth.js';
import { Hearth, ownNode } from '../../test/system/hearth.js';
import type { Scenario } from '../scenario.js';
import { median, spread } from '../statistics.js';

const functionsMax = 30;
/** Time for the platform to make the next spare before the next function is invoked; not part of any figure. */
const pauseMs = 400;

const pause = () => new Promise((resolve) => setTimeout(resolve, pauseMs));

function post(agent: Agent, target: SignedRequest): Promise<number> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(target.url, { method: 'POST', agent, headers: target.headers }, (response) => {
      response.resume();
      response.on('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - startedMs);
        else reject(new Error(`first invocation answered ${response.statusCode}`));
      });
    });
    sent.on('error', reject);
    sent.end(target.body);
  });
}

function nodeStart(): Promise<number> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    spawn(process.execPath, ['-e', '0'], { stdio: 'ignore', env: cleanEnvironment() }).once('exit', () =>
      resolve(performance.now() - startedMs),
    );
  });
}

/** First invocation of one new function after the other, each between two starts of plain Node. */
async function firstInvocations(hearth: Hearth, progress: (text: string) => void) {
  const code = readFileSync(join(projectRoot, 'bench', 'functions', 'echo', 'index.mjs'));
  const agent = new Agent({ keepAlive: true });
  const cold: number[] = [];
  const node: number[] = [];
  // The first function makes the platform keep spares of its runtime, and opens the connection.
  for (let index = 0; index <= functionsMax; index += 1) {
    progress(`function ${index}/${functionsMax}`);
    const name = `cold-${index}`;
    await hearth.create(name, ownNode, 'index.handler', { 'index.mjs': code });
    await pause();
    const target = await hearth.invocation(name, '{}');
    const firstMs = await post(agent, target);
    const nodeMs = await nodeStart();
    if (index === 0) continue;
    cold.push(firstMs);
    node.push(nodeMs);
  }
  agent.destroy();
  return { cold, node };
}

export const cold: Scenario = {
  name: 'cold',
  title:
    'first invocation of a new function inside full namespaces, from a spare and without spares, against `node -e 0`',
  run: async (progress) => {
    const spared = await Hearth.start();
    const bareCold = await Hearth.start('--spares', '0');
    try {
      const withSpare = await firstInvocations(spared, (text) => progress(`with spares: ${text}`));
      const without = await firstInvocations(bareCold, (text) => progress(`without spares: ${text}`));
      const ratios = without.cold.map((value, index) => value / (without.node[index] ?? Number.NaN));
      const [spare, fresh, ratio] = [spread(withSpare.cold), spread(without.cold), spread(ratios)];
      const spareRatio = spread(withSpare.cold.map((value, index) => value / (withSpare.node[index] ?? Number.NaN)));
      return [
        { name: 'node -e 0', value: median(without.node), unit: 'ms' },
        {
          name: 'first invocation from a spare, p50',
          value: spare.median,
          range: [spare.min, spare.max],
          unit: 'ms',
          limit: { kind: 'at-most', value: 10 },
        },
        {
          // The 10 ms were set on a machine where `node -e 0` takes 18.7 ms: this one tells of any machine.
          name: 'first invocation from a spare ÷ node -e 0',
          value: spareRatio.median,
          range: [spareRatio.min, spareRatio.max],
          unit: '×',
          limit: { kind: 'at-most', value: 0.53 },
        },
        {
          name: 'first invocation without spares, p50',
          value: fresh.median,
          range: [fresh.min, fresh.max],
          unit: 'ms',
        },
        {
          name: 'without spares ÷ node -e 0',
          value: ratio.median,
          range: [ratio.min, ratio.max],
          unit: '×',
          limit: { kind: 'at-most', value: 2 },
        },
      ];
    } finally {
      await Promise.all([spared.remove(), bareCold.remove()]);
    }
  },
};
