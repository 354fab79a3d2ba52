import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DescribeLogStreamsCommand,
  PutLogEventsCommand,
  paginateDescribeLogGroups,
  paginateFilterLogEvents,
  paginateGetLogEvents,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import type { AccountId, Region } from '../kernel/ids.js';
import { type LogsApi, type LogsCaller, logsErrorStatus } from './logsapi.js';
import { createLogsApi } from './logsoperations.js';
import { LogStore } from './logstore.js';

const caller: LogsCaller = { account: '000000000000' as AccountId, region: 'us-east-1' as Region };
const group = '/aws/lambda/f';
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };

/** The API behind the plainest JSON 1.1 framing: what the real front end does, less everything else. */
async function serve(t: TestContext): Promise<{ readonly store: LogStore; readonly endpoint: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'logsclients-'));
  const store = new LogStore({ folder, clock: { nowMs: Date.now } });
  const api = createLogsApi(store);
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    assert.ok(operation in api, operation);
    const result = await api[operation as keyof LogsApi](caller, JSON.parse(Buffer.concat(pieces).toString() || '{}'));
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (!result.ok) {
      response.statusCode = logsErrorStatus[result.failure.code];
      response.end(JSON.stringify({ __type: result.failure.code, message: result.failure.message }));
      return;
    }
    response.end(JSON.stringify(result.value));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { store, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('the official SDK: its paginators reach everything and end', async (t) => {
  const { store, endpoint } = await serve(t);
  const client = new CloudWatchLogsClient({ endpoint, region: caller.region, credentials });
  t.after(() => client.destroy());
  await client.send(new CreateLogGroupCommand({ logGroupName: 'mine' }));
  await client.send(new CreateLogStreamCommand({ logGroupName: 'mine', logStreamName: 's' }));
  const nowMs = Date.now();
  const put = { logGroupName: 'mine', logStreamName: 's', logEvents: [{ timestamp: nowMs, message: 'hello' }] };
  await client.send(new PutLogEventsCommand(put));
  const writer = store.open(caller, group, 'x');
  for (let i = 0; i < 250; i += 1) writer.append(nowMs, String(i));

  const groups: string[] = [];
  for await (const page of paginateDescribeLogGroups({ client, pageSize: 1 }, {})) {
    groups.push(...(page.logGroups ?? []).map((found) => found.logGroupName!));
  }
  assert.deepEqual(groups, [group, 'mine']);
  const filtered: string[] = [];
  for await (const page of paginateFilterLogEvents({ client, pageSize: 100 }, { logGroupName: group })) {
    filtered.push(...(page.events ?? []).map((event) => event.message!));
  }
  const all = Array.from({ length: 250 }, (_, i) => String(i));
  assert.deepEqual(filtered, all);
  const read: string[] = [];
  const stream = { logGroupName: group, logStreamName: 'x', startFromHead: true };
  for await (const page of paginateGetLogEvents({ client, pageSize: 100, stopOnSameToken: true }, stream)) {
    read.push(...(page.events ?? []).map((event) => event.message!));
  }
  assert.deepEqual(read, all);
  const streams = await client.send(new DescribeLogStreamsCommand({ logGroupName: 'mine' }));
  assert.equal(streams.logStreams?.[0]?.lastEventTimestamp, nowMs);
  await assert.rejects(client.send(new DescribeLogStreamsCommand({ logGroupName: 'none' })), (error: unknown) => {
    assert.ok(error instanceof ResourceNotFoundException);
    assert.equal(error.message, 'The specified log group does not exist.');
    return true;
  });
});

const hasAwsCli = existsSync('/usr/bin/aws');
const without = hasAwsCli ? {} : { skip: 'the AWS CLI (/usr/bin/aws) is not installed' };

test('aws logs tail --since and --follow', without, async (t) => {
  const { store, endpoint } = await serve(t);
  const writer = store.open(caller, group, '2024/11/22/[$LATEST]a');
  writer.append(Date.now() - 3_600_000, 'an hour ago');
  writer.append(Date.now() - 1_000, 'START\n');
  writer.append(Date.now() - 1_000, 'END\n');
  const env = {
    PATH: process.env.PATH,
    HOME: tmpdir(),
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_DEFAULT_REGION: caller.region,
    AWS_EC2_METADATA_DISABLED: 'true',
    PYTHONUNBUFFERED: '1',
  };
  const tail = (...options: string[]) => {
    const child = spawn(
      '/usr/bin/aws',
      ['--endpoint-url', endpoint, 'logs', 'tail', group, '--format', 'short', ...options],
      {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    t.after(() => child.kill('SIGKILL'));
    return child;
  };
  const since = tail('--since', '5m');
  let text = '';
  since.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  assert.equal(await new Promise((resolve) => since.once('close', resolve)), 0);
  assert.deepEqual(messagesOf(text), ['START', 'END']);

  const follow = tail('--since', '2h', '--follow');
  let seen = '';
  await new Promise<void>((resolve, reject) => {
    follow.once('close', () => reject(new Error(`tail ended after: ${seen}`)));
    follow.stdout.setEncoding('utf8').on('data', (piece: string) => {
      const before = messagesOf(seen).length;
      seen += piece;
      const now = messagesOf(seen).length;
      // New lines while it follows: of the same time as the last one, and later.
      if (before < 3 && now >= 3) {
        writer.append(Date.now() - 1_000, 'third');
        writer.append(Date.now(), 'fourth');
      }
      if (now >= 5) resolve();
    });
  });
  assert.deepEqual(messagesOf(seen), ['an hour ago', 'START', 'END', 'third', 'fourth']);
});

/** What follows the time on each whole line. */
function messagesOf(text: string): string[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.slice(line.indexOf(' ') + 1));
}
