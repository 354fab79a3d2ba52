import type { WorkerStanding } from '../../assignment/messages.js';
import { secondMs } from '../../kernel/units.js';
import { type Connection, connect, getAdmin, postAdmin } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
import { CommandError, Terminal } from './terminal.js';

const workersPath = '/_hearth/workers';
/** How often it looks whether the last one has left. */
const lookMs = 100;
/** The longest invocation, 15 minutes, and a minute for its sandbox to go. */
const waitSeconds = 960;

/** What `hearth drain --json` prints. */
export interface DrainReport {
  readonly worker: string;
  /** Sandboxes that had to go. */
  readonly drained: number;
  /** Of them, those that are still there: at work. */
  readonly left: number;
  readonly elapsedMs: number;
}

async function leavingOf(connection: Connection, worker: string): Promise<number> {
  const workers = await getAdmin<readonly WorkerStanding[]>(connection, workersPath);
  return workers.find(({ workerId }) => workerId === worker)?.leaving ?? 0;
}

function render({ worker, drained, left, elapsedMs }: DrainReport): string {
  const seconds = (elapsedMs / secondMs).toFixed(1);
  if (drained === 0) return `Worker ${worker} had no sandboxes.`;
  if (left === 0) return `All ${drained} sandboxes that worker ${worker} had are gone, after ${seconds} s.`;
  return `${drained - left} of ${drained} sandboxes of worker ${worker} are gone; ${left} are at work, and go after it.`;
}

export const drain = defineCommand({
  command: 'drain [worker]',
  describe: 'Replace all sandboxes of a worker: new ones first, then the old ones go',
  builder: (command) =>
    connectionOptions(command)
      .positional('worker', { type: 'string', describe: 'name of the worker (default: the only one)' })
      .option('wait', {
        type: 'number',
        default: waitSeconds,
        describe: 'seconds to wait until all are gone; 0 only begins it',
        requiresArg: true,
      })
      .example('hearth drain', 'all sandboxes are made anew; invocations go on meanwhile')
      .epilogue(
        'A platform has one worker, so new sandboxes start on it, too: as many as were lately at work, and all provisioned\n' +
          'ones. Idle ones go when their replacements are ready, or cannot be had; those at work go after it. It cannot be\n' +
          'taken back. Only the first account of the data folder may do it. Exit status: 0 all are gone, or --wait 0;\n' +
          '1 some are still at work.',
      ),
  handler: async (options) => {
    const { wait, json } = options;
    if (!(Number.isFinite(wait) && wait >= 0)) throw new CommandError('--wait takes seconds, 0 or more', 64);
    const connection = connect(options);
    const worker = options.worker ?? (await onlyWorker(connection));
    const startedMs = performance.now();
    const begun = await postAdmin<WorkerStanding>(connection, `${workersPath}/${encodeURIComponent(worker)}/drain`);
    const terminal = new Terminal(json);
    terminal.note(`${begun.leaving} sandboxes go, ${begun.busy} of all ${begun.sandboxes} are at work.`);
    let left = begun.leaving;
    while (left > 0 && performance.now() - startedMs < wait * secondMs) {
      await new Promise((resolve) => setTimeout(resolve, lookMs));
      left = await leavingOf(connection, worker);
    }
    const elapsedMs = Math.round(performance.now() - startedMs);
    terminal.result({ worker, drained: begun.leaving, left, elapsedMs }, render);
    if (left > 0 && wait > 0) process.exitCode = 1;
  },
});

async function onlyWorker(connection: Connection): Promise<string> {
  const workers = await getAdmin<readonly WorkerStanding[]>(connection, workersPath);
  const [first, second] = workers;
  if (first === undefined || second !== undefined) {
    throw new CommandError(`Which worker? There are ${workers.map(({ workerId }) => workerId).join(', ')}`, 64);
  }
  return first.workerId;
}
