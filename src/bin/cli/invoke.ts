import { readFileSync } from 'node:fs';
import colours from 'picocolors';
import { connect, lambdaClient } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
import { CommandError, Terminal } from './terminal.js';

function payloadOf(options: { file?: string | undefined; payload?: string | undefined }): Uint8Array {
  if (options.file !== undefined) return readFileSync(options.file === '-' ? 0 : options.file);
  return Buffer.from(options.payload ?? '{}');
}

export const invoke = defineCommand({
  command: 'invoke <function> [payload]',
  describe: 'Invoke a function and show its result and log',
  builder: (command) =>
    connectionOptions(command)
      .positional('function', { type: 'string', demandOption: true, describe: 'name, partial ARN or ARN' })
      .positional('payload', { type: 'string', describe: 'JSON text (default {})' })
      .option('file', { type: 'string', describe: 'read the payload from a file, - for standard input' })
      .option('event', { type: 'boolean', default: false, describe: 'asynchronously (InvocationType Event)' })
      .option('qualifier', { type: 'string', describe: 'version or alias' })
      .conflicts('file', 'payload')
      .example(`hearth invoke hello '{"name":"you"}'`, 'result on standard output, log on standard error')
      .epilogue('Exit status: 0 success, 1 refused, 2 the function reported an error.'),
  handler: async (options) => {
    const terminal = new Terminal(options.json);
    const { InvokeCommand } = await import('@aws-sdk/client-lambda');
    const client = await lambdaClient(connect(options));
    const startedMs = performance.now();
    const answer = await client
      .send(
        new InvokeCommand({
          FunctionName: options.function,
          Payload: payloadOf(options),
          ...(options.event ? { InvocationType: 'Event' as const } : { LogType: 'Tail' as const }),
          ...(options.qualifier === undefined ? {} : { Qualifier: options.qualifier }),
        }),
      )
      .catch((error: Error) => {
        throw new CommandError(`${error.name}: ${error.message}`);
      });
    const elapsedMs = performance.now() - startedMs;
    client.destroy();
    const log = answer.LogResult === undefined ? null : Buffer.from(answer.LogResult, 'base64').toString();
    const result = {
      statusCode: answer.StatusCode,
      functionError: answer.FunctionError ?? null,
      executedVersion: answer.ExecutedVersion ?? null,
      payload: Buffer.from(answer.Payload ?? []).toString(),
      log,
      elapsedMs: Math.round(elapsedMs * 100) / 100,
    };
    if (log !== null) terminal.note(colours.dim(log.trimEnd()));
    if (options.event) terminal.note('Accepted; it runs in the background.');
    terminal.result(result, () => result.payload);
    if (result.functionError !== null) process.exitCode = 2;
  },
});
