import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { mountNamespaceCommand } from '../../src/worker/sandbox/namespace.js';
import type { FaultFigures } from '../faults.js';
import type { Figure, Scenario } from '../scenario.js';
import { spread } from '../statistics.js';

const rounds = 7;
const msMax = 120_000;

/** What a page of a VM's memory costs when it has to come through the sparse file system. */
export const sparsefs: Scenario = {
  name: 'sparsefs',
  title: 'sparse file system: pages that are in L1 and not in the page cache, and pages pushed ahead of faults',
  run: async (progress) => {
    const program = [process.execPath, fileURLToPath(new URL('../faults.js', import.meta.url)), String(rounds)];
    const [command, ...rest] = mountNamespaceCommand(program) ?? program;
    const child = spawn(command!, rest, {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: msMax,
      killSignal: 'SIGKILL',
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const all: FaultFigures[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      all.push(JSON.parse(line) as FaultFigures);
      progress(`round ${all.length}/${rounds}`);
    }
    if ((await ended) !== 0 || all.length !== rounds) throw new Error('the rounds did not end well');
    const figure = (name: string, unit: string, of: (one: FaultFigures) => number, limit?: Figure['limit']): Figure => {
      const { median, min, max } = spread(all.map(of));
      return { name, unit, value: median, range: [min, max], ...(limit === undefined ? {} : { limit }) };
    };
    return [
      figure('one page from L1, p50', 'µs', ({ faultUs }) => faultUs.p50, { kind: 'at-most', value: 100 }),
      figure('one page from L1, p99', 'µs', ({ faultUs }) => faultUs.p99),
      figure('bytes read for each byte touched', '', ({ amplification }) => amplification, {
        kind: 'at-most',
        value: 1,
      }),
      figure('in order, 128 KiB at a time', 'MB/s', ({ sequentialMbps }) => sequentialMbps),
      figure('scattered pages pushed ahead', 'pages/s', ({ pushedPagesPerS }) => pushedPagesPerS),
      figure('one page that was pushed, p50', 'µs', ({ pushedUs }) => pushedUs),
      figure('64 MiB never used before, page by page', 'ms', ({ fresh }) => fresh.ms),
      figure('what the kernel asked for meanwhile', 'pages', ({ fresh }) => fresh.reads, {
        kind: 'at-most',
        value: 1_638,
      }),
    ];
  },
};
