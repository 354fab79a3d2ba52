import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AccountId, Region } from '../kernel/ids.js';
import { dayMs, hourMs } from '../kernel/units.js';
import type { LogsApi, LogsCaller, LogsOperation } from './logsapi.js';
import { createLogsApi } from './logsoperations.js';
import { LogStore } from './logstore.js';

const caller: LogsCaller = { account: '000000000000' as AccountId, region: 'us-east-1' as Region };
const nowMs = 1_732_241_842_000;
const group = { logGroupName: '/aws/lambda/f' };
const stream = { ...group, logStreamName: 's' };
const arn = 'arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f';

function openApi(t: TestContext): { readonly store: LogStore; readonly call: Call; readonly api: LogsApi } {
  const folder = mkdtempSync(join(tmpdir(), 'logsapi-'));
  const store = new LogStore({ folder, clock: { nowMs: () => nowMs }, segmentBytesMax: 3_000 });
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const api = createLogsApi(store);
  return { store, api, call: async (operation, input, as = caller) => unwrap(await api[operation](as, input)) };
}

// biome-ignore lint/suspicious/noExplicitAny: bodies of fifteen operations, looked at member by member
type Body = any;
type Call = (operation: LogsOperation, input: unknown, as?: LogsCaller) => Promise<Body>;

/** The body, or `CODE: message` of the failure. */
function unwrap(result: Awaited<ReturnType<LogsApi[LogsOperation]>>): Body {
  return result.ok ? result.value : `${result.failure.code}: ${result.failure.message}`;
}

test('groups: create, describe with paging, tags, retention, delete', async (t) => {
  const { call } = openApi(t);
  assert.deepEqual(await call('CreateLogGroup', { ...group, tags: { a: '1' } }), {});
  assert.equal(
    await call('CreateLogGroup', group),
    'ResourceAlreadyExistsException: The specified log group already exists',
  );
  for (let i = 0; i < 60; i += 1) await call('CreateLogGroup', { logGroupName: `other-${i}` });
  const described = await call('DescribeLogGroups', { logGroupNamePrefix: '/aws/' });
  assert.deepEqual(described, {
    logGroups: [
      {
        ...group,
        creationTime: nowMs,
        metricFilterCount: 0,
        arn: `${arn}:*`,
        storedBytes: 0,
        logGroupClass: 'STANDARD',
        logGroupArn: arn,
      },
    ],
  });
  const names: string[] = [];
  let nextToken: string | undefined;
  do {
    const page: Body = await call('DescribeLogGroups', { limit: 7, nextToken });
    names.push(...page.logGroups.map((found: Body) => found.logGroupName));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  assert.equal(new Set(names).size, 61);
  assert.deepEqual(names, [...names].sort());
  assert.equal((await call('DescribeLogGroups', {})).logGroups.length, 50);
  assert.equal((await call('DescribeLogGroups', { logGroupNamePattern: 'lambda' })).logGroups.length, 1);
  assert.match(
    await call('DescribeLogGroups', { logGroupNamePattern: 'a', logGroupNamePrefix: 'a' }),
    /mutually exclusive/,
  );
  assert.deepEqual(
    (await call('DescribeLogGroups', {}, { ...caller, account: '111111111111' as AccountId })).logGroups,
    [],
  );
  assert.deepEqual((await call('DescribeLogGroups', {}, { ...caller, region: 'eu-west-1' as Region })).logGroups, []);

  await call('TagResource', { resourceArn: arn, tags: { b: '2' } });
  assert.deepEqual(await call('ListTagsForResource', { resourceArn: arn }), { tags: { a: '1', b: '2' } });
  await call('UntagResource', { resourceArn: arn, tagKeys: ['a'] });
  assert.deepEqual(await call('ListTagsLogGroup', group), { tags: { b: '2' } });
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, '']));
  assert.match(await call('TagResource', { resourceArn: arn, tags: many }), /^TooManyTagsException/);

  await call('PutRetentionPolicy', { ...group, retentionInDays: 7 });
  assert.equal((await call('DescribeLogGroups', { logGroupIdentifiers: [arn] })).logGroups[0].retentionInDays, 7);
  await call('DeleteRetentionPolicy', group);
  assert.equal(
    (await call('DescribeLogGroups', { logGroupNamePrefix: '/aws' })).logGroups[0].retentionInDays,
    undefined,
  );

  assert.deepEqual(await call('DeleteLogGroup', group), {});
  assert.equal(
    await call('DeleteLogGroup', group),
    'ResourceNotFoundException: The specified log group does not exist.',
  );
});

