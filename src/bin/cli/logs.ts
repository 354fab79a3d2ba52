import colours from 'picocolors';
import { ownLogGroup } from '../../wire/functionspec.js';
import { type Connection, connect, lambdaClient, logsClient } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
import { CommandError } from './terminal.js';

/** How often a followed log is asked for news. */
const pollMs = 500;

/** `10m`, `2h`, `1d`, `30s` → milliseconds. */
export function spanMs(text: string): number {
  const match = /^(\d+)(s|m|h|d)$/.exec(text);
  if (match === null) throw new CommandError(`--since takes a number and s, m, h or d (10m, 2h); not '${text}'`);
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 's' | 'm' | 'h' | 'd'];
  return Number(match[1]) * unitMs;
}

/** Where to find a function's log. */
export interface LogPlace {
  readonly group: string;
  /** In the names of the function's streams, where others may write to the group, too; null: all streams are its own. */
  readonly streamPart: string | null;
}

/** Of a function, or of a group as such; that of a deleted function by its usual name. */
export async function logPlaceOf(connection: Connection, name: string): Promise<LogPlace> {
  if (name.startsWith('/')) return { group: name, streamPart: null };
  const usual = { group: ownLogGroup(name), streamPart: null };
  const { GetFunctionConfigurationCommand } = await import('@aws-sdk/client-lambda');
  const client = await lambdaClient(connection);
  try {
    const found = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    const functionName = found.FunctionName as string;
    const own = ownLogGroup(functionName);
    const group = found.LoggingConfig?.LogGroup ?? own;
    return { group, streamPart: group === own ? null : `/${functionName}[` };
  } catch (error) {
    // Not a function, or not a name of one: the search for its group says the rest.
    if (['ResourceNotFoundException', 'ValidationException'].includes((error as Error).name)) return usual;
    throw new CommandError(`${(error as Error).name}: ${(error as Error).message}`);
  } finally {
    client.destroy();
  }
}

export const logs = defineCommand({
  command: 'logs <function>',
  describe: 'Show a function’s log',
  builder: (command) =>
    connectionOptions(command)
      .positional('function', { type: 'string', demandOption: true, describe: 'function name, or a log group' })
      .option('follow', { alias: 'f', type: 'boolean', default: false, describe: 'go on with new events' })
      .option('since', { type: 'string', default: '10m', describe: 'how far back: 30s, 10m, 2h, 1d' })
      .option('filter', { type: 'string', describe: 'CloudWatch Logs filter pattern' })
      .example('hearth logs hello -f', 'follow')
      .example(`hearth logs hello --since 1h --filter '"Task timed out"'`, 'find timeouts of the last hour'),
  handler: async (options) => {
    const { FilterLogEventsCommand } = await import('@aws-sdk/client-cloudwatch-logs');
    const connection = connect(options);
    const client = await logsClient(connection);
    const { group, streamPart } = await logPlaceOf(connection, options.function);
    let startTime = Date.now() - spanMs(options.since);
    // Events of the newest millisecond seen, so that asking again from it repeats none.
    let seen = new Set<string>();
    for (;;) {
      let nextToken: string | undefined;
      do {
        const page = await client
          .send(
            new FilterLogEventsCommand({
              logGroupName: group,
              startTime,
              ...(options.filter === undefined ? {} : { filterPattern: options.filter }),
              ...(nextToken === undefined ? {} : { nextToken }),
            }),
          )
          .catch((error: Error) => {
            if (options.follow && error.name === 'ResourceNotFoundException')
              return { events: [], nextToken: undefined };
            throw new CommandError(`${error.name}: ${error.message}`);
          });
        for (const event of page.events ?? []) {
          if (seen.has(event.eventId ?? '')) continue;
          if (streamPart !== null && !event.logStreamName?.includes(streamPart)) continue;
          const timestamp = event.timestamp ?? 0;
          if (timestamp > startTime) {
            startTime = timestamp;
            seen = new Set();
          }
          seen.add(event.eventId ?? '');
          const text = (event.message ?? '').trimEnd();
          process.stdout.write(
            options.json
              ? `${JSON.stringify(event)}\n`
              : `${colours.dim(new Date(timestamp).toISOString().slice(11, 23))} ${text}\n`,
          );
        }
        nextToken = page.nextToken;
      } while (nextToken !== undefined);
      if (!options.follow) break;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    client.destroy();
  },
});
