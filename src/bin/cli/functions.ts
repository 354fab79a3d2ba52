import type { FunctionConfiguration, FunctionUrlConfig, LambdaClient } from '@aws-sdk/client-lambda';
import colours from 'picocolors';
import type { PlatformStatus } from '../platformstatus.js';
import { connect, getAdmin, lambdaClient } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
import { protectionRows } from './protections.js';
import { CommandError, Terminal, table } from './terminal.js';

async function list(client: LambdaClient): Promise<FunctionConfiguration[]> {
  const { paginateListFunctions } = await import('@aws-sdk/client-lambda');
  const found: FunctionConfiguration[] = [];
  for await (const page of paginateListFunctions({ client }, {})) found.push(...(page.Functions ?? []));
  return found;
}

function renderList(found: readonly FunctionConfiguration[]): string {
  if (found.length === 0) return 'No functions yet. README.md has a 30-second example.';
  return table(
    // As in the service, a list does not tell states; `hearth functions NAME` does.
    ['NAME', 'RUNTIME', 'MEMORY', 'TIMEOUT', 'CODE', 'MODIFIED'],
    found.map((one) => [
      one.FunctionName ?? '',
      one.Runtime ?? '',
      `${one.MemorySize} MB`,
      `${one.Timeout} s`,
      `${((one.CodeSize ?? 0) / 1024).toFixed(1)} KiB`,
      (one.LastModified ?? '').slice(0, 19).replace('T', ' '),
    ]),
  );
}

/** The function's own URL and those of its aliases. */
async function urlsOf(client: LambdaClient, name: string): Promise<FunctionUrlConfig[]> {
  const { paginateListFunctionUrlConfigs } = await import('@aws-sdk/client-lambda');
  const found: FunctionUrlConfig[] = [];
  for await (const page of paginateListFunctionUrlConfigs({ client }, { FunctionName: name })) {
    found.push(...(page.FunctionUrlConfigs ?? []));
  }
  return found;
}

interface FunctionView {
  readonly configuration: FunctionConfiguration;
  readonly urls: readonly FunctionUrlConfig[];
  readonly isolation: PlatformStatus['isolation'];
}

function renderView({ configuration, urls, isolation }: FunctionView): string {
  const facts = table(
    ['', ''],
    [
      ['arn', configuration.FunctionArn ?? ''],
      ['runtime', `${configuration.Runtime}, handler ${configuration.Handler}`],
      ['state', `${configuration.State}, last update ${configuration.LastUpdateStatus ?? '—'}`],
      [
        'limits',
        `${configuration.MemorySize} MB, ${configuration.Timeout} s, /tmp ${configuration.EphemeralStorage?.Size} MB`,
      ],
      ['code', `${configuration.CodeSize} bytes, sha256 ${configuration.CodeSha256}`],
      ['log group', configuration.LoggingConfig?.LogGroup ?? ''],
      ...urls.map((url) => {
        const alias = url.FunctionArn?.split(':')[7];
        return [alias === undefined ? 'url' : `url of ${alias}`, `${url.FunctionUrl} (${url.AuthType})`];
      }),
      ['isolation', isolation.grade],
    ],
  ).trimStart();
  return `${facts}\n\n${colours.bold('In force around its sandboxes')}\n${protectionRows(isolation.protections)}`;
}

export const functions = defineCommand({
  command: 'functions [name]',
  describe: 'List the functions of an account, or show one and the isolation in force',
  builder: (command) =>
    connectionOptions(command)
      .positional('name', { type: 'string', describe: 'show this one' })
      .example('hearth functions', 'one line a function')
      .example('hearth functions hello', 'its configuration, and what isolates it')
      .example('hearth functions --json | jq -r .[].FunctionName', 'names, for a program'),
  handler: async (options) => {
    const terminal = new Terminal(options.json);
    const connection = connect(options);
    const client = await lambdaClient(connection);
    if (options.name === undefined) {
      terminal.result(await list(client), renderList);
    } else {
      const { GetFunctionConfigurationCommand } = await import('@aws-sdk/client-lambda');
      const { $metadata: _, ...configuration } = await client
        .send(new GetFunctionConfigurationCommand({ FunctionName: options.name }))
        .catch((error: Error) => {
          throw new CommandError(`${error.name}: ${error.message}`);
        });
      const urls = await urlsOf(client, options.name);
      const { isolation } = await getAdmin<PlatformStatus>(connection, '/_hearth/status');
      terminal.result<FunctionView>({ configuration, urls, isolation }, renderView);
    }
    client.destroy();
  },
});
