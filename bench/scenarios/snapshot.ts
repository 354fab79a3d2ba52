import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { mountNamespaceCommand } from '../../src/worker/sandbox/namespace.js';
import type { Group, Row } from '../restores.js';
import type { Figure, Scenario } from '../scenario.js';
import { spread } from '../statistics.js';

/** The largest group captures a hundred functions, some seconds each without hardware virtualization. */
const msMax = 20 * 60_000;
const groups: readonly Group[] = ['latency', 'pool', 'burst', 'density', 'stored', 'distant'];

async function rowsOf(group: Group, progress: (text: string) => void): Promise<readonly Row[]> {
  const program = [process.execPath, fileURLToPath(new URL('../restores.js', import.meta.url)), group];
  const [command, ...rest] = mountNamespaceCommand(program) ?? program;
  const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'inherit'], timeout: msMax, killSignal: 'SIGKILL' });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const rows: Row[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    rows.push(JSON.parse(line) as Row);
    progress(`${group}: ${rows.length} rows`);
  }
  if ((await ended) !== 0) throw new Error(`the group ${group} did not end well`);
  return rows;
}

/** HEARTH_BENCH_GROUPS=latency,pool runs only these. */
export const snapshot: Scenario = {
  name: 'snapshot',
  title: 'virtual machines restored from snapshots: start, pool, burst, memory, bytes stored, distant origin',
  run: async (progress) => {
    const asked = process.env.HEARTH_BENCH_GROUPS?.split(',');
    const figures: Figure[] = [];
    for (const group of groups.filter((name) => asked === undefined || asked.includes(name))) {
      progress(`${group} …`);
      for (const { values, ...row } of await rowsOf(group, progress)) {
        const { median, min, max } = spread(values);
        figures.push({ ...row, value: median, ...(values.length > 1 && { range: [min, max] as const }) });
      }
    }
    return figures;
  },
};
