import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PublishLayerVersionCommand } from '@aws-sdk/client-lambda';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { type Case, type Observed, requestId } from '../system/guest/observed.js';
import { runOurs } from '../system/guest/ourguest.js';
import { Hearth } from '../system/hearth.js';
import { zip } from '../system/zip.js';
import { filesOf } from './build.js';
import { failure, logged, result } from './customruntime.js';

// There is no official client to compare with (its gem is in no registry that every machine reaches): what is expected
// here is what the developer guide shows and what the client's published source does.
const sources = join(projectRoot, 'test', 'runtimes', 'fixtures', 'ruby');
const guest = join(projectRoot, 'guest', 'ruby', 'bootstrap.rb');

/** The machine's Ruby: its program and version, or null. Older ones than Lambda's serve to test our own code. */
function findRuby(): { readonly program: string; readonly version: string } | null {
  try {
    const answer = execFileSync('ruby', ['-e', 'puts RbConfig.ruby, RUBY_VERSION'], { encoding: 'utf8' });
    const [program, version] = answer.trim().split('\n');
    return { program: program!, version: version! };
  } catch {
    return null;
  }
}
const ruby = findRuby();
const absent = 'Ruby is not installed (Debian package ruby)';

describe('Ruby functions under our bootstrap', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-ruby-'));
  cpSync(sources, folder, { recursive: true });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = (handler: string, more: Partial<Case> = {}): Promise<Observed> =>
    runOurs([ruby!.program, '-E', 'UTF-8', guest], 'ruby3.4', folder, { handler, ...more });
  /** The first answer, parsed. */
  const answer = async (handler: string, more: Partial<Case> = {}) => {
    const { answers } = await run(handler, more);
    return { kind: answers[0]!.kind, body: JSON.parse(answers[0]!.body) };
  };

  it('answers with what a method gives', async (test) => {
    if (ruby === null) return test.skip(absent);
    const event = { text: 'naïve ✓ 😀', list: [1, 1.5, null, { deep: true }] };
    assert.deepEqual(await answer('app.echo', { event }), { kind: 'response', body: event });
    assert.deepEqual((await answer('app.echo', { event: 'text' })).body, 'text');
    assert.deepEqual((await answer('app.nothing')).body, null);
    assert.deepEqual((await answer('app.Deep::Handlers.process', { event: 1 })).body, { deep: 1 });
    assert.deepEqual((await answer('nested/app.handler')).body, 'nested');
    assert.deepEqual((await answer('app.helped')).body, 'helped');
    assert.deepEqual((await run('app.stream')).answers[0], { kind: 'response', body: 'raw, not JSON' });
    const counted = await run('app.counter', { invocations: 3 });
    assert.deepEqual(
      counted.answers.map(({ body }) => body),
      ['1', '2', '3'],
    );
    const large = { text: 'ä'.repeat(200_000) };
    assert.deepEqual((await answer('app.echo', { event: large })).body, large);
  });

  it('gives the context and the environment', async (test) => {
    if (ruby === null) return test.skip(absent);
    const { body } = await answer('app.context_of', {
      clientContext: '{"custom":{"a":1}}',
      identity: '{"cognitoIdentityId":"id"}',
    });
    assert.deepEqual(body, {
      id: requestId(1),
      arn: 'arn:aws:lambda:eu-central-1:123456789012:function:sample:live',
      group: '/aws/lambda/sample',
      stream: '2026/01/01/[7]0123456789abcdef',
      name: 'sample',
      memory: '256',
      version: '7',
      left: true,
      client: { custom: { a: 1 } },
      identity: { cognitoIdentityId: 'id' },
      trace: 'Root=1-5e1b4151-5ac6c58f0a1d2c3b4e5f6071;Sampled=0',
    });
    const environment = { CUSTOM: 'mine', TZ: 'Asia/Tokyo' };
    assert.deepEqual((await answer('app.environment', { environment })).body, [
      ...['mine', 'unset', true, 9, 'UTF-8', 'mine'],
    ]);
  });

  it('logs what is printed, and loggers as one event each', async (test) => {
    if (ruby === null) return test.skip(absent);
    const printed = await run('app.prints', { invocations: 1, event: { a: 1 } });
    assert.deepEqual(printed.events, ['put\ntwo\nlines', '']);
    assert.match(printed.stdout, /printed ✓\nto stdout\nwritten\n/);
    assert.match(printed.stdout, /from a child\n/);
    const { events } = await run('app.logs', { invocations: 1 });
    const head = String.raw`\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6} #\d+\]`;
    const id = requestId(1);
    assert.match(events[0]!, new RegExp(`^I, ${head}  INFO ${id} -- : informed$`));
    assert.match(events[1]!, new RegExp(`^W, ${head}  WARN ${id} -- : two\nlines$`));
    assert.match(events[2]!, new RegExp(`^E, ${head} ERROR ${id} -- named: to nothing$`));
    assert.match(events[3]!, new RegExp(`^E, ${head} ERROR ${id} -- : logged \\(ArgumentError\\)`));
    const json = await run('app.logs', {
      invocations: 1,
      environment: { AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: 'WARN' },
    });
    const entries = json.events.map((text) => JSON.parse(text));
    assert.deepEqual(
      entries.map(({ level, message, requestId: of, logger }) => [level, message, of, logger]),
      [
        ['WARN', 'two\nlines', id, undefined],
        ['ERROR', 'to nothing', id, 'named'],
        ['ERROR', 'logged', id, undefined],
      ],
    );
    assert.equal(entries[2].errorType, 'ArgumentError');
  });

  it('reports errors of handlers, with the lines of the function', async (test) => {
    if (ruby === null) return test.skip(absent);
    const failed = await run('app.fails');
    const [first, second] = failed.answers.map(({ kind, body }) => ({ kind, ...JSON.parse(body) }));
    assert.deepEqual([first.kind, first.errorMessage, first.errorType], ['error', 'no good', 'Function<RuntimeError>']);
    assert.match(first.stackTrace[0], /lib\/helper\.rb:9:in [`'](Helper\.)?fail_with'$/);
    assert.match(first.stackTrace[1], /app\.rb:\d+:in [`'](Object#)?fails'$/);
    assert.equal(first.stackTrace.length, 2);
    assert.equal(second.errorMessage, 'no good');
    assert.equal(failed.events[0], 'Error raised from handler method');
    assert.deepEqual(JSON.parse(failed.events[1]!).errorMessage, 'no good');
    assert.deepEqual((await answer('app.fails_with_cause')).body.errorType, 'Function<ArgumentError>');
    assert.deepEqual((await answer('app.fails_own')).body.errorMessage, 'my own ✓');
    assert.deepEqual((await answer('app.not_a_number')).body.errorType, 'Function<JSON::GeneratorError>');
    assert.deepEqual((await answer('app.without_arguments')).body.errorType, 'Function<ArgumentError>');
  });

  it('ends after an error that no handler survives', async (test) => {
    if (ruby === null) return test.skip(absent);
    for (const [handler, type] of [
      ['app.undefined_method', 'NoMethodError'],
      ['app.exits', 'SystemExit'],
      ['app.does_not_exist', 'NoMethodError'],
    ] as const) {
      const { answers, events } = await run(handler);
      assert.equal(JSON.parse(answers[0]!.body).errorType, `Function<${type}>`);
      assert.equal(events[0], 'Critical exception from handler');
      assert.deepEqual(answers.at(-1), { kind: 'exit', body: '255' });
    }
    assert.deepEqual((await run('app.exits_hard')).answers, [{ kind: 'exit', body: '7' }]);
  });

  it('reports what goes wrong while a function is loaded', async (test) => {
    if (ruby === null) return test.skip(absent);
    for (const [handler, type, message] of [
      ['notthere.handler', 'LoadError', /^cannot load such file -- notthere$/],
      ['missing.handler', 'LoadError', /^cannot load such file -- nowhere$/],
      ['syntax.handler', 'SyntaxError', /syntax\.rb:\d/],
      ['throws.handler', 'RuntimeError', /^while loading$/],
      ['exits.handler', 'SystemExit', /^exit$/],
      ['nodot', 'ArgumentError', /^Invalid handler \["nodot"\], must be of form FILENAME\.METHOD or/],
    ] as const) {
      const { answers, events } = await run(handler);
      const [failed, end] = answers;
      assert.equal(failed?.kind, 'init-error', handler);
      assert.equal(JSON.parse(failed!.body).errorType, `Init<${type}>`);
      assert.match(JSON.parse(failed!.body).errorMessage, message);
      assert.ok(events.includes(`Init error when loading handler ${handler}`), events.join('\n'));
      assert.deepEqual(end, { kind: 'exit', body: '252' });
    }
  });
});

