import type { PlatformStatus } from '../platformstatus.js';
import { connect, getAdmin } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
import { Terminal, table } from './terminal.js';

function render(status: PlatformStatus): string {
  const upSeconds = Math.round((status.nowMs - status.startedMs) / 1_000);
  const { worker } = status;
  const spares = Object.entries(worker.spares).map(([runtime, count]) => `${count} × ${runtime}`);
  const lines = table(
    ['', ''],
    [
      ['endpoint', status.endpoint],
      ['data', status.dataFolder],
      ['up', `${upSeconds} s, pid ${status.pid}, Hearth ${status.version}, Node ${status.node}`],
      ['isolation', status.isolation.grade],
      ['functions', String(status.functions)],
      ['sandboxes', `${worker.sandboxes} of ${worker.sandboxesMax}`],
      ['spares', spares.length === 0 ? 'none' : spares.join(', ')],
      ['memory', `${worker.memoryUsedMib} of ${worker.memoryMib} MiB given to sandboxes`],
      ['queued events', String(status.queuedEvents)],
    ],
  );
  return lines.trimStart();
}

export const status = defineCommand({
  command: 'status',
  describe: 'Show the running platform',
  builder: (command) =>
    connectionOptions(command)
      .example('hearth status', 'endpoint, isolation in force, sandboxes, memory')
      .epilogue('Exit status 3 when no platform serves from the data folder.'),
  handler: async (options) => {
    const answer = await getAdmin<PlatformStatus>(connect(options), '/_hearth/status');
    new Terminal(options.json).result(answer, render);
  },
});
