import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { caller, nowMs, TestLogs } from './testlogs.js';

const id = '8f5c1d2e-0000-4000-8000-000000000001';

describe('results of queries', { timeout: 120_000 }, () => {
  const logs = new TestLogs();
  after(() => logs.remove());

  it('without fields: time and message, latest first, with a pointer; statistics count events and bytes', async () => {
    logs.write('plain', ['one', 'two', 'three']);
    const { rows, statistics } = await logs.ask('plain', 'filter @message like "t"');
    assert.deepEqual(rows, [
      { '@timestamp': '2024-11-22 02:17:24.000', '@message': 'three' },
      { '@timestamp': '2024-11-22 02:17:23.000', '@message': 'two' },
    ]);
    assert.deepEqual([statistics.recordsScanned, statistics.recordsMatched, statistics.logGroupsScanned], [3, 2, 1]);
    assert.equal(statistics.bytesScanned, logs.store.group(caller, 'plain')!.storedBytes);
    const raw = await logs.api.StartQuery(caller, {
      logGroupName: 'plain',
      queryString: 'limit 1',
      startTime: 0,
      endTime: 1,
    });
    assert.ok(raw.ok);
  });

  it('the range of time is inclusive, in seconds or milliseconds', async () => {
    const seconds = nowMs / 1000;
    const count = async (startTime: number, endTime: number) =>
      (await logs.ask('plain', 'stats count()', { startTime, endTime })).rows[0]?.['count()'];
    assert.equal(await count(seconds, seconds + 1), '2');
    assert.equal(await count(nowMs + 1, nowMs + 2000), '2');
    assert.equal(await count(seconds + 3, seconds + 9), undefined);
  });

  it('of one millisecond the event written last comes first; limits of query and request', async () => {
    const writer = logs.store.open(caller, 'same', 's');
    for (const text of ['a', 'b', 'c']) writer.append(nowMs, text);
    assert.deepEqual(await logs.column('same', 'fields @message'), ['c', 'b', 'a']);
    assert.deepEqual(await logs.column('same', 'fields @message | limit 2'), ['c', 'b']);
    assert.equal((await logs.ask('same', 'fields @message | limit 2', { limit: 1 })).rows.length, 1);
  });

  it('discovers JSON: nested, in arrays, with true as 1, only the first fragment of a line', async () => {
    logs.write('json', [
      '{"a":{"b":[{"c":"deep"},true]},"on":false,"none":null,"text":"true","x-y":7,"n":1e2}',
      'INFO {"status":200,"user":"ann"} done {"status":500}',
      'no { json } here',
    ]);
    const { rows } = await logs.ask(
      'json',
      'fields a.b.0.c, a.b.1, on, none, text, `x-y`, n + 1 as m, status, user, @message.user | sort @timestamp asc',
    );
    assert.deepEqual(rows, [
      { 'a.b.0.c': 'deep', 'a.b.1': '1', on: '0', text: 'true', 'x-y': '7', m: '101' },
      { status: '200', user: 'ann', '@message.user': 'ann' },
      {},
    ]);
  });

  it('discovers what Node prints of an object and Python of a dict', async () => {
    logs.write('literals', [
      `2024-11-22T00:00:00.000Z\t${id}\tINFO\t{ p: true, text: 'a, b: "c"', at: 2024-01-01T00:00:00.000Z, big: 10n, u: undefined }`,
      "{'p': False, 'text': \"it's\", 'none': None, 'list': [1, {'x': True}]}\n",
      '{p: True}\n',
      "{\n  p: false,\n  text: 'it\\'s',\n  nested: { deep: { deeper: -1.5 } }\n}",
      '{ p: tru',
    ]);
    const { rows } = await logs.ask(
      'literals',
      'fields p, text, at, big, u, none, list.1.x, nested.deep.deeper | sort @timestamp asc',
    );
    assert.deepEqual(rows, [
      { p: '1', text: 'a, b: "c"', at: '2024-01-01T00:00:00.000Z', big: '10' },
      { p: '0', text: "it's", 'list.1.x': '1' },
      { p: '1' },
      { p: '0', text: "it's", 'nested.deep.deeper': '-1.5' },
      {},
    ]);
  });

  it('what a function logged is found in Lambda’s JSON lines, too', async () => {
    const line = (message: unknown) => `${JSON.stringify({ timestamp: 't', level: 'INFO', requestId: id, message })}\n`;
    logs.write('lambdajson', [
      line({ p: true, level: 'own' }),
      line("{'p': False}"),
      line('words'),
      '{"message":{"p":5}}',
    ]);
    const { rows } = await logs.ask(
      'lambdajson',
      'fields p, level, message.p, @requestId = "x" as same | sort @timestamp asc',
    );
    assert.deepEqual(rows, [
      { p: '1', level: 'INFO', 'message.p': '1', same: '0' },
      { p: '0', level: 'INFO', same: '0' },
      { level: 'INFO', same: '0' },
      { 'message.p': '5', same: '0' },
    ]);
  });

  it('compares numbers as numbers and texts as texts; nothing is true of what is missing', async () => {
    logs.write('values', ['{"v":9}', '{"v":"10"}', '{"v":"abc"}', '{"v":"1_0"}', '{"w":1}', '{"v":"nan"}']);
    const matching = async (condition: string) =>
      (await logs.column('values', `filter ${condition} | fields v | sort @timestamp asc`)).join();
    assert.equal(await matching('v < 10'), '9');
    assert.equal(await matching('v >= 9'), '9,10');
    assert.equal(await matching('v = 10.0'), '10');
    assert.equal(await matching('v == "10"'), '10');
    assert.equal(await matching('v != 10'), '9,abc,1_0,nan');
    assert.equal(await matching('v > "aaa"'), 'abc,nan');
    assert.equal(await matching('v in [9, "abc"]'), '9,abc');
    assert.equal(await matching('v not in [9, "abc"]'), '10,1_0,nan');
    assert.equal(await matching('ispresent(v) and not (v = 9 or v like "b")'), '10,1_0,nan');
    assert.equal(await matching('not ispresent(v)'), '');
    assert.equal((await logs.ask('values', 'filter not ispresent(v)')).rows.length, 1);
    assert.equal((await logs.ask('values', 'filter not (v = 9)')).rows.length, 5);
    assert.equal(await matching('v not like /\\d/'), 'abc,nan');
    assert.equal(await matching('v =~ /(?i)^A.C$/'), 'abc');
  });

  it('arithmetic and functions', async () => {
    logs.write('one', ['{"s":"xyZfooxyZ","n":-2.5,"blank":"  ","empty":""}']);
    const expected: Record<string, string | null> = {
      '2 + 3 * 4 ^ 2 - -1': '51',
      '7 % 4 + 1 / 8': '3.125',
      '1 / 0': null,
      '1 / 3': '0.3333',
      'n / 100000': '-2.5e-05',
      'abs(n)': '2.5',
      'ceil(n)': '-2',
      'floor(n)': '-3',
      'sqrt(n)': null,
      'sqrt(16)': '4',
      'log(0)': null,
      'log(1)': '0',
      'greatest(1, n, 3)': '3',
      'least(1, n, 3)': '-2.5',
      'ispresent(s)': '1',
      'ispresent(t)': '0',
      'isempty(empty)': '1',
      'isempty(t)': '1',
      'isblank(blank)': '1',
      'isempty(blank)': '0',
      'coalesce(t, s, "z")': 'xyZfooxyZ',
      'concat(s, "-", n)': 'xyZfooxyZ--2.5',
      'trim(s, "xyZ")': 'foo',
      'ltrim(s, "xyZ")': 'fooxyZ',
      'rtrim(s, "xyZ")': 'xyZfoo',
      'trim(blank)': '',
      'strlen(s)': '9',
      'toupper(s)': 'XYZFOOXYZ',
      'tolower(s)': 'xyzfooxyz',
      'substr(s, 3, 3)': 'foo',
      'substr(s, 6)': 'xyZ',
      'replace(s, "xyZ", "")': 'foo',
      'strcontains(s, "foo")': '1',
      'datefloor(@timestamp, 1h)': '2024-11-22 02:00:00.000',
      'dateceil(@timestamp, 1d)': '2024-11-23 00:00:00.000',
      'datefloor(@timestamp, 1mo)': '2024-11-01 00:00:00.000',
      'dateceil(@timestamp, 1y)': '2025-01-01 00:00:00.000',
      'bin(5m)': '2024-11-22 02:15:00.000',
      'fromMillis(0)': '1970-01-01 00:00:00.000',
      'toMillis(@timestamp)': String(nowMs),
      'now()': String(nowMs / 1000),
      '@timestamp > "2024-11-22 02:17:21"': '1',
      'not n = -2.5 or "a" < "b" and true = 1': '1',
    };
    const columns = Object.keys(expected).map((text, i) => `${text} as f${i}`);
    const { rows } = await logs.ask('one', `fields ${columns.join(', ')}`);
    const found = Object.keys(expected).map((text, i) => [text, rows[0]![`f${i}`] ?? null]);
    assert.deepEqual(Object.fromEntries(found), expected);
  });

  it('parse: globs, named and unnamed groups, from other fields; no match has no value', async () => {
    logs.write('parse', ['user=ann, method:GET, latency := 12', 'user=bob, method:, latency := 7\n', 'other']);
    const glob = await logs.ask(
      'parse',
      'parse @message "user=*, method:*, latency := *" as @user, @method, @latency | display @user, @method, @latency | sort @timestamp asc',
    );
    assert.deepEqual(glob.rows, [
      { '@user': 'ann', '@method': 'GET', '@latency': '12' },
      { '@user': 'bob', '@method': '', '@latency': '7' },
      {},
    ]);
    const named = await logs.ask(
      'parse',
      'parse /user=(?<u>\\w+), (method:(?<m>\\w+))?/ | parse u /(.)(.*)/ as head, tail | fields u | filter ispresent(u) | sort u asc',
    );
    assert.deepEqual(named.rows, [
      { u: 'ann', m: 'GET', head: 'a', tail: 'nn' },
      { u: 'bob', head: 'b', tail: 'ob' },
    ]);
    assert.deepEqual(
      (await logs.ask('parse', 'parse "latency := *" as l | stats avg(l), max(l), min(@message)')).rows,
      [{ 'avg(l)': '9.5', 'max(l)': '12', 'min(@message)': 'other' }],
    );
  });

  it('stats: the usual functions, by fields and periods, of each other, and twice', async () => {
    logs.write(
      'stats',
      [1, 2, 3, 4, 10].map((n) => JSON.stringify({ n, kind: n % 2 === 0 ? 'even' : 'odd', word: `w${n}` })),
    );
    const all = await logs.ask(
      'stats',
      'stats count(*), count(none), sum(n) as total, avg(n), min(n), max(n), median(n), pct(n, 75), stddev(n), count_distinct(kind), earliest(word), latest(word), sortsFirst(word), sortsLast(word), total / count() as mean',
    );
    assert.deepEqual(all.rows, [
      {
        'count(*)': '5',
        'count(none)': '0',
        total: '20',
        'avg(n)': '4',
        'min(n)': '1',
        'max(n)': '10',
        'median(n)': '3',
        'pct(n, 75)': '4',
        'stddev(n)': '3.5355',
        'count_distinct(kind)': '2',
        'earliest(word)': 'w1',
        'latest(word)': 'w10',
        'sortsFirst(word)': 'w1',
        'sortsLast(word)': 'w10',
        mean: '4',
      },
    ]);
    const binned = await logs.ask('stats', 'stats sum(n) as s by bin(2s) as t, kind | sort t asc, s desc');
    assert.deepEqual(binned.rows, [
      { t: '2024-11-22 02:17:22.000', kind: 'even', s: '2' },
      { t: '2024-11-22 02:17:22.000', kind: 'odd', s: '1' },
      { t: '2024-11-22 02:17:24.000', kind: 'even', s: '4' },
      { t: '2024-11-22 02:17:24.000', kind: 'odd', s: '3' },
      { t: '2024-11-22 02:17:26.000', kind: 'even', s: '10' },
    ]);
    const twice = await logs.ask(
      'stats',
      'stats sum(n) as s by kind | filter s > 5 | stats max(s), count() | display `max(s)`',
    );
    assert.deepEqual(twice.rows, [{ 'max(s)': '16' }]);
    const named = await logs.ask(
      'stats',
      'stats count(*) by kind | sort count(*) desc | limit 1 | fields count(*) * 10 as tens',
    );
    assert.deepEqual(
      named.rows,
      [{ kind: 'odd', 'count(*)': '3', tens: '30' }].map(({ kind: _, ...rest }) => ({
        kind: named.rows[0]!.kind,
        ...rest,
      })),
    );
    assert.deepEqual((await logs.ask('stats', 'filter n > 99 | stats count()')).rows, []);
    assert.equal(
      (await logs.ask('stats', 'filter n > 2 | stats count() by kind | limit 1')).statistics.recordsMatched,
      3,
    );
  });

  it('sort: texts before numbers, texts by their runs of digits, what is missing last', async () => {
    const texts = ['#', '*%04', '0#', '5A', '111A', '2345_', '@', '@_', 'A', 'A9876fghj', 'a12345hfh'];
    const numbers = ['0', '01', '1', '2', '10'];
    const shuffled = [...numbers, ...texts].sort((a, b) => b.length - a.length || (a < b ? 1 : -1));
    logs.write('sort', [...shuffled.map((v) => JSON.stringify({ v })), '{"w":1}']);
    const ascending = await logs.column('sort', 'fields v | sort v asc', 'v');
    assert.deepEqual(
      ascending.filter((v) => v !== '01' && v !== '1'),
      [...texts, '0', '2', '10', null],
    );
    const descending = await logs.column('sort', 'fields v | sort v desc | limit 3', 'v');
    assert.deepEqual(descending, ['10', '2', descending[2]!]);
  });

  it('dedup keeps the first in the order of the query, and rows without a value', async () => {
    logs.write('dedup', ['{"k":"a","n":1}', '{"k":"b","n":2}', '{"k":"a","n":3}', '{"n":4}', '{"n":5}']);
    assert.deepEqual(await logs.column('dedup', 'fields n, k | dedup k', 'n'), ['5', '4', '3', '2']);
    assert.deepEqual(await logs.column('dedup', 'fields n, k | sort n asc | dedup k | limit 2', 'n'), ['1', '2']);
    assert.equal((await logs.ask('dedup', 'fields n | dedup k')).statistics.recordsMatched, 5);
  });

  it('display wins over fields, the last one of several; aliases and expressions are columns', async () => {
    logs.write('display', ['{"a":1,"b":"x"}']);
    assert.deepEqual(
      (await logs.ask('display', 'fields a, b, a + 1 as c | display b | display c, b = "x" as isX, upper')).rows,
      [{ c: '2', isX: '1' }],
    );
    assert.deepEqual((await logs.ask('display', 'fields a as first, first * 2 | fields b')).rows, [
      { first: '1', 'first * 2': '2', b: 'x' },
    ]);
  });

  it('damaged lines are left out; several groups are one; expired events are not seen', async () => {
    logs.write('/first', ['a', 'b']);
    logs.write('/second', ['c']);
    const { rows, statistics } = await logs.ask('/first', 'stats count() by @log | sort @log', {
      logGroupName: undefined,
      logGroupIdentifiers: ['/first', `arn:aws:logs:us-east-1:${caller.account}:log-group:/second`],
    });
    assert.deepEqual(rows, [
      { '@log': `${caller.account}:/first`, 'count()': '2' },
      { '@log': `${caller.account}:/second`, 'count()': '1' },
    ]);
    assert.equal(statistics.logGroupsScanned, 2);
    const writer = logs.store.open(caller, 'kept', 's');
    writer.append(nowMs - 3 * 86_400_000, 'old');
    writer.append(nowMs, 'new');
    await logs.api.PutRetentionPolicy(caller, { logGroupName: 'kept', retentionInDays: 1 });
    assert.deepEqual(await logs.column('kept', 'fields @message'), ['new']);
  });

  it('half a character that a client puts is replaced, and the event is found', async () => {
    await logs.api.CreateLogGroup(caller, { logGroupName: 'put' });
    await logs.api.CreateLogStream(caller, { logGroupName: 'put', logStreamName: 's' });
    const logEvents = [{ timestamp: nowMs, message: 'half \ud83d whole 😀' }];
    assert.ok((await logs.api.PutLogEvents(caller, { logGroupName: 'put', logStreamName: 's', logEvents })).ok);
    assert.deepEqual(await logs.column('put', 'fields @message'), ['half \ufffd whole 😀']);
  });

  it('whatever a query quotes is text: nothing of it becomes SQL', async () => {
    const hostile = [
      "'",
      "''",
      "'; DROP TABLE x; --",
      "' || (SELECT 1) || '",
      '\u0000',
      '\u0000fields',
      '\u0000events',
      '$1',
      '"',
      '`',
      '%_',
      '\\',
      '*/',
      '{{',
      'é😀',
    ];
    logs.write(
      'hostile',
      hostile.map((text) => JSON.stringify({ text })),
    );
    for (const [i, text] of hostile.entries()) {
      const literal = `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
      const { rows } = await logs.ask(
        'hostile',
        `filter text = ${literal} or text like ${literal} and strlen(text) = ${text.length} | fields text, ${literal} as same | sort @timestamp asc`,
      );
      assert.ok(
        rows.some((row) => row.text === text && row.same === text),
        `${i}: ${JSON.stringify([text, rows])}`,
      );
    }
    for (const name of ["a'b", 'a"b', "'] , x", 'a/b~c', '$.*']) {
      logs.write(`named${hostile.length}`, [JSON.stringify({ [name]: 'found' })]);
      const found = await logs.column(`named${hostile.length}`, `fields \`${name}\` | filter ispresent(\`${name}\`)`);
      assert.ok(found.includes('found'), name);
    }
  });
});
