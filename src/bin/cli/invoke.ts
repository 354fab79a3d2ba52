import { readFileSync } from 'node:fs';
import colours from 'picocolors';
import type { WhyReport } from '../../observe/invocations/why.js';
import { type Connection, connect, lambdaClient } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
import { CommandError, Terminal } from './terminal.js';
import { whyOf } from './why.js';
import { whyView } from './whyview.js';

function payloadOf(options: { file?: string | undefined; payload?: string | undefined }): Uint8Array {
  if (options.file !== undefined) return readFileSync(options.file === '-' ? 0 : options.file);
  return Buffer.from(options.payload ?? '{}');
}

/** It is recorded after its answer: in the next turn of the platform's event loop, unless that is busy. */
const recordMsMax = 2_000;

async function recorded(connection: Connection, requestId: string | undefined): Promise<WhyReport | null> {
  if (requestId === undefined) return null;
  const deadlineMs = performance.now() + recordMsMax;
  for (;;) {
    const report = await whyOf(connection, requestId);
    if (report !== null || performance.now() > deadlineMs) return report;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function columns(): number {
  return process.stderr.columns ?? 100;
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
      .option('why', { type: 'boolean', default: false, describe: 'show where its time went, as hearth why does' })
      .conflicts('file', 'payload')
      .example(`hearth invoke hello '{"name":"you"}'`, 'result on standard output, log on standard error')
      .example('hearth invoke hello --why', 'with a waterfall: waiting, start of the sandbox, init, handler, response')
      .epilogue('Exit status: 0 success, 1 refused, 2 the function reported an error.'),
  handler: async (options) => {
    const terminal = new Terminal(options.json);
    const { InvokeCommand } = await import('@aws-sdk/client-lambda');
    if (options.why && options.event) {
      throw new CommandError('--why tells of what is over; with --event use hearth why REQUEST_ID later', 64);
    }
    const connection = connect(options);
    const client = await lambdaClient(connection);
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
      .catch(async (error: Error & { readonly $metadata?: { readonly requestId?: string } }) => {
        const report = options.why ? await recorded(connection, error.$metadata?.requestId) : null;
        if (report !== null) terminal.note(whyView(report, columns()));
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
      requestId: answer.$metadata.requestId ?? null,
    };
    const report = options.why ? await recorded(connection, result.requestId ?? undefined) : null;
    if (log !== null) terminal.note(colours.dim(log.trimEnd()));
    if (options.event) terminal.note(`Accepted as ${result.requestId}; it runs in the background.`);
    terminal.result(options.why ? { ...result, why: report } : result, () => result.payload);
    if (report !== null) terminal.note(`\n${whyView(report, columns())}`);
    else if (options.why) terminal.note(`Invocation ${result.requestId} is not remembered.`);
    if (result.functionError !== null) process.exitCode = 2;
  },
});
