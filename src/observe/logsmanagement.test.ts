import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AccountId, Region } from '../kernel/ids.js';
import { dayMs, kib } from '../kernel/units.js';
import type { LogsCaller, LogsOperation } from './logsapi.js';
import { createLogsApi } from './logsoperations.js';
import { LogStore } from './logstore.js';

// What infrastructure tools ask of log groups; reading and writing are in `logsoperations.test.ts`.
const caller: LogsCaller = { account: '000000000000' as AccountId, region: 'us-east-1' as Region };
const startMs = 1_732_241_842_000;
const group = { logGroupName: '/aws/lambda/f' };
const stream = { ...group, logStreamName: 's' };
const arn = 'arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f';

// biome-ignore lint/suspicious/noExplicitAny: bodies of many operations, looked at member by member
type Body = any;

function openApi(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'logsmanagement-'));
  let nowMs = startMs;
  const open = () => new LogStore({ folder, clock: { nowMs: () => nowMs } });
  let store = open();
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  let api = createLogsApi(store);
  return {
    /** The body, or `CODE: message` of the failure. */
    call: async (operation: LogsOperation, input: unknown = {}): Promise<Body> => {
      const result = await api[operation](caller, input);
      return result.ok ? result.value : `${result.failure.code}: ${result.failure.message}`;
    },
    advance: (ms: number) => {
      nowMs += ms;
    },
    nowMs: () => nowMs,
    sweep: () => store.sweep(),
    reopen: async () => {
      await store.close();
      store = open();
      api = createLogsApi(store);
    },
  };
}

test('tags by name and by ARN are the same tags', async (t) => {
  const { call } = openApi(t);
  await call('CreateLogGroup', { ...group, tags: { a: '1' } });
  assert.deepEqual(await call('TagLogGroup', { ...group, tags: { b: '2', 'with: blank': '' } }), {});
  assert.deepEqual(await call('TagResource', { resourceArn: arn, tags: { a: 'one' } }), {});
  const tags = { a: 'one', b: '2', 'with: blank': '' };
  assert.deepEqual(await call('ListTagsLogGroup', group), { tags });
  assert.deepEqual(await call('ListTagsForResource', { resourceArn: arn }), { tags });
  assert.deepEqual(await call('UntagLogGroup', { ...group, tags: ['a', 'not there'] }), {});
  assert.deepEqual(await call('UntagResource', { resourceArn: arn, tagKeys: ['b'] }), {});
  assert.deepEqual(await call('ListTagsForResource', { resourceArn: arn }), { tags: { 'with: blank': '' } });
});

test('tags that are refused', async (t) => {
  const { call } = openApi(t);
  const missing = 'ResourceNotFoundException: The specified log group does not exist.';
  assert.equal(await call('TagLogGroup', { ...group, tags: { a: '1' } }), missing);
  assert.equal(await call('UntagLogGroup', { ...group, tags: ['a'] }), missing);
  await call('CreateLogGroup', group);
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));
  await call('TagLogGroup', { ...group, tags: many(50) });
  const most = 'A resource can have no more than 50 tags.';
  assert.equal(await call('TagLogGroup', { ...group, tags: { more: '1' } }), `InvalidParameterException: ${most}`);
  assert.equal(await call('TagResource', { resourceArn: arn, tags: { more: '1' } }), `TooManyTagsException: ${most}`);
  assert.match(await call('TagLogGroup', { ...group, tags: { 'a*': '1' } }), /regular expression pattern/);
  assert.match(await call('TagLogGroup', { ...group, tags: { a: '{' } }), /regular expression pattern/);
  assert.match(await call('UntagLogGroup', { ...group, tags: [] }), /length greater than or equal to 1/);
});

