import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Analytics, AnalyticsError } from '../../kernel/ports/analytics.js';
import { createLogsApi } from '../logsoperations.js';
import type { InsightsOptions } from './queries.js';
import { caller, nowMs, TestLogs } from './testlogs.js';

const asked = { logGroupName: 'g', queryString: 'fields @message', startTime: 0, endTime: nowMs };

async function within(body: (logs: TestLogs) => Promise<void>, options: Partial<InsightsOptions> = {}): Promise<void> {
  const logs = new TestLogs(options);
  logs.write('g', ['one', 'two']);
  try {
    await body(logs);
  } finally {
    await logs.remove();
  }
}

async function start(logs: TestLogs, more: object = {}): Promise<string> {
  const started = await logs.api.StartQuery(caller, { ...asked, ...more });
  assert.ok(started.ok, JSON.stringify(started));
  return (started.value as { readonly queryId: string }).queryId;
}

async function status(logs: TestLogs, queryId: string): Promise<string> {
  const answer = await logs.api.GetQueryResults(caller, { queryId });
  assert.ok(answer.ok);
  return (answer.value as { readonly status: string }).status;
}

async function refusal(logs: TestLogs, more: object): Promise<string> {
  const answer = await logs.api.StartQuery(caller, { ...asked, ...more });
  assert.ok(!answer.ok);
  return `${answer.failure.code}: ${answer.failure.message}`;
}

/** Never answers until it is told to stop. */
const patient: Analytics = {
  query: ({ signal }) =>
    new Promise((_, reject) => {
      const end = () => reject(new AnalyticsError('cancelled', 'cancelled'));
      signal.addEventListener('abort', end, { once: true });
    }),
  close: async () => {},
};

test('StartQuery refuses what the service refuses, before anything is read', () =>
  within(async (logs) => {
    assert.match(await refusal(logs, { logGroupName: undefined }), /^InvalidParameterException: Exactly one/);
    assert.match(await refusal(logs, { logGroupNames: ['g'] }), /^InvalidParameterException: Exactly one/);
    assert.match(
      await refusal(logs, { logGroupName: undefined, logGroupNames: Array(51).fill('g') }),
      /^Invalid.* at 'logGroupNames'/,
    );
    assert.match(
      await refusal(logs, { logGroupName: 'other' }),
      /^ResourceNotFoundException: Log group 'other' does not exist for account ID '000000000000'$/,
    );
    assert.match(await refusal(logs, { queryString: 'x'.repeat(10_001) }), /length less than or equal to 10000/);
    assert.match(await refusal(logs, { limit: 10_001 }), /less than or equal to 10000/);
    assert.match(await refusal(logs, { startTime: 5, endTime: 3 }), /^InvalidParameterException: The start time/);
    assert.match(await refusal(logs, { queryLanguage: 'SQL' }), /^InvalidParameterException: The query language SQL/);
    assert.match(
      await refusal(logs, { queryString: 'nonsense' }),
      /^MalformedQueryException: unexpected symbol found nonsense/,
    );
    assert.match(
      await refusal(logs, { queryString: undefined, endTime: undefined }),
      /^InvalidParameterException: 2 validation errors/,
    );
    const { queries } = logs;
    assert.deepEqual(queries.list(caller), []);
  }));

test('a query that would read too much, and one too many at once, are LimitExceededException', () =>
  within(
    async (logs) => {
      logs.write('large', ['x'.repeat(1_000)]);
      assert.match(
        await refusal(logs, { logGroupName: 'large' }),
        /^LimitExceededException: The query would read 1\d\d\d bytes, and may read 500\./,
      );
      const first = await start(logs);
      assert.match(await refusal(logs, {}), /^LimitExceededException: Account maximum query concurrency/);
      assert.equal(await status(logs, first), 'Running');
      assert.ok((await logs.api.StopQuery(caller, { queryId: first })).ok);
      assert.equal(await status(logs, first), 'Cancelled');
      const again = await logs.api.StopQuery(caller, { queryId: first });
      assert.deepEqual(again, {
        ok: false,
        failure: { code: 'InvalidParameterException', message: `The query ${first} is not running.` },
      });
      await start(logs);
    },
    { analytics: patient, scanBytesMax: 500, queriesMax: 1 },
  ));

