import { SingleBar } from 'cli-progress';
import colours from 'picocolors';
import type { RuntimeName } from '../../wire/functionspec.js';
import { DataFolder } from '../datafolder.js';
import { commonOptions, defineCommand } from './options.js';
import { CommandError, Terminal, table } from './terminal.js';

export const runtimes = defineCommand({
  command: 'runtimes [action] [name]',
  describe: 'List the language runtimes, or add one',
  builder: (command) =>
    commonOptions(command)
      .positional('action', { choices: ['list', 'add'] as const, default: 'list' as const, describe: 'what to do' })
      .positional('name', { type: 'string', describe: 'runtime to add' })
      .example('hearth runtimes add nodejs22.x', 'fetch Node 22 from npm'),
  handler: async (options) => {
    const terminal = new Terminal(options.json);
    const folder = new DataFolder(options.data);
    folder.create();
    const { listRuntimes, addRuntime } = await import('../../worker/runtimes/inventory.js');
    if (options.action === 'add') {
      const known = await listRuntimes(folder.path);
      if (!known.some(({ name }) => name === options.name)) {
        throw new CommandError(
          `no runtime '${options.name ?? ''}'; there are ${known.map(({ name }) => name).join(', ')}`,
          64,
        );
      }
      const bar = new SingleBar({ format: `  ${options.name} [{bar}] {percentage}% {stage}`, noTTYOutput: false });
      if (!options.json && process.stderr.isTTY) bar.start(1, 0, { stage: '' });
      await addRuntime(folder.path, options.name as RuntimeName, (fraction, stage) => bar.update(fraction, { stage }));
      bar.stop();
    }
    const mark = {
      ready: colours.green('ready'),
      installable: colours.yellow('installable'),
      missing: colours.dim('missing'),
    };
    terminal.result(await listRuntimes(folder.path), (found) =>
      table(
        ['RUNTIME', 'STATUS', 'VERSION', ''],
        found.map(({ name, status, version, detail }) => [name, mark[status], version ?? '', detail]),
      ),
    );
  },
});