test('a group has the class it was made with, and is found by it; by a pattern groups are shown briefly', async (t) => {
  const { call, reopen } = openApi(t);
  await call('CreateLogGroup', group);
  await call('CreateLogGroup', { logGroupName: 'rare', logGroupClass: 'INFREQUENT_ACCESS' });
  await reopen();
  const names = async (operation: 'DescribeLogGroups' | 'ListLogGroups', input: object) =>
    (await call(operation, input)).logGroups.map((one: Body) => `${one.logGroupName} ${one.logGroupClass}`);
  assert.deepEqual(await names('DescribeLogGroups', { logGroupClass: 'INFREQUENT_ACCESS' }), [
    'rare INFREQUENT_ACCESS',
  ]);
  assert.deepEqual(await names('ListLogGroups', {}), ['/aws/lambda/f STANDARD', 'rare INFREQUENT_ACCESS']);
  assert.deepEqual(await names('ListLogGroups', { logGroupNamePattern: '^/aws/lambda|xyz' }), [
    '/aws/lambda/f STANDARD',
  ]);
  assert.deepEqual(await names('ListLogGroups', { logGroupNamePattern: '^rar|lambda', logGroupClass: 'STANDARD' }), [
    '/aws/lambda/f STANDARD',
  ]);
  assert.match(await call('ListLogGroups', { logGroupNamePattern: '.*' }), /InvalidParameterException/);
  const page = await call('ListLogGroups', { limit: 1 });
  assert.deepEqual(await names('ListLogGroups', { limit: 1, nextToken: page.nextToken }), ['rare INFREQUENT_ACCESS']);
  assert.deepEqual(await call('DescribeLogGroups', { logGroupNamePattern: 'lambda' }), {
    logGroups: [{ ...group, creationTime: startMs, arn: `${arn}:*` }],
  });
  assert.match(
    await call('CreateLogGroup', { logGroupName: 'x', logGroupClass: 'FAST' }),
    /enum value set: \[STANDARD, INFREQUENT_ACCESS, DELIVERY\]/,
  );
  assert.match(await call('CreateLogGroup', { logGroupName: 'x', kmsKeyId: 'arn:aws:kms:k' }), /^InvalidParameter/);
});

test('a protected group and its streams cannot be deleted until the protection ends', async (t) => {
  const { call, reopen } = openApi(t);
  await call('CreateLogGroup', { ...group, deletionProtectionEnabled: true });
  await call('CreateLogStream', stream);
  await reopen();
  assert.equal((await call('DescribeLogGroups')).logGroups[0].deletionProtectionEnabled, true);
  assert.match(await call('DeleteLogGroup', group), /^ValidationException: /);
  assert.match(await call('DeleteLogStream', stream), /^ValidationException: /);
  assert.match(await call('PutLogGroupDeletionProtection', { logGroupIdentifier: arn }), /must not be null/i);
  const off = { logGroupIdentifier: arn, deletionProtectionEnabled: false };
  assert.deepEqual(await call('PutLogGroupDeletionProtection', off), {});
  assert.deepEqual(await call('DeleteLogStream', stream), {});
  assert.deepEqual(await call('DeleteLogGroup', group), {});
});

test('retention really deletes: nobody sees what is too old, and then it is gone', async (t) => {
  const { call, advance, nowMs, sweep } = openApi(t);
  await call('CreateLogGroup', group);
  await call('CreateLogStream', stream);
  await call('PutRetentionPolicy', { ...group, retentionInDays: 3 });
  const put = (message: string) => call('PutLogEvents', { ...stream, logEvents: [{ timestamp: nowMs(), message }] });
  const seen = async () => (await call('FilterLogEvents', group)).events.map((event: Body) => event.message);
  await put('first');
  advance(2 * dayMs);
  await put('second');
  assert.deepEqual(await seen(), ['first', 'second']);
  advance(1 * dayMs + 1);
  assert.deepEqual(await seen(), ['second']);
  assert.deepEqual(
    (await call('GetLogEvents', { ...stream, startFromHead: true })).events.map((event: Body) => event.message),
    ['second'],
  );
  const before = (await call('DescribeLogGroups')).logGroups[0].storedBytes;
  await put('third');
  advance(2 * dayMs);
  await sweep();
  assert.deepEqual(await seen(), ['third']);
  assert.ok(before > 0);
  assert.equal(
    await call('PutLogEvents', {
      ...stream,
      logEvents: [{ timestamp: nowMs() - 3 * dayMs - 1, message: 'late' }],
    }).then((answer) => answer.rejectedLogEventsInfo.expiredLogEventEndIndex),
    1,
  );
  assert.match(await call('PutRetentionPolicy', { ...group, retentionInDays: 2 }), /InvalidParameterException/);
  assert.deepEqual(await call('DeleteRetentionPolicy', group), {});
  assert.equal((await call('DescribeLogGroups')).logGroups[0].retentionInDays, undefined);
});