describe('Ruby functions on a platform', () => {
  let hearth: Hearth;
  let runtime: string | null = null;
  const stand = mkdtempSync(join(tmpdir(), 'hearth-rbenv-'));
  before(async () => {
    const minor = ruby?.version.split('.').slice(0, 2).join('.');
    if (ruby !== null && !['3.2', '3.3', '3.4', '4.0'].includes(minor!)) {
      // Lambda has no runtime of this version: it stands in for 3.2, and says so when asked.
      const bin = join(stand, 'versions', '3.2.0', 'bin');
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(bin, 'ruby'), `#!/bin/sh\nprintf '/usr\\n3.2.0\\nruby\\n${ruby.program}\\n'\n`, {
        mode: 0o755,
      });
      process.env.RBENV_ROOT = stand;
      process.stderr.write(`Ruby ${ruby.version} stands in for ruby3.2\n`);
    }
    hearth = await Hearth.start('--spares', '1');
    runtime = ruby === null ? null : existsSync(join(stand, 'versions')) ? 'ruby3.2' : `ruby${minor}`;
  });
  after(async () => {
    await hearth.remove();
    rmSync(stand, { recursive: true, force: true });
  });

  it('run, fail, and run again', async (test) => {
    if (runtime === null) return test.skip(absent);
    const create = (name: string, handler: string, more = {}) =>
      hearth.create(name, runtime!, handler, filesOf(sources), more);
    await create('echo', 'app.echo');
    assert.deepEqual(await result(hearth, 'echo', { n: '✓' }), { n: '✓' });
    await create('prints', 'app.prints');
    const printed = await hearth.invoke('prints', { a: 1 });
    assert.match(printed.log, /put\ntwo\nlines\n/);
    assert.match(printed.log, /printed ✓\nto stdout\nwritten\n/);
    await create('fails', 'app.fails');
    const failed = await failure(hearth, 'fails', {});
    assert.deepEqual([failed.errorMessage, failed.errorType], ['no good', 'Function<RuntimeError>']);
    assert.match((failed.stackTrace as string[])[0]!, /^\/var\/task\/lib\/helper\.rb:9:in /);
    await create('critical', 'app.undefined_method');
    assert.equal((await failure(hearth, 'critical', {})).errorType, 'Function<NoMethodError>');
    assert.equal((await failure(hearth, 'critical', {})).errorType, 'Function<NoMethodError>');
    await create('unloadable', 'missing.handler');
    assert.equal((await failure(hearth, 'unloadable', {})).errorType, 'Init<LoadError>');
    await logged(hearth, 'echo', new RegExp(`INIT_START Runtime Version: ruby:${runtime.slice(4)}\\.v`));
  });

  it('start through a wrapper that closes descriptors', async (test) => {
    if (runtime === null) return test.skip(absent);
    const wrapper = Buffer.from('#!/bin/bash\nexec 3>&-\nexport CUSTOM=wrapped\nexec "$@"\n');
    await hearth.create(
      'wrapped',
      runtime,
      'app.environment',
      { ...filesOf(sources), wrapper },
      {
        Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: '/var/task/wrapper' } },
      },
    );
    const [custom, , inTask] = (await result(hearth, 'wrapped', {})) as unknown[];
    assert.deepEqual([custom, inTask], ['wrapped', true]);
  });

  it('find files, and gems of vendor/bundle and of layers', async (test) => {
    if (runtime === null) return test.skip(absent);
    const api = `${runtime.slice('ruby'.length)}.0`;
    const gem = (folder: string, name: string) => ({
      [`${folder}/${api}/gems/${name}-1.0/lib/${name}.rb`]: `module ${name.toUpperCase()}; WORD = '${name}'; end\n`,
      [`${folder}/${api}/specifications/${name}-1.0.gemspec`]: `Gem::Specification.new { |s| s.name = '${name}'; s.version = '1.0'; s.summary = s.name; s.authors = ['x'] }\n`,
    });
    const layer = await hearth.lambda().send(
      new PublishLayerVersionCommand({
        LayerName: 'gems',
        Content: { ZipFile: await zip({ ...gem('ruby/gems', 'layered'), 'ruby/lib/plain.rb': "PLAIN = 'plain'\n" }) },
      }),
    );
    const files = {
      ...gem('vendor/bundle/ruby', 'bundled'),
      'app.rb':
        "require 'layered'\nrequire 'bundled'\nrequire 'plain'\n" +
        'def handler(event:, context:) = [LAYERED::WORD, BUNDLED::WORD, PLAIN]\n',
    };
    await hearth.create('gems', runtime, 'app.handler', files, { Layers: [layer.LayerVersionArn!] });
    assert.deepEqual(await result(hearth, 'gems', {}), ['layered', 'bundled', 'plain']);
  });

  it('start with their own variables', async (test) => {
    if (runtime === null) return test.skip(absent);
    await hearth.create('variables', runtime, 'app.environment', filesOf(sources), {
      Environment: { Variables: { CUSTOM: 'mine', RUBYOPT: '-W0', TZ: 'Asia/Tokyo' } },
    });
    assert.deepEqual(await result(hearth, 'variables', {}), ['mine', 'unset', true, 9, 'UTF-8', 'mine']);
  });
});
