import type { Argv, CommandModule } from 'yargs';
import { DataFolder } from '../datafolder.js';

/** Options of every command. */
export function commonOptions(command: Argv) {
  return command
    .option('data', { type: 'string', default: DataFolder.default(), describe: 'data folder', requiresArg: true })
    .option('json', { type: 'boolean', default: false, describe: 'print JSON for programs' });
}

/** Options of commands that talk to a running platform. */
export function connectionOptions(command: Argv) {
  return commonOptions(command)
    .option('region', { type: 'string', describe: 'region (default: the data folder’s)', requiresArg: true })
    .option('account', { type: 'string', describe: 'account id (default: the first)', requiresArg: true });
}

/** A command whose handler gets exactly the options that its builder declares. */
export function defineCommand<Options>(definition: {
  readonly command: string;
  readonly describe: string;
  readonly builder: (command: Argv) => Argv<Options>;
  readonly handler: (options: Options) => void | Promise<void>;
}): CommandModule {
  // Always asynchronous: yargs shows what a synchronous handler throws as a stack trace, past `fail`.
  const handler = async (options: Options) => definition.handler(options);
  return { ...definition, handler } as unknown as CommandModule;
}