test('an event of up to 1 MB that a client puts stays one event', async (t) => {
  const { call } = openApi(t);
  await call('CreateLogGroup', group);
  await call('CreateLogStream', stream);
  const message = 'é'.repeat(512 * kib - 13);
  const put = (text: string) => call('PutLogEvents', { ...stream, logEvents: [{ timestamp: startMs, message: text }] });
  assert.equal(typeof (await put(message)).nextSequenceToken, 'string');
  const { events } = await call('GetLogEvents', stream);
  assert.deepEqual([events.length, events[0].message === message], [1, true]);
  assert.match(await put(`${message}é`), /Upload too large: 1048578 bytes exceeds limit of 1048576/);
});

test('filters that would deliver elsewhere are refused honestly, after the checks of the service', async (t) => {
  const { call } = openApi(t);
  const subscription = { ...group, filterName: 'n', filterPattern: 'ERROR', destinationArn: 'arn:aws:lambda:f' };
  const metric = { ...group, filterName: 'n', filterPattern: 'ERROR', metricTransformations: [{}] };
  const missing = 'ResourceNotFoundException: The specified log group does not exist.';
  assert.equal(await call('PutSubscriptionFilter', subscription), missing);
  assert.equal(await call('DescribeSubscriptionFilters', group), missing);
  assert.equal(await call('DescribeMetricFilters', group), missing);
  assert.deepEqual(await call('DescribeMetricFilters'), { metricFilters: [] });
  await call('CreateLogGroup', group);
  assert.match(await call('PutSubscriptionFilter', subscription), /^InvalidOperationException: Subscription filters/);
  assert.match(await call('PutMetricFilter', metric), /^InvalidOperationException: Metric filters/);
  assert.match(
    await call('PutSubscriptionFilter', { ...subscription, filterPattern: '{ $.a' }),
    /^InvalidParameterException/,
  );
  assert.match(await call('PutSubscriptionFilter', group), /^InvalidParameterException: 3 validation errors/);
  assert.deepEqual(await call('DescribeSubscriptionFilters', group), { subscriptionFilters: [] });
  assert.deepEqual(await call('DescribeMetricFilters', group), { metricFilters: [] });
  const named = { ...group, filterName: 'n' };
  assert.match(await call('DeleteSubscriptionFilter', named), /^ResourceNotFoundException: .*subscription filter/);
  assert.match(await call('DeleteMetricFilter', named), /^ResourceNotFoundException: .*metric filter/);
});

test('a pattern can be tested, as the API reference shows it', async (t) => {
  const { call } = openApi(t);
  const line = (status: number, bytes: string) =>
    `127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" ${status} ${bytes}`;
  const logEventMessages = [line(200, '1534'), line(500, '5324'), line(200, '4355'), 'short'];
  const fields = '[ip, identity, user_id, timestamp, request, status_code = 200, size]';
  const { matches } = await call('TestMetricFilter', { filterPattern: fields, logEventMessages });
  assert.deepEqual(
    matches.map(({ eventNumber }: Body) => eventNumber),
    [0, 2],
  );
  assert.deepEqual(matches[1], {
    eventNumber: 2,
    eventMessage: logEventMessages[2],
    extractedValues: {
      $ip: '127.0.0.1',
      $identity: '-',
      $user_id: 'frank',
      $timestamp: '10/Oct/2000:13:25:15 -0700',
      $request: 'GET /apache_pb.gif HTTP/1.0',
      $status_code: '200',
      $size: '4355',
    },
  });
  const json = {
    filterPattern: '{ $.a.b = * && $.c NOT EXISTS || $.d[0] > 1 }',
    logEventMessages: ['{"a":{"b":7}}', '{}'],
  };
  assert.deepEqual((await call('TestMetricFilter', json)).matches, [
    { eventNumber: 0, eventMessage: '{"a":{"b":7}}', extractedValues: { '$.a.b': '7' } },
  ]);
  assert.deepEqual(
    (await call('TestMetricFilter', { filterPattern: 'ERROR', logEventMessages: ['an ERROR'] })).matches,
    [{ eventNumber: 0, eventMessage: 'an ERROR', extractedValues: {} }],
  );
  assert.match(await call('TestMetricFilter', { filterPattern: '{', logEventMessages: ['x'] }), /^InvalidParameter/);
  assert.match(await call('TestMetricFilter', { filterPattern: '', logEventMessages: [] }), /logEventMessages/);
});
