import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AccountId, Region } from '../kernel/ids.js';
import { createLogsApi } from './logsoperations.js';
import { LogStore } from './logstore.js';

test('at most 50 groups, streams and tags, 10,000 events and 100 streams at once', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'logsbounds-'));
  const store = new LogStore({ folder, clock: { nowMs: () => 1_732_241_842_000 } });
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const api = createLogsApi(store);
  const caller = { account: '000000000000' as AccountId, region: 'us-east-1' as Region };
  const group = { logGroupName: 'g' };
  const stream = { ...group, logStreamName: 's' };
  const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, 'v']));
  await api.CreateLogGroup(caller, { ...group, tags: tags(50) });
  await api.CreateLogStream(caller, stream);
  const names = (count: number) => Array.from({ length: count }, () => 's');
  const events = (count: number) =>
    Array.from({ length: count }, () => ({ timestamp: 1_732_241_842_000, message: 'm' }));
  const bounds = [
    ['DescribeLogGroups', (limit: number) => ({ limit }), 50],
    ['DescribeLogStreams', (limit: number) => ({ ...group, limit }), 50],
    ['GetLogEvents', (limit: number) => ({ ...stream, limit }), 10_000],
    ['FilterLogEvents', (limit: number) => ({ ...group, limit }), 10_000],
    ['FilterLogEvents', (count: number) => ({ ...group, logStreamNames: names(count) }), 100],
    ['PutLogEvents', (count: number) => ({ ...stream, logEvents: events(count) }), 10_000],
    ['CreateLogGroup', (count: number) => ({ logGroupName: `g${count}`, tags: tags(count) }), 50],
  ] as const;
  for (const [operation, input, most] of bounds) {
    const allowed = await api[operation](caller, input(most));
    assert.ok(allowed.ok, `${operation} ${most}: ${allowed.ok ? '' : allowed.failure.message.slice(0, 200)}`);
    const refused = await api[operation](caller, input(most + 1));
    assert.ok(!refused.ok && refused.failure.code === 'InvalidParameterException', `${operation} ${most + 1}`);
  }
});