test('bad input is refused in the words of the service', async (t) => {
  const { call } = openApi(t);
  const refusals: [LogsOperation, unknown, string][] = [
    [
      'CreateLogGroup',
      {},
      "InvalidParameterException: 1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null",
    ],
    [
      'CreateLogGroup',
      { logGroupName: '' },
      "InvalidParameterException: 2 validation errors detected: Value '' at 'logGroupName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
    ],
    [
      'CreateLogGroup',
      { logGroupName: 'aws/x' },
      'InvalidParameterException: Log groups starting with AWS/ are reserved for AWS.',
    ],
    ['CreateLogGroup', { logGroupName: 5 }, 'SerializationException: NUMBER_VALUE cannot be converted to String'],
    ['CreateLogGroup', [], 'SerializationException: Start of structure or map found where not expected.'],
    [
      'DescribeLogGroups',
      { limit: 51 },
      "InvalidParameterException: 1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50",
    ],
    ['DescribeLogGroups', { nextToken: 'x' }, 'InvalidParameterException: The specified nextToken is invalid.'],
    [
      'FilterLogEvents',
      { ...group, filterPattern: '(x)' },
      "InvalidParameterException: Invalid character(s) in term '('",
    ],
    ['FilterLogEvents', group, 'ResourceNotFoundException: The specified log group does not exist.'],
    [
      'GetLogEvents',
      { ...stream, nextToken: 'f/1/s' },
      'InvalidParameterException: The specified nextToken is invalid.',
    ],
    [
      'DescribeLogStreams',
      { ...group, orderBy: 'LastEventTime', logStreamNamePrefix: 'a' },
      'InvalidParameterException: Cannot order by LastEventTime with a logStreamNamePrefix.',
    ],
  ];
  for (const [operation, input, text] of refusals) assert.equal(await call(operation, input), text);
  assert.match(
    await call('PutRetentionPolicy', { ...group, retentionInDays: 2 }),
    /Value '2' at 'retentionInDays'.*\[1, 3, 5/,
  );
});

test('streams: create, describe in both orders with paging, delete', async (t) => {
  const { call, store } = openApi(t);
  await call('CreateLogGroup', group);
  assert.deepEqual(await call('CreateLogStream', stream), {});
  assert.equal(
    await call('CreateLogStream', stream),
    'ResourceAlreadyExistsException: The specified log stream already exists',
  );
  assert.deepEqual((await call('DescribeLogStreams', group)).logStreams, [
    { logStreamName: 's', creationTime: nowMs, arn: `${arn}:log-stream:s`, storedBytes: 0 },
  ]);
  for (let i = 0; i < 20; i += 1) store.open(caller, group.logGroupName, `x${i}`).append(nowMs - i * 1_000, 'm');
  const collect = async (input: object): Promise<string[]> => {
    const names: string[] = [];
    let nextToken: string | undefined;
    do {
      const page: Body = await call('DescribeLogStreams', { ...input, limit: 6, nextToken });
      names.push(...page.logStreams.map((found: Body) => found.logStreamName));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return names;
  };
  const byTime = Array.from({ length: 20 }, (_, i) => `x${i}`);
  assert.deepEqual(await collect({ ...group, orderBy: 'LastEventTime', descending: true }), [...byTime, 's']);
  assert.deepEqual(await collect({ logGroupIdentifier: arn, orderBy: 'LastEventTime' }), ['s', ...byTime.toReversed()]);
  assert.deepEqual(await collect({ ...group, logStreamNamePrefix: 'x' }), byTime.toSorted());
  assert.deepEqual(await collect({ ...group, descending: true }), [...byTime, 's'].toSorted().toReversed());
  assert.deepEqual(await call('DeleteLogStream', stream), {});
  assert.match(await call('DeleteLogStream', stream), /The specified log stream does not exist\.$/);
  assert.match(
    await call('GetLogEvents', stream),
    /^ResourceNotFoundException: The specified log stream does not exist\.$/,
  );
});

test('GetLogEvents: tokens walk both ways and stay equal at the ends', async (t) => {
  const { call, store } = openApi(t);
  const writer = store.open(caller, group.logGroupName, 's');
  for (let i = 0; i < 100; i += 1) writer.append(nowMs + Math.floor(i / 3), String(i));
  const read = async (input: object): Promise<Body> => {
    const page = await call('GetLogEvents', { ...stream, ...input });
    return { ...page, texts: page.events.map((event: Body) => event.message).join() };
  };
  const first = await read({ startFromHead: true, limit: 3 });
  assert.equal(first.texts, '0,1,2');
  assert.deepEqual(first.events[0], { timestamp: nowMs, message: '0', ingestionTime: nowMs });
  const second = await read({ nextToken: first.nextForwardToken, limit: 3 });
  assert.equal(second.texts, '3,4,5');
  const back = await read({ nextToken: second.nextBackwardToken, limit: 2 });
  assert.equal(back.texts, '1,2');
  const latest = await read({ limit: 2 });
  assert.equal(latest.texts, '98,99');
  assert.equal((await read({ nextToken: latest.nextBackwardToken, limit: 2 })).texts, '96,97');
  const end = await read({ nextToken: latest.nextForwardToken });
  assert.equal(end.texts, '');
  assert.equal(end.nextForwardToken, latest.nextForwardToken);
  assert.equal((await read({ nextToken: end.nextBackwardToken, limit: 2 })).texts, '98,99');
  writer.append(nowMs + 33, 'new');
  assert.equal((await read({ nextToken: end.nextForwardToken })).texts, 'new');
  const head = await read({ nextToken: first.nextBackwardToken });
  assert.equal(head.texts, '');
  assert.equal(head.nextBackwardToken, first.nextBackwardToken);
  assert.equal((await read({ nextToken: head.nextForwardToken, limit: 2 })).texts, '0,1');
  assert.equal((await read({ startTime: nowMs + 1, endTime: nowMs + 2, startFromHead: true })).texts, '3,4,5');
  await call('CreateLogStream', { ...group, logStreamName: 'empty' });
  const empty = await read({ logStreamName: 'empty' });
  assert.equal(empty.texts, '');
  store.open(caller, group.logGroupName, 'empty').append(nowMs, 'hello');
  assert.equal((await read({ logStreamName: 'empty', nextToken: empty.nextForwardToken })).texts, 'hello');
});

test('FilterLogEvents: streams, prefix, range, pattern, paging', async (t) => {
  const { call, store } = openApi(t);
  const a = store.open(caller, group.logGroupName, 'a1');
  const b = store.open(caller, group.logGroupName, 'b1');
  for (let i = 0; i < 200; i += 1) (i % 2 === 0 ? a : b).append(nowMs + i, `${i % 5 === 0 ? 'ERROR' : 'INFO'} ${i}`);
  const filter = async (input: object): Promise<string[]> => {
    const found: string[] = [];
    const ids = new Set<string>();
    let nextToken: string | undefined;
    do {
      const page: Body = await call('FilterLogEvents', { ...group, ...input, nextToken });
      for (const event of page.events) {
        assert.match(event.eventId, /^\d{56}$/);
        ids.add(event.eventId);
        found.push(event.message.split(' ')[1]);
      }
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    assert.equal(ids.size, found.length);
    return found;
  };
  assert.deepEqual(
    await filter({ interleaved: true, limit: 9 }),
    Array.from({ length: 200 }, (_, i) => String(i)),
  );
  assert.deepEqual(await filter({ filterPattern: 'ERROR', limit: 3, endTime: nowMs + 20 }), [
    '0',
    '5',
    '10',
    '15',
    '20',
  ]);
  assert.deepEqual(await filter({ logStreamNames: ['b1'], startTime: nowMs + 195 }), ['195', '197', '199']);
  assert.deepEqual(await filter({ logStreamNamePrefix: 'a', startTime: nowMs + 195 }), ['196', '198']);
  assert.match(await call('FilterLogEvents', { ...group, logStreamNames: ['a1', 'zz'] }), /log stream does not exist/);
  assert.match(
    await call('FilterLogEvents', { ...group, logStreamNames: ['a1'], logStreamNamePrefix: 'a' }),
    /exclusive/,
  );
  assert.match(
    await call('FilterLogEvents', { logGroupIdentifier: arn.replace('000000000000', '111111111111') }),
    /^ResourceNotFound/,
  );
  const found = await call('FilterLogEvents', { logGroupIdentifier: arn, limit: 1 });
  assert.deepEqual(found.events[0], {
    logStreamName: 'a1',
    timestamp: nowMs,
    message: 'ERROR 0',
    ingestionTime: nowMs,
    eventId: found.nextToken,
  });
});

test('a page is at most 1 MB, and big pages end', async (t) => {
  const { call, store } = openApi(t);
  const writer = store.open(caller, group.logGroupName, 's');
  for (let i = 0; i < 30; i += 1) writer.append(nowMs, `${i} ${'x'.repeat(100_000)}`);
  const page = await call('GetLogEvents', { ...stream, startFromHead: true });
  assert.equal(page.events.length, 10);
  const latest = await call('GetLogEvents', stream);
  assert.equal(latest.events.at(-1).message.slice(0, 2), '29');
  assert.equal((await call('FilterLogEvents', { ...group, filterPattern: 'nothing' })).events.length, 0);
});

test('PutLogEvents: what is accepted, rejected, refused', async (t) => {
  const { call } = openApi(t);
  const put = (...logEvents: object[]): Promise<Body> => call('PutLogEvents', { ...stream, logEvents });
  assert.match(await put({ timestamp: nowMs, message: 'x' }), /log group does not exist/);
  await call('CreateLogGroup', group);
  assert.match(await put({ timestamp: nowMs, message: 'x' }), /log stream does not exist/);
  await call('CreateLogStream', stream);
  assert.equal(
    typeof (await put({ timestamp: nowMs, message: 'x' }, { timestamp: nowMs + 1, message: 'y' })).nextSequenceToken,
    'string',
  );
  assert.deepEqual(
    (await call('GetLogEvents', stream)).events.map((event: Body) => event.message),
    ['x', 'y'],
  );
  assert.match(await put({ timestamp: 2, message: 'x' }, { timestamp: 1, message: 'y' }), /chronological order/);
  assert.match(
    await put({ timestamp: nowMs - 2 * dayMs, message: 'x' }, { timestamp: nowMs, message: 'y' }),
    /more than 24 hours/,
  );
  assert.match(await put({ timestamp: nowMs, message: '' }), /logEvents\.1\.member\.message/);
  assert.match(await put(), /Value '\[\]' at 'logEvents'/);
  assert.match(
    await put(...Array.from({ length: 5 }, () => ({ timestamp: nowMs, message: 'x'.repeat(250_000) }))),
    /Upload too large: 1250130 bytes/,
  );
  assert.deepEqual(
    (await put({ timestamp: nowMs, message: 'in' }, { timestamp: nowMs + 3 * hourMs, message: 'new' }))
      .rejectedLogEventsInfo,
    { tooNewLogEventStartIndex: 1 },
  );
  assert.deepEqual((await put({ timestamp: nowMs - 15 * dayMs, message: 'old' })).rejectedLogEventsInfo, {
    tooOldLogEventEndIndex: 1,
  });
  assert.equal((await call('GetLogEvents', stream)).events.length, 3);
});
