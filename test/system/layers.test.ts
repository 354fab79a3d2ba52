import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  AddLayerVersionPermissionCommand,
  CreateFunctionCommand,
  DeleteLayerVersionCommand,
  GetFunctionConfigurationCommand,
  GetLayerVersionByArnCommand,
  GetLayerVersionPolicyCommand,
  ListLayersCommand,
  ListLayerVersionsCommand,
  PublishLayerVersionCommand,
  type PublishLayerVersionCommandInput,
  PublishVersionCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode, type Ran } from './hearth.js';
import { zip } from './zip.js';

const role = 'arn:aws:iam::123456789012:role/test';

describe('layers', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start();
  });
  after(() => hearth.remove());

  async function publish(
    name: string,
    files: Readonly<Record<string, Buffer | string>>,
    more: Partial<PublishLayerVersionCommandInput> = {},
  ): Promise<string> {
    const published = await hearth
      .lambda()
      .send(new PublishLayerVersionCommand({ LayerName: name, Content: { ZipFile: await zip(files) }, ...more }));
    return published.LayerVersionArn!;
  }

  async function called(name: string, payload: unknown = {}): Promise<unknown> {
    const { functionError, payload: text } = await hearth.invoke(name, payload);
    assert.equal(functionError, undefined, text);
    return JSON.parse(text);
  }

  it('appear in /opt in their order, and Node finds their modules', async () => {
    const first = await publish('first', {
      'nodejs/node_modules/shared/index.js': "module.exports = 'first';",
      'nodejs/node_modules/mine/index.js': "module.exports = 'mine';",
      'data/a.txt': 'a',
    });
    const major = process.versions.node.split('.')[0];
    const second = await publish('second', {
      'nodejs/node_modules/shared/index.js': "module.exports = 'second';",
      [`nodejs/node${major}/node_modules/special/index.js`]: "module.exports = 'special';",
      'data/b.txt': 'b',
      'bin/layertool': '#!/bin/sh\necho tool\n',
    });
    await hearth.create(
      'node',
      ownNode,
      'index.handler',
      {
        'index.js': `
          const { readdirSync, writeFileSync } = require('node:fs');
          const { execSync } = require('node:child_process');
          exports.handler = async () => ({
            modules: ['shared', 'mine', 'special'].map((name) => require(name)),
            data: readdirSync('/opt/data').sort(),
            tool: execSync('layertool').toString().trim(),
            written: (() => { try { writeFileSync('/opt/x', ''); return 'yes'; } catch ({ code }) { return code; } })(),
            paths: [process.env.NODE_PATH, process.env.PATH.split(':').at(-1), process.env.LD_LIBRARY_PATH.split(':').at(-1)],
          });`,
      },
      { Layers: [first, second] },
    );
    const expected = {
      modules: ['second', 'mine', 'special'],
      data: ['a.txt', 'b.txt'],
      tool: 'tool',
      written: 'EROFS',
      paths: [
        `/opt/nodejs/node${major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task`,
        '/opt/bin',
        '/opt/lib',
      ],
    };
    assert.deepEqual(await called('node'), expected);
    const shown = await hearth.lambda().send(new GetFunctionConfigurationCommand({ FunctionName: 'node' }));
    assert.deepEqual(
      shown.Layers?.map(({ Arn }) => Arn),
      [first, second],
    );
    assert.ok((shown.Layers?.[0]?.CodeSize ?? 0) > 100);

    // A version keeps its layers; the function gets others, and the next invocation sees them.
    await hearth.lambda().send(new PublishVersionCommand({ FunctionName: 'node' }));
    await hearth
      .lambda()
      .send(new UpdateFunctionConfigurationCommand({ FunctionName: 'node', Layers: [second, first] }));
    const waiter = { client: hearth.lambda(), maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
    await waitUntilFunctionUpdatedV2(waiter, { FunctionName: 'node' });
    const changed = (await called('node')) as { modules: string[] };
    assert.equal(changed.modules[0], 'first');
    assert.deepEqual(JSON.parse((await hearth.invoke('node', {}, { Qualifier: '1' })).payload), expected);

    // Deleted, they go on working where they are used; also in a new sandbox after the platform was killed.
    await hearth.lambda().send(new DeleteLayerVersionCommand({ LayerName: 'first', VersionNumber: 1 }));
    await assert.rejects(hearth.create('other', ownNode, 'index.handler', { 'index.js': '' }, { Layers: [first] }), {
      name: 'InvalidParameterValueException',
      message: `Layer version ${first} does not exist.`,
    });
    await hearth.stop('SIGKILL');
    await hearth.start();
    assert.equal(((await called('node')) as { modules: string[] }).modules[0], 'first');
  });

  it('bring packages for Python, and shared libraries that the loader finds', async (test) => {
    const python = ['3.13', '3.12', '3.11'].find((minor) => existsSync(`/usr/bin/python${minor}`));
    if (python === undefined) return test.skip('no /usr/bin/python3.11, 3.12 or 3.13');
    const source = join(hearth.folder, 'answer.c');
    writeFileSync(source, 'int answer(void) { return 42; }\n');
    execFileSync('cc', ['-shared', '-fPIC', '-o', join(hearth.folder, 'libanswer.so'), source]);
    const layer = await publish('packages', {
      'python/plain.py': "name = 'plain'\n",
      [`python/lib/python${python}/site-packages/packaged.py`]: "name = 'packaged'\n",
      'lib/libanswer.so': readFileSync(join(hearth.folder, 'libanswer.so')),
    });
    await hearth.create(
      'python',
      `python${python}`,
      'app.handler',
      {
        'app.py': `import ctypes, packaged, plain, sys
def handler(event, context):
    return [plain.name, packaged.name, ctypes.CDLL('libanswer.so').answer(), sys.path[:3]]
`,
      },
      { Layers: [layer] },
    );
    const paths = ['/var/task', `/opt/python/lib/python${python}/site-packages`, '/opt/python'];
    assert.deepEqual(await called('python'), ['plain', 'packaged', 42, paths]);
  });

  it('may wrap a runtime and load code into it before the function', async () => {
    const layer = await publish('wrapper', {
      wrap: '#!/bin/sh\nexport WRAPPED=yes\nexec "$@" --no-warnings\n',
      'hook.js': 'globalThis.hooked = process.execArgv;',
    });
    const code = 'exports.handler = async () => [process.env.WRAPPED, globalThis.hooked !== undefined];';
    const Variables = { AWS_LAMBDA_EXEC_WRAPPER: '/opt/wrap', NODE_OPTIONS: '--require /opt/hook.js' };
    await hearth.create(
      'wrapped',
      ownNode,
      'index.handler',
      { 'index.js': code },
      { Layers: [layer], Environment: { Variables } },
    );
    assert.deepEqual(await called('wrapped'), ['yes', true]);
  });

  it('may bring the bootstrap of a custom runtime', async () => {
    const layer = await publish('runtime', {
      bootstrap: `#!/bin/sh
while :; do
  curl -s -D /tmp/headers -o /tmp/event "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next"
  id=$(tr -d '\\r' < /tmp/headers | sed -n 's/^lambda-runtime-aws-request-id: //Ip')
  curl -s -d "\\"$(cat /var/task/word) $0\\"" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" > /dev/null
done
`,
    });
    await hearth.create('custom', 'provided.al2023', 'any', { word: 'hello' }, { Layers: [layer] });
    assert.equal(await called('custom'), 'hello /opt/bootstrap');
    await hearth.create('empty', 'provided.al2023', 'any', { word: 'hello' });
    const failed = await hearth.invoke('empty');
    assert.match(failed.payload, /Couldn't find valid bootstrap/);
  });

  it('are shared with other accounts by their policy', async () => {
    const layer = await publish('shared', { 'data/x': 'x' });
    await hearth.cli('accounts', 'add', '222222222222');
    const other = hearth.lambda(hearth.credentials.list().find(({ account }) => account === '222222222222')!);
    const use = async (FunctionName: string) =>
      other.send(
        new CreateFunctionCommand({
          FunctionName,
          Runtime: ownNode,
          Handler: 'index.handler',
          Role: role,
          Code: {
            ZipFile: await zip({
              'index.js': "exports.handler = async () => require('fs').readFileSync('/opt/data/x', 'utf8');",
            }),
          },
          Layers: [layer],
        }),
      );
    const denied = { name: 'AccessDeniedException', message: /not authorized to perform: lambda:GetLayerVersion on/ };
    await assert.rejects(use('theirs'), denied);
    await assert.rejects(other.send(new GetLayerVersionByArnCommand({ Arn: layer })), denied);
    const added = await hearth.lambda().send(
      new AddLayerVersionPermissionCommand({
        LayerName: 'shared',
        VersionNumber: 1,
        StatementId: 'other',
        Action: 'lambda:GetLayerVersion',
        Principal: '222222222222',
      }),
    );
    const policy = await hearth
      .lambda()
      .send(new GetLayerVersionPolicyCommand({ LayerName: 'shared', VersionNumber: 1 }));
    assert.equal(policy.RevisionId, added.RevisionId);
    const seen = await other.send(new GetLayerVersionByArnCommand({ Arn: layer }));
    assert.equal((await fetch(seen.Content!.Location!)).status, 200);
    await use('theirs');
    await eventually(async () => {
      const { State } = await other.send(new GetFunctionConfigurationCommand({ FunctionName: 'theirs' }));
      return State === 'Active';
    }, 'theirs to become active');
    assert.equal((await other.send(new ListLayersCommand({}))).Layers?.length, 0);
  });

  it('refuse what the service refuses, in its words', async () => {
    const client = hearth.lambda();
    const versions = (LayerName: string) => client.send(new ListLayerVersionsCommand({ LayerName }));
    assert.deepEqual((await versions('nothing')).LayerVersions, []);
    await assert.rejects(client.send(new GetLayerVersionByArnCommand({ Arn: 'arn:aws:lambda:us-east-1:1:layer:x' })), {
      name: 'ValidationException',
      message: /^1 validation error detected: Value .* at 'arn' failed to satisfy constraint: Member must satisfy/,
    });
    await assert.rejects(publish('x', { a: 'a' }, { CompatibleRuntimes: ['cobol' as never] }), {
      name: 'ValidationException',
      message: /at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy/,
    });
    await assert.rejects(publish('a name', { a: 'a' }), { name: 'ValidationException' });
  });

  const missing = existsSync('/usr/bin/aws') ? false : '/usr/bin/aws is not installed (package awscli)';
  it('through the AWS CLI', { skip: missing }, async () => {
    const good = (ran: Ran) => {
      assert.equal(ran.status, 0, ran.stderr);
      return ran.stdout === '' ? null : JSON.parse(ran.stdout);
    };
    const lambda = async (...args: string[]) => good(await hearth.aws('lambda', ...args));
    writeFileSync(
      join(hearth.folder, 'layer.zip'),
      await zip({ 'nodejs/node_modules/cli/index.js': "module.exports = 'cli';" }),
    );
    const published = await lambda(
      ...['publish-layer-version', '--layer-name', 'cli', '--zip-file', 'fileb://layer.zip'],
      ...['--compatible-runtimes', ownNode, '--license-info', 'MIT'],
    );
    const { LayerVersionArn: arn } = published;
    assert.deepEqual([published.Version, published.LicenseInfo, published.CompatibleRuntimes], [1, 'MIT', [ownNode]]);
    writeFileSync(
      join(hearth.folder, 'code.zip'),
      await zip({ 'index.js': "exports.handler = async () => require('cli');" }),
    );
    const created = await lambda(
      ...['create-function', '--function-name', 'cli', '--runtime', ownNode, '--handler', 'index.handler'],
      ...['--role', role, '--zip-file', 'fileb://code.zip', '--layers', arn],
    );
    assert.deepEqual(created.Layers[0].Arn, arn);
    await lambda('wait', 'function-active-v2', '--function-name', 'cli');
    assert.equal(await called('cli'), 'cli');
    const listed = await lambda('list-layers', '--compatible-runtime', ownNode);
    assert.deepEqual(
      listed.Layers.map(({ LayerName }: { LayerName: string }) => LayerName),
      ['cli'],
    );
    await lambda('delete-layer-version', '--layer-name', 'cli', '--version-number', '1');
    const gone = await hearth.aws('lambda', 'get-layer-version', '--layer-name', 'cli', '--version-number', '1');
    assert.match(gone.stderr, /\(ResourceNotFoundException\) .*: The resource you requested does not exist\./);
  });
});

