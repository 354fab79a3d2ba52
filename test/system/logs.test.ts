import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type CloudWatchLogsClient,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { PutFunctionConcurrencyCommand } from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode } from './hearth.js';

const kib = 1024;

describe('what invocations leave in CloudWatch Logs', () => {
  let hearth: Hearth;
  let logs: CloudWatchLogsClient;
  before(async () => {
    hearth = await Hearth.start();
    logs = hearth.logs();
  });
  after(() => hearth.remove());

  const node = (name: string, code: string, more = {}) =>
    hearth.create(name, ownNode, 'index.handler', { 'index.mjs': code }, more);

  async function events(name: string) {
    const { events: found = [] } = await logs.send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}` }));
    return found.map(({ message, logStreamName }) => ({ text: message!, stream: logStreamName! }));
  }

  /** An event without its changing parts. */
  const shape = (text: string) =>
    text
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replace(/^(INIT_START|REPORT).*\n/s, '$1');

  it('one event a line of raw output and one a console call, newlines included; unfinished lines end with the invocation', async () => {
    await node(
      'lines',
      `export const handler = async () => {
         console.log('one\\nevent');
         process.stdout.write('two\\nlines, ');
         process.stdout.write('and a rest');
         process.stderr.write('unfinished too');
       };`,
    );
    await hearth.invoke('lines');
    const found = (await events('lines')).map(({ text }) => shape(text));
    assert.deepEqual(found.slice(0, 4), [
      'INIT_START',
      'START RequestId: ID Version: $LATEST\n',
      'TIME\tID\tINFO\tone\nevent',
      'two\n',
    ]);
    assert.deepEqual(found.slice(4, 6).sort(), ['lines, and a rest', 'unfinished too']);
    assert.deepEqual(found.slice(6), ['END RequestId: ID\n', 'REPORT']);
  });

  it('events of more than 256 KB are split and nothing is lost; LogResult has the last 4 KB', async () => {
    await node(
      'long',
      `export const handler = async () => {
         console.log('c'.repeat(300 * 1024));
         process.stdout.write('é'.repeat(150 * 1024) + '\\n');
       };`,
    );
    const { log } = await hearth.invoke('long');
    // Cut between bytes: the first one may be half a character.
    assert.ok(Math.abs(Buffer.byteLength(log) - 4 * kib) <= 2);
    assert.match(log, /é\nEND RequestId: .*\nREPORT RequestId: .*\n$/);
    const texts = (await events('long')).map(({ text }) => text);
    assert.ok(texts.every((text) => Buffer.byteLength(text) <= 256 * kib));
    const all = texts.join('');
    assert.equal(all.split('c').length - 1 >= 300 * kib, true);
    assert.equal(all.split('é').length - 1, 150 * kib);
  });

  it('what is logged after the response belongs to the next invocation', async () => {
    await node(
      'background',
      `let n = 0;
       export const handler = async () => {
         n += 1;
         const mine = n;
         if (mine === 1) setTimeout(() => console.log('late'), 300);
         else await new Promise((resolve) => setTimeout(resolve, 600));
         return mine;
       };`,
    );
    assert.equal((await hearth.invoke('background')).payload, '1');
    const second = await hearth.invoke('background');
    assert.equal(second.payload, '2');
    assert.match(second.log, /^START RequestId: (\S+) Version: \$LATEST\n\S+\t\1\tINFO\tlate\nEND RequestId: \1\n/);
  });

  it('a stream for each execution environment, named as Lambda names it; the context tells it', async () => {
    await node(
      'streams',
      `export const handler = async (event, { logGroupName, logStreamName }) => {
         await new Promise((resolve) => setTimeout(resolve, event.ms ?? 0));
         return [logGroupName, logStreamName, process.env.AWS_LAMBDA_LOG_STREAM_NAME];
       };`,
    );
    const told = await Promise.all([1, 2].map(() => hearth.invoke('streams', { ms: 800 })));
    const names = told.map(({ payload }) => JSON.parse(payload) as string[]);
    for (const [group, stream, variable] of names) {
      assert.equal(group, '/aws/lambda/streams');
      assert.match(stream!, /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
      assert.equal(variable, stream);
    }
    const described = await logs.send(new DescribeLogStreamsCommand({ logGroupName: '/aws/lambda/streams' }));
    assert.deepEqual(
      described.logStreams?.map(({ logStreamName }) => logStreamName),
      names.map(([, name]) => name).sort(),
    );
    const { events: one = [] } = await logs.send(
      new GetLogEventsCommand({
        logGroupName: '/aws/lambda/streams',
        logStreamName: names[0]![1],
        startFromHead: true,
      }),
    );
    assert.deepEqual(
      one.map(({ message }) => shape(message!)),
      ['INIT_START', 'START RequestId: ID Version: $LATEST\n', 'END RequestId: ID\n', 'REPORT'],
    );
    // A throttled invocation leaves nothing.
    await hearth
      .lambda()
      .send(new PutFunctionConcurrencyCommand({ FunctionName: 'streams', ReservedConcurrentExecutions: 0 }));
    await assert.rejects(hearth.invoke('streams'), { name: 'TooManyRequestsException' });
    assert.equal((await events('streams')).length, 8);
  });

  it('a timeout, also one of init inside the invocation, is reported as the service does it', async () => {
    await node('hangs', 'export const handler = () => new Promise(() => setInterval(() => {}, 1000));', { Timeout: 1 });
    await hearth.invoke('hangs');
    const texts = (await events('hangs')).map(({ text }) => text);
    assert.match(texts[2]!, /^\S+Z \S{36} Task timed out after 1\.00 seconds\n\n$/);
    assert.match(
      texts.at(-1)!,
      /^REPORT RequestId: \S+\tDuration: 1000\.00 ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\tStatus: timeout\n$/,
    );
    const [, billed, init] = /Billed Duration: (\d+) ms.*Init Duration: ([\d.]+) ms/.exec(texts.at(-1)!)!;
    assert.equal(Number(billed), Math.ceil(1000 + Number(init)));
  });

  it('the AWS CLI manages groups and reads them: patterns over JSON, tail, retention, tags', async () => {
    await node(
      'cli',
      `export const handler = async ({ code }) => { console.error({ code, nested: { list: [1, code] } }); };`,
      { LoggingConfig: { LogFormat: 'JSON', LogGroup: '/team/cli' } },
    );
    for (const code of [400, 500, 503]) await hearth.invoke('cli', { code });
    const aws = async (...args: string[]) => {
      const { status, stdout, stderr } = await hearth.aws('logs', ...args);
      assert.equal(status, 0, stderr);
      return stdout === '' ? null : JSON.parse(stdout);
    };
    const codes = async (pattern: string) =>
      (await aws('filter-log-events', '--log-group-name', '/team/cli', '--filter-pattern', pattern)).events.map(
        ({ message }: { message: string }) => JSON.parse(message).message.code,
      );
    const group = ['--log-group-name', '/team/cli'];
    // Each command takes the better part of a second to start: what can go together does.
    const [errors, nested, tail] = await Promise.all([
      codes('{ $.level = "ERROR" && $.message.code >= 500 }'),
      codes('{ $.message.nested.list[1] = 400 || $.message.code = 503 }'),
      hearth.aws('logs', 'tail', '/team/cli', '--since', '5m', '--filter-pattern', '{ $.type = "platform.report" }'),
      aws('put-retention-policy', ...group, '--retention-in-days', '7'),
      aws('tag-log-group', ...group, '--tags', 'team=a'),
      aws('create-log-group', '--log-group-name', 'own'),
    ]);
    assert.deepEqual(
      [errors, nested],
      [
        [500, 503],
        [400, 503],
      ],
    );
    assert.equal(tail.stdout.trim().split('\n').length, 3, tail.stderr);
    const [described, tags] = await Promise.all([
      aws('describe-log-groups', '--log-group-name-prefix', '/team'),
      aws('list-tags-log-group', ...group),
      aws('create-log-stream', '--log-group-name', 'own', '--log-stream-name', 's'),
    ]);
    assert.equal(described.logGroups[0].retentionInDays, 7);
    assert.deepEqual(tags.tags, { team: 'a' });
    await Promise.all([aws('delete-log-group', '--log-group-name', 'own'), aws('delete-log-group', ...group)]);
    assert.deepEqual(
      (await aws('describe-log-groups')).logGroups.filter(
        ({ logGroupName }: { logGroupName: string }) => !logGroupName.startsWith('/aws/'),
      ),
      [],
    );
    // As with Lambda, the next line makes the group again.
    await hearth.invoke('cli', { code: 1 });
    await eventually(async () => (await codes('{ $.message.code = 1 }')).length === 1, 'the group to be there again');
  });

  it('functions that share a group have their names in their streams; `hearth logs` shows those of one', async () => {
    const LoggingConfig = { LogGroup: 'shared' };
    for (const name of ['left', 'right']) {
      await node(name, `export const handler = async () => console.log('by ${name}');`, { LoggingConfig });
      await hearth.invoke(name);
    }
    const { logStreams = [] } = await logs.send(new DescribeLogStreamsCommand({ logGroupName: 'shared' }));
    const names = logStreams.map(({ logStreamName }) => logStreamName!.replace(/^\d{4}\/\d\d\/\d\d\//, ''));
    assert.match(names.sort().join(' '), /^left\[\$LATEST\][0-9a-f]{32} right\[\$LATEST\][0-9a-f]{32}$/);
    const { stdout } = await hearth.cli('logs', 'left');
    assert.match(stdout, /by left/);
    assert.doesNotMatch(stdout, /by right/);
  });
});
