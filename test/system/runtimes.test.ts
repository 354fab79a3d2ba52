import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { eventually, Hearth, ownNode, testIsolation } from './hearth.js';

const bootstrap = (file: string) => readFileSync(join(projectRoot, 'test', 'system', 'fixtures', 'bootstraps', file));

interface Listed {
  readonly name: string;
  readonly status: 'ready' | 'installable' | 'missing';
  readonly version: string | null;
}

describe('language runtimes', () => {
  let hearth: Hearth;
  let runtimes: Listed[];
  before(async () => {
    hearth = await Hearth.start('--spares', '1');
    // What is fetched from npm is fetched once, not at every run of the tests.
    const cache = join(projectRoot, '.cache', 'runtimes');
    mkdirSync(cache, { recursive: true });
    if (!existsSync(join(hearth.folder, 'runtimes'))) symlinkSync(cache, join(hearth.folder, 'runtimes'));
    runtimes = JSON.parse((await hearth.cli('runtimes', '--json')).stdout);
  });
  after(() => hearth.remove());

  const node = (name: string, files: Record<string, string>, more = {}, runtime = ownNode) =>
    hearth.create(name, runtime, 'index.handler', files, more);
  const result = async (name: string, payload: unknown = {}) => {
    const invoked = await hearth.invoke(name, payload);
    assert.equal(invoked.functionError, undefined, invoked.payload);
    return JSON.parse(invoked.payload);
  };

  /** Makes a Node runtime ready; the reason when the registry does not give it. */
  async function missing(name: string): Promise<string | null> {
    if (runtimes.find((one) => one.name === name)?.status === 'ready') return null;
    const added = await hearth.cli('runtimes', 'add', name, '--json');
    return added.status === 0 ? null : `the registry gave no ${name}: ${added.stderr.trim().split('\n')[0]}`;
  }

  it('runs Python', async (test) => {
    const ready = runtimes.filter(({ name, status }) => name.startsWith('python') && status === 'ready').at(-1);
    if (ready === undefined) return test.skip('no Python of a Lambda runtime on this machine');
    await hearth.create('python', ready.name, 'package.module.handler', {
      'package/__init__.py': '',
      'package/module.py': `import json, logging, sys
count = 0
def handler(event, context):
    global count
    count += 1
    print('printed', event)
    logging.getLogger().warning('warned')
    if event.get('fail'):
        raise ValueError('as told')
    return {'count': count, 'version': sys.version.split()[0], 'id': context.aws_request_id, 'ms': context.get_remaining_time_in_millis() > 0}
`,
    });
    const first = await result('python');
    assert.equal(first.version, ready.version);
    assert.equal(first.ms, true);
    assert.match(first.id, /^[0-9a-f-]{36}$/);
    const read = await hearth.cli('logs', 'python');
    assert.match(read.stdout, /START RequestId.*\n.*printed \{\}\n.*\[WARNING\].*warned\n.*END RequestId/);
    const failed = await hearth.invoke('python', { fail: true });
    assert.equal(failed.functionError, 'Unhandled');
    const error = JSON.parse(failed.payload);
    assert.deepEqual([error.errorType, error.errorMessage], ['ValueError', 'as told']);
    assert.match(error.stackTrace[0], /File "\/var\/task\/package\/module\.py", line \d+, in handler/);
    assert.match(failed.log, /printed \{'fail': True\}/);
    assert.match(failed.log, /\[WARNING\]\t\S+Z\t[0-9a-f-]{36}\twarned/);
    assert.match(failed.log, /\[ERROR\] ValueError: as told\nTraceback \(most recent call last\):/);
    assert.equal((await result('python')).count, 3);
  });

  it('runs a shell that speaks through curl', async () => {
    await hearth.create('shell', 'provided.al2023', 'some.handler', { bootstrap: bootstrap('shell.sh') });
    assert.deepEqual(await result('shell', { n: 1 }), { shell: { n: 1 } });
    assert.deepEqual(await result('shell', { n: 2 }), { shell: { n: 2 } });
    const failed = await hearth.invoke('shell', { fail: true });
    assert.equal(failed.functionError, 'Unhandled');
    assert.deepEqual(JSON.parse(failed.payload), { errorType: 'Shell.Failed', errorMessage: 'as told' });
    await eventually(
      async () => (await hearth.cli('logs', 'shell')).stdout.includes('cold start of some.handler'),
      'standard error in the log',
    );
  });

  it('runs Python over http.client, unmodified', async () => {
    await hearth.create('http', 'provided.al2023', 'x', { bootstrap: bootstrap('httpclient.py') });
    const arn = `arn:aws:lambda:us-east-1:${hearth.credential.account}:function:http`;
    for (let n = 0; n < 3; n++) {
      assert.deepEqual(await result('http', { n }), { python: { n }, arn, remaining: true });
    }
  });

  it('runs Node over node:http, unmodified', async (test) => {
    if (testIsolation().includes('microvm')) {
      return test.skip(
        'a virtual machine has a system of its own, without Node; one in the zip is too large for a test',
      );
    }
    const file = readFileSync(join(projectRoot, 'bench', 'functions', 'httpclient', 'bootstrap'), 'utf8');
    // A function brings its own interpreter; here the machine's, copied into the zip, is too large for a test: it is
    // the one of the sandbox's system when there is one.
    const interpreter = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path));
    await hearth.create('nodehttp', 'provided.al2023', 'x', {
      bootstrap: file.replace('/var/lang/bin/node', interpreter ?? '/var/lang/bin/node'),
    });
    for (let n = 0; n < 3; n++) assert.deepEqual(await result('nodehttp', { n }), { n });
  });

  it('reports a bootstrap that is missing or cannot run', async () => {
    await hearth.create('nothing', 'provided.al2023', 'x', { 'other.txt': 'x' });
    const missing = JSON.parse((await hearth.invoke('nothing')).payload);
    assert.equal(missing.errorType, 'Runtime.InvalidEntrypoint');
    await hearth.create('exits', 'provided.al2023', 'x', { bootstrap: '#!/bin/sh\nexit 7\n' });
    const exits = JSON.parse((await hearth.invoke('exits')).payload);
    assert.equal(exits.errorType, 'Runtime.ExitError');
    assert.match(exits.errorMessage, /exit status 7/);
  });

  for (const name of ['nodejs20.x', 'nodejs22.x', 'nodejs24.x'] as const) {
    it(`adds ${name} on demand, and runs it`, async (test) => {
      const reason = await missing(name);
      if (reason !== null) return test.skip(reason);
      await node(
        name.replace('.', '-'),
        { 'index.mjs': 'export const handler = async () => process.version;' },
        {},
        name,
      );
      assert.match(await result(name.replace('.', '-')), new RegExp(`^v${/\d+/.exec(name)}\\.`));
    });
  }

  it('takes every form of a Node handler', async () => {
    const forms: Readonly<Record<string, Record<string, string>>> = {
      commonjs: { 'index.js': 'exports.handler = async (event) => ({ got: event });' },
      module: { 'index.mjs': 'await null; export const handler = async (event) => ({ got: event });' },
      typemodule: {
        'package.json': '{"type":"module"}',
        'index.js': 'export async function handler(event) { return { got: event }; }',
      },
      stored: { 'index.cjs': 'module.exports = { handler: async (event) => ({ got: event }) };' },
    };
    await Promise.all(Object.entries(forms).map(([name, files]) => node(`form-${name}`, files)));
    for (const name of Object.keys(forms)) assert.deepEqual(await result(`form-${name}`, { n: 1 }), { got: { n: 1 } });
  });

  it('takes callbacks up to Node 22', async (test) => {
    const reason = await missing('nodejs20.x');
    if (reason !== null) return test.skip(reason);
    const succeed = 'exports.handler = (event, context) => { setTimeout(() => context.succeed({ got: event }), 1); };';
    const callback = 'exports.handler = (event, context, callback) => callback(null, { got: event });';
    await node('succeed', { 'index.js': succeed }, {}, 'nodejs20.x');
    await node('callback', { 'index.js': callback }, {}, 'nodejs20.x');
    assert.deepEqual(await result('succeed', { n: 1 }), { got: { n: 1 } });
    assert.deepEqual(await result('callback', { n: 1 }), { got: { n: 1 } });
  });

  it('starts a process of its own for variables that count at the start', async () => {
    await node(
      'options',
      {
        'index.mjs':
          'export const handler = async () => [globalThis.preloaded, process.execArgv, process.env.NODE_OPTIONS];',
        'preload.cjs': 'globalThis.preloaded = "yes";',
      },
      { Environment: { Variables: { NODE_OPTIONS: '--require /var/task/preload.cjs' } } },
    );
    const [preloaded, , options] = await result('options');
    assert.equal(preloaded, 'yes');
    assert.equal(options, '--require /var/task/preload.cjs');
    await node(
      'wrapped',
      {
        'index.mjs': 'export const handler = async () => process.env.FROM_WRAPPER ?? null;',
        wrapper: '#!/bin/sh\nexport FROM_WRAPPER="wrapped $#"\nexec "$@"\n',
      },
      { Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: '/var/task/wrapper' } } },
    );
    assert.match(await result('wrapped'), /^wrapped \d+$/);
    await node(
      'unstartable',
      { 'index.mjs': 'export const handler = async () => 1;' },
      { Environment: { Variables: { NODE_OPTIONS: '--require /var/task/nowhere.cjs' } } },
    );
    const broken = await hearth.invoke('unstartable');
    assert.equal(broken.functionError, 'Unhandled');
    assert.equal(JSON.parse(broken.payload).errorType, 'Runtime.ExitError');
    assert.match(broken.log, /Cannot find module '\/var\/task\/nowhere\.cjs'/);
  });

  it('starts Python with its own variables, and through a wrapper', async (test) => {
    const ready = runtimes.filter(({ name, status }) => name.startsWith('python') && status === 'ready').at(-1);
    if (ready === undefined) return test.skip('no Python of a Lambda runtime on this machine');
    await hearth.create(
      'pywrapped',
      ready.name,
      'app.handler',
      {
        'app.py':
          'import os, sys\nimport extra\ndef handler(event, context):\n    return [extra.word, os.environ["FROM_WRAPPER"], sys.flags.dont_write_bytecode]\n',
        'lib/extra.py': 'word = "found"\n',
        wrapper: '#!/bin/bash\nexport FROM_WRAPPER=yes\nexec "$@"\n',
      },
      {
        Environment: {
          Variables: {
            AWS_LAMBDA_EXEC_WRAPPER: '/var/task/wrapper',
            PYTHONPATH: '/var/task/lib',
            PYTHONDONTWRITEBYTECODE: '1',
          },
        },
      },
    );
    assert.deepEqual(await result('pywrapped'), ['found', 'yes', 1]);
  });

  it('takes 4 KB of environment variables, and no more', async () => {
    const code = { 'index.mjs': 'export const handler = async () => process.env.BIG.length;' };
    await node('big', code, { Environment: { Variables: { BIG: 'x'.repeat(4_000) } } });
    assert.equal(await result('big'), 4_000);
    await assert.rejects(node('bigger', code, { Environment: { Variables: { BIG: 'x'.repeat(4_200) } } }), {
      name: 'InvalidParameterValueException',
      message:
        /Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit\./,
    });
    await assert.rejects(node('reserved', code, { Environment: { Variables: { AWS_REGION: 'x' } } }), {
      name: 'InvalidParameterValueException',
      message: /reserved keys/,
    });
  });

  it('hands over client context, identity and the trace', async () => {
    await node('context', {
      'index.mjs': `export const handler = async (event, context) => ({
        client: context.clientContext, name: context.functionName, version: context.functionVersion,
        memory: context.memoryLimitInMB, arn: context.invokedFunctionArn, group: context.logGroupName,
        trace: process.env._X_AMZN_TRACE_ID ?? null });`,
    });
    const ClientContext = Buffer.from('{"custom":{"a":"b"}}').toString('base64');
    const answer = await hearth.lambda().send(new InvokeCommand({ FunctionName: 'context', ClientContext }));
    const seen = JSON.parse(Buffer.from(answer.Payload ?? []).toString());
    assert.deepEqual(seen.client, { custom: { a: 'b' } });
    assert.deepEqual([seen.name, seen.version, seen.memory], ['context', '$LATEST', '512']);
    assert.match(seen.trace, /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};/);
  });

  it('gives the runtime that the machine has its own version', () => {
    const own = runtimes.find(({ name }) => name === `nodejs${process.versions.node.split('.')[0]}.x`);
    if (own !== undefined)
      assert.equal(
        own.version,
        execFileSync(process.execPath, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim(),
      );
  });
});
