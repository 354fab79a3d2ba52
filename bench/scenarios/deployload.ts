import { setTimeout as pause } from 'node:timers/promises';
import { GetFunctionConfigurationCommand, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode } from '../../test/system/hearth.js';
import { zip } from '../../test/system/zip.js';
import { type Called, Caller } from '../caller.js';
import type { Figure, Scenario } from '../scenario.js';
import { quantile, spread } from '../statistics.js';

const rounds = 3;
const clients = 50;
/** Of each invocation, waiting: fifty clients need fifty sandboxes, not fifty cores. */
const waitMs = 200;
const steadySeconds = 8;
/**
 * From a second before the deploy. Of a whole minute, one slow answer for each client is a third of a percent, and no 99th
 * percentile would know: in these seconds it is more than two percent.
 */
const windowSeconds = 9;

const codeOf = (version: number) => `// ${version}
exports.handler = async () => {
  await new Promise((resolve) => setTimeout(resolve, ${waitMs}));
  return ${version};
};
`;

interface Measured {
  readonly steadyP99Ms: number;
  readonly deployP99Ms: number;
  readonly deployMaxMs: number;
  readonly updateMs: number;
}

async function run(hearth: Hearth, version: number): Promise<Measured> {
  const FunctionName = 'echo';
  const target = await hearth.invocation(FunctionName, '{}');
  const caller = new Caller();
  const answers: (Called & { readonly sentMs: number })[] = [];
  let over = false;
  const client = async () => {
    while (!over) {
      const sentMs = performance.now();
      answers.push({ ...(await caller.post(target)), sentMs });
    }
  };
  const all = Array.from({ length: clients }, client);
  try {
    // Until all have a sandbox, and the code is compiled.
    await pause(3_000);
    const steadyMs = performance.now();
    await pause(steadySeconds * 1_000);
    const windowMs = performance.now();
    await pause(1_000);
    const deployMs = performance.now();
    const lambda = hearth.lambda();
    const ZipFile = await zip({ 'index.js': codeOf(version) });
    await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
    await eventually(async () => {
      const { LastUpdateStatus } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
      return LastUpdateStatus === 'Successful';
    }, 'the update');
    const updateMs = performance.now() - deployMs;
    await pause(windowMs + windowSeconds * 1_000 - performance.now());
    const endMs = performance.now();
    over = true;
    await Promise.all(all);
    const failed = answers.find(({ status }) => status !== 200);
    if (failed !== undefined) throw new Error(`an invocation failed: ${failed.status} ${failed.text}`);
    if (answers.at(-1)!.text !== String(version))
      throw new Error(`the new code does not answer: ${answers.at(-1)!.text}`);
    const sent = (fromMs: number, tillMs: number) =>
      answers.filter(({ sentMs }) => sentMs >= fromMs && sentMs < tillMs).map(({ ms }) => ms);
    const around = sent(windowMs, endMs);
    return {
      steadyP99Ms: quantile(sent(steadyMs, windowMs), 0.99),
      deployP99Ms: quantile(around, 0.99),
      deployMaxMs: Math.max(...around),
      updateMs,
    };
  } finally {
    over = true;
    await Promise.all(all);
    caller.close();
  }
}

/** Platforms take turns, each for itself: both would want the cores at once. */
export const deployload: Scenario = {
  name: 'deployload',
  title: `a deploy while ${clients} clients invoke without a pause: answers sent in the ${windowSeconds} seconds around it against steady state, --proactive on and off`,
  run: async (progress) => {
    const results = { on: [] as Measured[], off: [] as Measured[] };
    for (let round = 1; round <= rounds; round += 1) {
      for (const proactive of ['on', 'off'] as const) {
        progress(`round ${round}/${rounds}: ${proactive}`);
        const hearth = await Hearth.start('--proactive', proactive);
        try {
          await hearth.create('echo', ownNode, 'index.handler', { 'index.js': codeOf(0) }, { MemorySize: 128 });
          results[proactive].push(await run(hearth, round));
        } finally {
          await hearth.remove();
        }
      }
    }
    const figure = (name: string, unit: string, values: readonly number[], limit?: Figure['limit']): Figure => {
      const { median, min, max } = spread(values);
      return { name, value: median, range: [min, max], unit, ...(limit && { limit }) };
    };
    const of = (proactive: 'on' | 'off', what: keyof Measured) => results[proactive].map((one) => one[what]);
    const ratio = (proactive: 'on' | 'off') =>
      results[proactive].map(({ deployP99Ms, steadyP99Ms }) => deployP99Ms / steadyP99Ms);
    return [
      figure('on: steady p99', 'ms', of('on', 'steadyP99Ms')),
      figure('on: p99 around the deploy', 'ms', of('on', 'deployP99Ms')),
      figure('on: p99 around the deploy ÷ steady', '×', ratio('on'), { kind: 'at-most', value: 2 }),
      figure('on: longest around the deploy', 'ms', of('on', 'deployMaxMs')),
      figure('on: from the update to Successful', 'ms', of('on', 'updateMs')),
      figure('off: steady p99', 'ms', of('off', 'steadyP99Ms')),
      figure('off: p99 around the deploy', 'ms', of('off', 'deployP99Ms')),
      figure('off: p99 around the deploy ÷ steady', '×', ratio('off')),
    ];
  },
};
