import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import {
  type CloudWatchLogsClient,
  CreateLogGroupCommand,
  DeleteLogStreamCommand,
  DescribeQueriesCommand,
  GetQueryResultsCommand,
  MalformedQueryException,
  StartQueryCommand,
  type StartQueryCommandInput,
  StopQueryCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import type { LoggingConfig } from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode } from './hearth.js';

/** As published, unchanged. */
const published =
  'fields @timestamp, @message.proactiveInitialization | filter proactiveInitialization == 0 or proactiveInitialization == 1 | stats count() by proactiveInitialization';

/** What the published handlers do: more than ten seconds between loading and the first invocation mean proactive. */
const handlers = {
  node: `const loadedMs = Date.now() - Number(process.env.LOADED_MS_AGO);
    let first = true;
    export const handler = async () => {
      if (first) console.log({ proactiveInitialization: Date.now() - loadedMs > 10_000 });
      first = false;
    };`,
  python: `import os, time
loaded = time.time() - float(os.environ['LOADED_MS_AGO']) / 1000
first = True
def handler(event, context):
    global first
    if first:
        print(f"{{proactiveInitialization: {time.time() - loaded > 10}}}")
    first = False
`,
};

const missingCli = existsSync('/usr/bin/aws') ? false : '/usr/bin/aws is not installed (package awscli)';