test('with the real engine: the deadline ends a query as Timeout, a stop as Cancelled, and the next one runs', () =>
  within(
    async (logs) => {
      logs.write(
        'g',
        Array.from({ length: 3_000 }, (_, i) => `{ n: ${i}, text: 'a, b', more: [1, 2, { x: true }] }`),
      );
      const slow = 'fields n, text, more.2.x | stats count_distinct(text) by n, more.2.x';
      const late = await start(logs, { queryString: slow });
      while ((await status(logs, late)) === 'Running') await new Promise((resolve) => setTimeout(resolve, 1));
      assert.equal(await status(logs, late), 'Timeout');
      const stopped = await start(logs, { queryString: slow });
      await logs.api.StopQuery(caller, { queryId: stopped });
      assert.equal(await status(logs, stopped), 'Cancelled');
      assert.deepEqual(logs.failures, []);
    },
    { runMsMax: 1 },
  ));

test('the answer has as many rows as asked for, at most', () =>
  within(async (logs) => {
    logs.write(
      'many',
      Array.from({ length: 10_050 }, (_, i) => String(i)),
    );
    const { rows, statistics } = await logs.ask('many', 'fields @message | sort @timestamp desc');
    assert.deepEqual([rows.length, rows[0]?.['@message'], statistics.recordsMatched], [10_000, '10049', 10_050]);
    assert.equal((await logs.ask('many', 'fields @message', { limit: 3 })).rows.length, 3);
  }));

test('DescribeQueries: by group and state, in pages; each account its own', () =>
  within(async (logs) => {
    logs.write('h', ['x']);
    const [one, two, three] = [await start(logs), await start(logs, { logGroupName: 'h' }), await start(logs)];
    for (const id of [one, two, three]) {
      while (!['Complete'].includes(await status(logs, id))) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const describe = async (input: object, from = caller) => {
      const answer = await logs.api.DescribeQueries(from, input);
      assert.ok(answer.ok, JSON.stringify(answer));
      return answer.value as { readonly queries: readonly { readonly queryId: string }[]; readonly nextToken?: string };
    };
    const ids = async (input: object) => (await describe(input)).queries.map(({ queryId }) => queryId);
    assert.deepEqual(await ids({}), [three, two, one]);
    assert.deepEqual(await ids({ logGroupName: 'h' }), [two]);
    assert.deepEqual(await ids({ status: 'Running' }), []);
    const page = await describe({ maxResults: 2 });
    assert.equal(page.queries.length, 2);
    assert.deepEqual(await ids({ maxResults: 2, nextToken: page.nextToken }), [one]);
    assert.deepEqual((await describe({}, { ...caller, account: '111111111111' as never })).queries, []);
    const theirs = await logs.api.GetQueryResults({ ...caller, account: '111111111111' as never }, { queryId: one });
    assert.ok(!theirs.ok && theirs.failure.code === 'ResourceNotFoundException');
    for (const nextToken of ['x', 'LTE', 'MS41']) {
      const bad = await logs.api.DescribeQueries(caller, { nextToken });
      assert.ok(!bad.ok && bad.failure.code === 'InvalidParameterException');
    }
  }));

test('an engine that cannot be had fails queries and says why; without one none is taken', async () => {
  const reason = new AnalyticsError('unavailable', 'DuckDB cannot be loaded on this machine');
  const analytics: Analytics = { query: () => Promise.reject(reason), close: async () => {} };
  await within(
    async (logs) => {
      const id = await start(logs);
      while ((await status(logs, id)) === 'Running') await new Promise((resolve) => setTimeout(resolve, 1));
      assert.equal(await status(logs, id), 'Failed');
      assert.deepEqual(logs.failures, [reason]);
      const bare = createLogsApi(logs.store);
      const refused = await bare.StartQuery(caller, asked);
      assert.ok(!refused.ok && refused.failure.code === 'InvalidOperationException');
      assert.ok((await bare.DescribeQueries(caller, {})).ok);
    },
    { analytics },
  );
});

test('a segment that goes while it is to be read: the rest is read', () => {
  let calls = 0;
  const analytics: Analytics = {
    query: async ({ parameters }) => {
      calls += 1;
      if (calls === 1) throw new AnalyticsError('gone', 'No files found');
      return { columns: ['a'], rows: [[String(parameters.length)]], truncated: false };
    },
    close: async () => {},
  };
  return within(
    async (logs) => {
      const id = await start(logs);
      while ((await status(logs, id)) === 'Running') await new Promise((resolve) => setTimeout(resolve, 1));
      assert.deepEqual([await status(logs, id), calls], ['Complete', 3]);
    },
    { analytics },
  );
});
