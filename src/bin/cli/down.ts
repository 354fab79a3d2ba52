import { processStart } from '../../worker/sandbox/process/owner.js';
import { DataFolder } from '../datafolder.js';
import { commonOptions, defineCommand } from './options.js';
import { Terminal } from './terminal.js';

/** Longest wait for a platform to end its work; after it the processes are killed. */
const stopMsMax = 20_000;

/** Ends the process of a platform: asks it to, and kills it when it takes longer than `msMax`. */
export async function stopProcess(
  platform: { readonly pid: number; readonly processStart: string },
  msMax = stopMsMax,
): Promise<void> {
  process.kill(platform.pid, 'SIGTERM');
  const deadlineMs = Date.now() + msMax;
  while (processStart(platform.pid) === platform.processStart) {
    if (Date.now() > deadlineMs) {
      process.kill(platform.pid, 'SIGKILL');
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const down = defineCommand({
  command: 'down',
  describe: 'Stop the platform that serves from the data folder',
  builder: (command) => commonOptions(command).example('hearth down', 'stop it; work in flight is finished first'),
  handler: async (options) => {
    const terminal = new Terminal(options.json);
    const folder = new DataFolder(options.data);
    const platform = folder.platform();
    if (platform === null) {
      terminal.result({ stopped: false }, () => `No platform serves from ${folder.path}.`);
      return;
    }
    await stopProcess(platform);
    terminal.result({ stopped: true, pid: platform.pid }, () => `Stopped ${platform.endpoint} (pid ${platform.pid}).`);
  },
});