describe('Logs Insights', { timeout: 300_000 }, () => {
  let hearth: Hearth;
  let logs: CloudWatchLogsClient;
  let python: string | undefined;
  before(async () => {
    hearth = await Hearth.start();
    logs = hearth.logs();
    const { stdout } = await hearth.cli('runtimes', '--json');
    const runtimes = JSON.parse(stdout) as readonly { readonly name: string; readonly status: string }[];
    python = runtimes.filter(({ name, status }) => name.startsWith('python') && status === 'ready').at(-1)?.name;
  });
  after(() => hearth.remove());

  const nowSeconds = () => Math.ceil(Date.now() / 1000);

  async function results(queryId: string) {
    return eventually(async () => {
      const answer = await logs.send(new GetQueryResultsCommand({ queryId }));
      return answer.status === 'Scheduled' || answer.status === 'Running' ? null : answer;
    }, 'the query to end');
  }

  async function ask(queryString: string, names: readonly string[], more: Partial<StartQueryCommandInput> = {}) {
    const asked = {
      logGroupNames: names.map((name) => `/aws/lambda/${name}`),
      queryString,
      startTime: 0,
      endTime: nowSeconds(),
    };
    const { queryId } = await logs.send(new StartQueryCommand({ ...asked, ...more }));
    const answer = await results(queryId!);
    assert.equal(answer.status, 'Complete');
    const rows = answer.results!.map((row) => Object.fromEntries(row.map(({ field, value }) => [field!, value!])));
    return { rows, answer };
  }

  async function detector(name: string, language: 'node' | 'python', format: 'Text' | 'JSON', msAgo: number) {
    const logging: LoggingConfig = { LogFormat: format };
    const more = { LoggingConfig: logging, Environment: { Variables: { LOADED_MS_AGO: String(msAgo) } } };
    if (language === 'node') {
      await hearth.create(name, ownNode, 'index.handler', { 'index.mjs': handlers.node }, more);
    } else {
      await hearth.create(name, python!, 'index.handler', { 'index.py': handlers.python }, more);
    }
    // Only the first invocation of a sandbox tells.
    for (let i = 0; i < 2; i += 1) assert.equal((await hearth.invoke(name)).functionError, undefined);
  }

  for (const language of ['node', 'python'] as const) {
    for (const format of ['Text', 'JSON'] as const) {
      it(`the published query over a ${language} function that logs ${format}`, async (t) => {
        if (language === 'python' && python === undefined) return t.skip('no Python on this machine');
        const name = `${language}-${format}`;
        await detector(`${name}-late`, language, format, 20_000);
        await detector(`${name}-soon`, language, format, 0);
        const late = await ask(published, [`${name}-late`]);
        assert.deepEqual(late.rows, [{ proactiveInitialization: '1', 'count()': '1' }]);
        const both = await ask(published, [`${name}-late`, `${name}-soon`]);
        assert.deepEqual(both.rows, [
          { proactiveInitialization: '0', 'count()': '1' },
          { proactiveInitialization: '1', 'count()': '1' },
        ]);
        assert.equal(both.answer.statistics?.recordsMatched, 2);
        assert.ok(both.answer.statistics.recordsScanned! > 2);
        assert.ok(both.answer.statistics.bytesScanned! > 0);
        assert.equal(both.answer.statistics.logGroupsScanned, 2);
      });
    }
  }

  it('the same through the official command line', { skip: missingCli }, async () => {
    const good = async (...args: string[]) => {
      const ran = await hearth.aws('logs', ...args);
      assert.equal(ran.status, 0, ran.stderr);
      return JSON.parse(ran.stdout);
    };
    await detector('cli', 'node', 'Text', 20_000);
    const { queryId } = await good(
      'start-query',
      ...['--log-group-name', '/aws/lambda/cli', '--query-string', published],
      ...['--start-time', String(nowSeconds() - 3600), '--end-time', String(nowSeconds())],
    );
    await results(queryId);
    const answer = await good('get-query-results', '--query-id', queryId);
    assert.equal(answer.status, 'Complete');
    assert.deepEqual(answer.results, [
      [
        { field: 'proactiveInitialization', value: '1' },
        { field: 'count()', value: '1' },
      ],
    ]);
    const { queries } = await good('describe-queries', '--log-group-name', '/aws/lambda/cli');
    assert.deepEqual(
      queries.map((one: { queryId: string; status: string; queryString: string }) => [
        one.queryId,
        one.status,
        one.queryString,
      ]),
      [[queryId, 'Complete', published]],
    );
    const stopped = await hearth.aws('logs', 'stop-query', '--query-id', queryId);
    assert.match(stopped.stderr, /InvalidParameterException.*is not running/);
    const malformed = await hearth.aws(
      ...['logs', 'start-query', '--log-group-name', '/aws/lambda/cli', '--query-string', 'fields @message | pick 3'],
      ...['--start-time', '0', '--end-time', '1'],
    );
    assert.match(malformed.stderr, /MalformedQueryException.*unexpected symbol found pick at line 1 and position 19/);
  });

  it('fields of Lambda are the same in both formats', async () => {
    const code = { 'index.mjs': `export const handler = async () => { console.log('hello'); };` };
    for (const LogFormat of ['Text', 'JSON'] as const) {
      const name = `fields-${LogFormat}`;
      await hearth.create(name, ownNode, 'index.handler', code, { LoggingConfig: { LogFormat } });
      await hearth.invoke(name);
      const query = `filter @type = "REPORT" | fields @requestId, @duration, @billedDuration, @initDuration, @memorySize / 1000 / 1000 as mb, @maxMemoryUsed > 0 as used, @log`;
      const { rows } = await ask(query, [name]);
      assert.equal(rows.length, 1);
      const [row] = rows;
      assert.match(row!['@requestId']!, /^[0-9a-f-]{36}$/);
      assert.ok(Number(row!['@duration']) >= 0 && Number(row!['@initDuration']) > 0);
      assert.ok(Number.isInteger(Number(row!['@billedDuration'])));
      assert.equal(row!.mb, '512');
      assert.equal(row!['@log'], `${hearth.credential.account}:/aws/lambda/${name}`);
      const types = await ask('filter ispresent(@type) | stats count() as n by @type | sort @type asc', [name]);
      const wanted =
        LogFormat === 'Text' ? ['END', 'INIT_START', 'REPORT', 'START'] : ['INIT_START', 'REPORT', 'START'];
      assert.deepEqual(
        types.rows.map((one) => one['@type']),
        wanted,
      );
      const own = await ask(`filter @requestId = "${row!['@requestId']}" | stats count()`, [name]);
      assert.equal(own.rows[0]!['count()'], LogFormat === 'Text' ? '4' : '3');
    }
  });

  it('events of a deleted stream are gone, later ones of the same name are there', async () => {
    const code = { 'index.mjs': `export const handler = async ({ n }) => { console.log(JSON.stringify({ n })); };` };
    await hearth.create('deleted', ownNode, 'index.handler', code);
    await hearth.invoke('deleted', { n: 1 });
    const streams = await ask('filter ispresent(n) | fields @logStream, n', ['deleted']);
    assert.equal(streams.rows[0]!.n, '1');
    const logStreamName = streams.rows[0]!['@logStream']!;
    await logs.send(new DeleteLogStreamCommand({ logGroupName: '/aws/lambda/deleted', logStreamName }));
    assert.deepEqual((await ask('fields @message', ['deleted'])).rows, []);
    await hearth.invoke('deleted', { n: 2 });
    const again = await ask('filter ispresent(n) | fields @logStream, n', ['deleted']);
    assert.deepEqual([again.rows.length, again.rows[0]!.n], [1, '2']);
  });

  it('refuses what it cannot answer, in the service’s words', async () => {
    await logs.send(new CreateLogGroupCommand({ logGroupName: '/aws/lambda/empty' }));
    assert.deepEqual((await ask('stats count()', ['empty'])).rows, []);
    await assert.rejects(ask('fields @message', ['none']), {
      name: 'ResourceNotFoundException',
      message: `Log group '/aws/lambda/none' does not exist for account ID '${hearth.credential.account}'`,
    });
    await assert.rejects(ask('fields (1 + | limit 3', ['empty']), (error) => {
      assert.ok(error instanceof MalformedQueryException);
      assert.deepEqual(error.queryCompileError, {
        location: { startCharOffset: 12, endCharOffset: 13 },
        message: 'unexpected symbol found | at line 1 and position 13',
      });
      return true;
    });
    await assert.rejects(
      ask('fields @message', [], { logGroupName: '/aws/lambda/empty', logGroupIdentifiers: ['x'] }),
      {
        name: 'InvalidParameterException',
      },
    );
    for (const command of [GetQueryResultsCommand, StopQueryCommand]) {
      const missing = logs.send(new command({ queryId: '00000000-0000-4000-8000-000000000000' }) as never);
      await assert.rejects(missing, { name: 'ResourceNotFoundException' });
    }
    const { queries } = await logs.send(new DescribeQueriesCommand({ logGroupName: '/aws/lambda/empty' }));
    assert.equal(queries?.length, 1);
  });

  it('hearth query: table, bars, JSON, and the place of a fault', async () => {
    const code = {
      'index.mjs': `export const handler = async ({ n }) => { console.log(JSON.stringify({ n, word: 'w' + n })); };`,
    };
    await hearth.create('shown', ownNode, 'index.handler', code);
    for (const n of [1, 4]) await hearth.invoke('shown', { n });
    const query = 'filter ispresent(n) | stats sum(n) as total by word';
    const table = await hearth.cli('query', 'shown', query);
    assert.equal(table.status, 0, table.stderr);
    assert.match(table.stdout, /^word\s+total\s*\nw1\s+1\s*\nw4\s+4\s*\n$/);
    assert.match(table.stderr, /2 rows; 2 of \d+ events matched/);
    const bars = await hearth.cli('query', 'shown', query, '--view', 'bars');
    const drawn = bars.stdout
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => [...line].filter((c) => c === '█').length);
    assert.ok(drawn.length === 2 && drawn[1]! > 0 && Math.abs(drawn[0]! * 4 - drawn[1]!) <= 4, bars.stdout);
    const json = await hearth.cli('query', 'shown,/aws/lambda/shown', query, '--json');
    assert.deepEqual(JSON.parse(json.stdout), [
      { word: 'w1', total: '1' },
      { word: 'w4', total: '4' },
    ]);
    const faulty = await hearth.cli('query', 'shown', 'stats nothing(n)');
    assert.equal(faulty.status, 1);
    assert.match(faulty.stderr, /unexpected symbol found nothing\(n\) .*\n {2}stats nothing\(n\)\n {8}\^{10}/);
  });
});
