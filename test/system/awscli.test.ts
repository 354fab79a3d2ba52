import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stop } from './childprocess.js';
import { eventually, Hearth, ownNode, type Ran } from './hearth.js';
import { zip } from './zip.js';

const raw = ['--cli-binary-format', 'raw-in-base64-out'];
const missing = existsSync('/usr/bin/aws') ? false : '/usr/bin/aws is not installed (package awscli)';

describe('a life of a function through the AWS CLI', { skip: missing }, () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start();
    const says = (text: string) =>
      zip({
        'index.mjs': `export const handler = async (event) => {
          console.log('seen', JSON.stringify(event));
          if (event.fail) throw new Error('as told');
          return { text: '${text}', variable: process.env.VARIABLE, event };
        };`,
      });
    writeFileSync(join(hearth.folder, 'one.zip'), await says('one'));
    writeFileSync(join(hearth.folder, 'two.zip'), await says('two'));
  });
  after(() => hearth.remove());

  const good = (ran: Ran) => {
    assert.equal(ran.status, 0, ran.stderr);
    return ran.stdout === '' ? null : JSON.parse(ran.stdout);
  };
  const lambda = async (...args: string[]) => good(await hearth.aws('lambda', ...args));
  const logs = async (...args: string[]) => good(await hearth.aws('logs', ...args));
  const named = ['--function-name', 'life'];
  const group = ['--log-group-name', '/aws/lambda/life'];
  const invoke = async (...args: string[]) => {
    const answer = await lambda('invoke', ...named, ...raw, ...args, 'answer.json');
    return { answer, payload: readFileSync(join(hearth.folder, 'answer.json'), 'utf8') };
  };

  it('knows who it is', async () => {
    const identity = good(await hearth.aws('sts', 'get-caller-identity'));
    assert.equal(identity.Account, hearth.credential.account);
    assert.match(identity.Arn, new RegExp(`^arn:aws:iam::${hearth.credential.account}:`));
    assert.ok(identity.UserId);
  });

  it('creates from a file and waits', async () => {
    const created = await lambda(
      'create-function',
      ...named,
      ...['--runtime', ownNode, '--handler', 'index.handler', '--role', 'arn:aws:iam::123456789012:role/test'],
      ...['--zip-file', 'fileb://one.zip', '--environment', 'Variables={VARIABLE=first}', '--description', 'Ünïcode'],
    );
    assert.equal(created.State, 'Pending');
    assert.equal(created.StateReasonCode, 'Creating');
    await lambda('wait', 'function-active-v2', ...named);
    const got = await lambda('get-function', ...named);
    assert.equal(got.Configuration.State, 'Active');
    assert.equal(got.Configuration.Description, 'Ünïcode');
    assert.equal(got.Code.RepositoryType, 'S3');
    assert.equal(got.Configuration.LastUpdateStatus, 'Successful');
  });

  it('invokes', async () => {
    const first = await invoke('--payload', '{"ä": 1}');
    assert.deepEqual(first.answer, { StatusCode: 200, ExecutedVersion: '$LATEST' });
    assert.deepEqual(JSON.parse(first.payload), { text: 'one', variable: 'first', event: { ä: 1 } });
    const tail = await invoke('--payload', '{"mark":"tailed"}', '--log-type', 'Tail');
    const text = Buffer.from(tail.answer.LogResult, 'base64').toString();
    assert.match(text, /^START RequestId: /);
    assert.match(text, /\tINFO\tseen \{"mark":"tailed"\}\n/);
    assert.match(text, /\nREPORT RequestId: /);
    const dry = await invoke('--invocation-type', 'DryRun', '--payload', '{}');
    assert.deepEqual(dry, { answer: { StatusCode: 204 }, payload: '' });
    const event = await invoke('--invocation-type', 'Event', '--payload', '{"mark":"an-event"}');
    assert.deepEqual(event, { answer: { StatusCode: 202 }, payload: '' });
    const failed = await invoke('--payload', '{"fail":true}');
    assert.deepEqual(failed.answer, { StatusCode: 200, FunctionError: 'Unhandled', ExecutedVersion: '$LATEST' });
    assert.equal(JSON.parse(failed.payload).errorMessage, 'as told');
  });

  it('updates, publishes, aliases and lists', async () => {
    const published = await lambda('publish-version', ...named);
    assert.equal(published.Version, '1');
    const updated = await lambda('update-function-code', ...named, '--zip-file', 'fileb://two.zip');
    assert.equal(updated.LastUpdateStatus, 'InProgress');
    await lambda('wait', 'function-updated-v2', ...named);
    await lambda(
      'update-function-configuration',
      ...named,
      ...['--environment', 'Variables={VARIABLE=second}', '--timeout', '30', '--memory-size', '256'],
    );
    await lambda('wait', 'function-updated-v2', ...named);
    const alias = await lambda('create-alias', ...named, '--name', 'live', '--function-version', '1');
    assert.match(alias.AliasArn, /:function:life:live$/);
    const latest = await invoke('--payload', '{}');
    const live = await invoke('--payload', '{}', '--qualifier', 'live');
    assert.deepEqual([JSON.parse(latest.payload).text, JSON.parse(latest.payload).variable], ['two', 'second']);
    assert.deepEqual([JSON.parse(live.payload).text, JSON.parse(live.payload).variable], ['one', 'first']);
    assert.equal(live.answer.ExecutedVersion, '1');

    const [functions, versions, aliases] = await Promise.all([
      lambda('list-functions'),
      lambda('list-versions-by-function', ...named),
      lambda('list-aliases', ...named),
    ]);
    assert.deepEqual(
      functions.Functions.map(({ FunctionName, MemorySize, Timeout }: never) => [FunctionName, MemorySize, Timeout]),
      [['life', 256, 30]],
    );
    assert.deepEqual(
      versions.Versions.map(({ Version }: { Version: string }) => Version),
      ['$LATEST', '1'],
    );
    assert.deepEqual(
      aliases.Aliases.map(({ Name, FunctionVersion }: never) => [Name, FunctionVersion]),
      [['live', '1']],
    );
    await lambda('delete-alias', ...named, '--name', 'live');
  });

  it('reserves concurrency', async () => {
    const put = await lambda('put-function-concurrency', ...named, '--reserved-concurrent-executions', '0');
    assert.equal(put.ReservedConcurrentExecutions, 0);
    const settings = await lambda('get-account-settings');
    assert.equal(settings.AccountLimit.ConcurrentExecutions, 1_000);
    assert.equal(settings.AccountUsage.FunctionCount, 1);
    const throttled = await hearth.aws('lambda', 'invoke', ...named, 'answer.json');
    assert.equal(throttled.status, 254);
    assert.match(throttled.stderr, /An error occurred \(TooManyRequestsException\) .*: Rate Exceeded\./);
    await lambda('delete-function-concurrency', ...named);
    assert.equal((await invoke()).answer.StatusCode, 200);
  });

  it('reads logs', async () => {
    const { logGroups } = await logs('describe-log-groups', '--log-group-name-prefix', '/aws/lambda/li');
    assert.deepEqual(
      logGroups.map(({ logGroupName }: { logGroupName: string }) => logGroupName),
      ['/aws/lambda/life'],
    );
    const { events } = await eventually(async () => {
      const page = await logs('filter-log-events', ...group, '--filter-pattern', '"an-event"');
      return page.events.length > 0 && page;
    }, 'the event in the log');
    assert.match(events[0].message, /seen \{"mark":"an-event"\}/);
    const { logStreams } = await logs('describe-log-streams', ...group);
    assert.match(logStreams[0].logStreamName, /^\d{4}\/\d\d\/\d\d\/\[(\$LATEST|\d+)\][0-9a-f]{32}$/);
    const stream = events[0].logStreamName;
    const got = await logs('get-log-events', ...group, '--log-stream-name', stream, '--start-from-head');
    const major = process.versions.node.split('.')[0];
    assert.match(got.events[0].message, new RegExp(`^INIT_START Runtime Version: nodejs:${major}\\.`));
    const tail = await hearth.aws('logs', 'tail', '/aws/lambda/life', '--since', '1h');
    assert.equal(tail.status, 0, tail.stderr);
    assert.match(tail.stdout, /seen \{"mark":"tailed"\}/);
    assert.match(tail.stdout, /\nREPORT|REPORT RequestId: /);
  });

  it('follows logs', async () => {
    const args = ['--endpoint-url', hearth.endpoint, 'logs', 'tail', '/aws/lambda/life', '--follow', '--since', '1h'];
    // Python keeps what it prints to a pipe in a buffer otherwise.
    const env = { ...hearth.environment, PYTHONUNBUFFERED: '1' };
    const child = spawn('/usr/bin/aws', args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += chunk;
      });
      await eventually(async () => text.includes('"mark":"tailed"'), 'what was there before', 60_000);
      await hearth.invoke('life', { mark: 'followed' });
      await eventually(async () => text.includes('"mark":"followed"'), 'the new line', 60_000);
      assert.equal(child.exitCode, null);
    } finally {
      await stop(child, 'SIGKILL');
    }
  });

  it('prints errors as it does for the service', async () => {
    const [nobody, invalid, again, usage, wrongKey] = await Promise.all([
      hearth.aws('lambda', 'get-function', '--function-name', 'nobody'),
      hearth.aws('lambda', 'update-function-configuration', ...named, '--runtime', 'cobol'),
      hearth.aws(
        ...['lambda', 'create-function', ...named, '--runtime', ownNode, '--handler', 'index.handler'],
        ...['--role', 'arn:aws:iam::123456789012:role/test', '--zip-file', 'fileb://one.zip'],
      ),
      hearth.aws('lambda', 'get-function'),
      hearth.aws('--region', 'mars-1', 'lambda', 'list-functions'),
    ]);
    const arn = `arn:aws:lambda:us-east-1:${hearth.credential.account}:function:nobody`;
    assert.deepEqual(
      [nobody, invalid, again, wrongKey].map(({ status }) => status),
      [254, 254, 254, 254],
    );
    assert.ok(
      nobody.stderr.includes(
        `An error occurred (ResourceNotFoundException) when calling the GetFunction operation: Function not found: ${arn}`,
      ),
      nobody.stderr,
    );
    assert.match(
      invalid.stderr,
      /\(ValidationException\).*: 1 validation error detected: Value 'cobol' at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: \[/,
    );
    assert.match(again.stderr, /\(ResourceConflictException\).*: Function already exist: life/);
    assert.equal(usage.status, 252);
    assert.match(wrongKey.stderr, /\(InvalidSignatureException\).*: Credential should be scoped to a valid region/);
  });

  it('deletes', async () => {
    await lambda('delete-function', ...named);
    // As in the service, the log group stays.
    const [list, groups] = await Promise.all([lambda('list-functions'), logs('describe-log-groups')]);
    assert.deepEqual(list.Functions, []);
    assert.equal(groups.logGroups.length, 1);
  });
});
