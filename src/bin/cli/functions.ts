import type { FunctionConfiguration } from '@aws-sdk/client-lambda';
import { connect, lambdaClient } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
import { Terminal, table } from './terminal.js';

export const functions = defineCommand({
  command: 'functions',
  describe: 'List the functions of an account',
  builder: (command) =>
    connectionOptions(command)
      .example('hearth functions', 'one line a function')
      .example('hearth functions --json | jq .[].FunctionName', 'names, for a program'),
  handler: async (options) => {
    const { paginateListFunctions } = await import('@aws-sdk/client-lambda');
    const client = await lambdaClient(connect(options));
    const found: FunctionConfiguration[] = [];
    for await (const page of paginateListFunctions({ client }, {})) found.push(...(page.Functions ?? []));
    client.destroy();
    new Terminal(options.json).result(found, () =>
      found.length === 0
        ? 'No functions yet. README.md has a 30-second example.'
        : table(
            ['NAME', 'RUNTIME', 'MEMORY', 'TIMEOUT', 'CODE', 'MODIFIED'],
            found.map((one) => [
              one.FunctionName ?? '',
              one.Runtime ?? '',
              `${one.MemorySize} MB`,
              `${one.Timeout} s`,
              `${((one.CodeSize ?? 0) / 1024).toFixed(1)} KiB`,
              (one.LastModified ?? '').slice(0, 19).replace('T', ' '),
            ]),
          ),
    );
  },
});
