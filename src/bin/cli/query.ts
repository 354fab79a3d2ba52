import type { CloudWatchLogsClient, QueryStatistics } from '@aws-sdk/client-cloudwatch-logs';
import { connect, logsClient } from './client.js';
import { logPlaceOf, spanMs } from './logs.js';
import { connectionOptions, defineCommand } from './options.js';
import { barsView, faultView, type Row, tableView } from './queryview.js';
import { CommandError, Terminal } from './terminal.js';

/** How often a query is asked whether it is over; it may wait for others, so the command has patience. */
const pollMs = 100;
const waitMsMax = 10 * 60_000;

interface Answer {
  readonly status: string;
  readonly rows: readonly Row[];
  readonly statistics: QueryStatistics;
}

async function start(client: CloudWatchLogsClient, groups: readonly string[], query: string, sinceMs: number) {
  const { StartQueryCommand } = await import('@aws-sdk/client-cloudwatch-logs');
  const nowMs = Date.now();
  try {
    const asked = {
      logGroupNames: [...groups],
      queryString: query,
      startTime: Math.floor((nowMs - sinceMs) / 1000),
      endTime: Math.ceil(nowMs / 1000),
    };
    return (await client.send(new StartQueryCommand(asked))).queryId ?? '';
  } catch (error) {
    const { name, message, queryCompileError } = error as Error & {
      readonly queryCompileError?: { location?: { startCharOffset?: number; endCharOffset?: number } };
    };
    const { startCharOffset, endCharOffset = 0 } = queryCompileError?.location ?? {};
    const place = startCharOffset === undefined ? '' : `\n${faultView(query, startCharOffset, endCharOffset)}`;
    throw new CommandError(`${name}: ${message}${place}`);
  }
}

async function wait(client: CloudWatchLogsClient, queryId: string): Promise<Answer> {
  const { GetQueryResultsCommand } = await import('@aws-sdk/client-cloudwatch-logs');
  const endMs = Date.now() + waitMsMax;
  for (;;) {
    const {
      status = 'Unknown',
      results = [],
      statistics = {},
    } = await client.send(new GetQueryResultsCommand({ queryId }));
    if (status !== 'Scheduled' && status !== 'Running') {
      const rows = results.map((row) => new Map(row.map(({ field = '', value = '' }) => [field, value])));
      return { status, rows, statistics };
    }
    if (Date.now() > endMs) throw new CommandError('The query has not ended in ten minutes.');
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function remark({ statistics }: Answer, shown: number): string {
  const { recordsMatched = 0, recordsScanned = 0, bytesScanned = 0 } = statistics;
  const megabytes = (bytesScanned / 1e6).toFixed(1);
  return `${shown} rows; ${recordsMatched} of ${recordsScanned} events matched; ${megabytes} MB read`;
}

export const query = defineCommand({
  command: 'query <target> <query>',
  describe: 'Ask the logs of functions in the language of Logs Insights',
  builder: (command) =>
    connectionOptions(command)
      .positional('target', {
        type: 'string',
        demandOption: true,
        describe: 'functions or log groups, separated by commas',
      })
      .positional('query', {
        type: 'string',
        demandOption: true,
        describe: 'fields … | filter … | stats … (docs/insights.md)',
      })
      .option('since', { type: 'string', default: '1h', describe: 'how far back: 30s, 10m, 2h, 1d' })
      .option('view', {
        choices: ['table', 'bars'] as const,
        default: 'table' as const,
        describe: 'how results are shown',
      })
      .example(
        'hearth query hello "filter @type = \'REPORT\' | stats avg(@duration) by bin(1m)" --view bars',
        'durations',
      )
      .example('hearth query a,b "fields @timestamp, @message | filter @message like /ERROR/ | limit 20"', 'errors'),
  handler: async (options) => {
    const connection = connect(options);
    const client = await logsClient(connection);
    const { StopQueryCommand } = await import('@aws-sdk/client-cloudwatch-logs');
    const groups: string[] = [];
    for (const name of options.target.split(',')) groups.push((await logPlaceOf(connection, name.trim())).group);
    const queryId = await start(client, groups, options.query, spanMs(options.since));
    // Who gives up shall not leave it running.
    process.once('SIGINT', () => {
      const end = () => process.exit(130);
      client.send(new StopQueryCommand({ queryId })).then(end, end);
    });
    const answer = await wait(client, queryId).catch((error: Error) => {
      throw error instanceof CommandError ? error : new CommandError(`${error.name}: ${error.message}`);
    });
    client.destroy();
    if (answer.status !== 'Complete') {
      throw new CommandError(`The query ended as ${answer.status}. The platform's standard error may say more.`);
    }
    const terminal = new Terminal(options.json);
    const objects = answer.rows.map((row) => Object.fromEntries(row));
    terminal.result(options.json ? objects : answer.rows, () => {
      if (options.view === 'table') return tableView(answer.rows);
      const bars = barsView(answer.rows, process.stdout.columns ?? 80);
      if (bars === null) throw new CommandError('No column has numbers only: --view bars draws the results of stats.');
      return bars;
    });
    terminal.note(remark(answer, answer.rows.length));
  },
});