describe('layers without walls (--isolation none)', () => {
  it('are found where the host has them', async () => {
    const hearth = await Hearth.start('--isolation', 'none', '--spares', '1');
    try {
      const layer = async (name: string, files: Readonly<Record<string, string>>) =>
        (
          await hearth
            .lambda()
            .send(new PublishLayerVersionCommand({ LayerName: name, Content: { ZipFile: await zip(files) } }))
        ).LayerVersionArn!;
      const Layers = [
        await layer('one', {
          'nodejs/node_modules/one/index.js': "module.exports = 'one';",
          'bin/layertool': '#!/bin/sh\necho 1\n',
        }),
        await layer('two', { bootstrap: '#!/bin/sh\necho "started $0" >&2\nexit 3\n' }),
      ];
      const code = `exports.handler = async () => [require('one'), require('child_process').execSync('layertool').toString()];`;
      // Without walls, a package.json in a folder above the code would count.
      const files = { 'index.js': code, 'package.json': '{}' };
      await hearth.create('node', ownNode, 'index.handler', files, { Layers });
      assert.equal((await hearth.invoke('node')).payload, '["one","1\\n"]');
      await hearth.create('custom', 'provided.al2023', 'any', { x: '' }, { Layers });
      assert.match((await hearth.invoke('custom')).log, /started .*\/layers\/[0-9a-f]{64}\/bootstrap/);
    } finally {
      await hearth.remove();
    }
  });
});
