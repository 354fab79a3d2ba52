import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, suite, test } from 'node:test';
import { GetAliasCommand, GetFunctionCommand, GetFunctionRecursionConfigCommand } from '@aws-sdk/client-lambda';
import { projectRoot } from '../../src/adapters/projectroot.js';
import type { Deployment } from '../../src/deploy/stack.js';
import { stop } from './childprocess.js';
import { Hearth, ownNode } from './hearth.js';

const code = (text: string) => `exports.handler = async () => ${text};\n`;

suite('hearth deploy', () => {
  let hearth: Hearth;
  const folder = mkdtempSync(join(tmpdir(), 'hearth-deploy-'));
  before(async () => {
    hearth = await Hearth.start();
  });
  after(async () => {
    await hearth.remove();
    rmSync(folder, { recursive: true });
  });

  const write = (files: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(files)) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  };
  const deploy = async (path: string, ...args: string[]) => {
    const ran = await hearth.cli('deploy', join(folder, path), '--json', ...args);
    const [deployment] = ran.stdout === '' ? [] : (JSON.parse(ran.stdout) as Deployment[]);
    const changes = deployment?.steps.map(({ logicalId, change }) => `${logicalId} ${change}`);
    return { status: ran.status, stderr: ran.stderr, deployment: deployment!, changes };
  };

  test('provisioned concurrency is waited for; what cannot be initialized fails the deployment, and says why', async () => {
    const template = (text: string) => ({
      'provisioned/template.yaml': `
Transform: AWS::Serverless-2016-10-31
Resources:
  Ready:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: ready
      Runtime: ${ownNode}
      Handler: index.handler
      CodeUri: code
      AutoPublishAlias: live
      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 1}
`,
      'provisioned/code/index.js': text,
    });
    write(template(code('process.env.AWS_LAMBDA_INITIALIZATION_TYPE')));
    const first = await deploy('provisioned');
    assert.equal(first.status, 0, first.stderr);
    assert.equal((await hearth.invoke('ready', '{}', { Qualifier: 'live' })).payload, '"provisioned-concurrency"');
    write(template('throw new Error("not today");'));
    const second = await deploy('provisioned');
    assert.equal(second.status, 2);
    const failed = second.deployment.steps.filter(({ change }) => change === 'failed');
    assert.deepEqual(
      failed.map(({ logicalId }) => logicalId),
      ['ReadyAliaslive'],
    );
    assert.match(failed[0]!.details.join(' '), /ready:live.*provisioned concurrency: FUNCTION_ERROR_INIT_FAILURE/);
  });

  test('a SAM template: plan, deploy, nothing the second time, a change, a removal', async () => {
    const template = (timeout: number, more = '') => `
Transform: AWS::Serverless-2016-10-31
Parameters: {Who: {Type: String}}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: hello
      Runtime: ${ownNode}
      Handler: index.handler
      CodeUri: code
      Timeout: ${timeout}
      AutoPublishAlias: live
      Environment: {Variables: {WHO: !Ref Who}}
${more}
  Web: {Type: AWS::ApiGateway::RestApi}
Outputs: {Alias: {Value: !Ref HelloAliaslive}}
`;
    const other = `
  Other:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: other, Runtime: ${ownNode}, Handler: index.handler, Role: !GetAtt HelloRole.Arn, Code: {ZipFile: "${code('process.env.PEER').trim()}"}, Environment: {Variables: {PEER: !GetAtt Hello.Arn}}}`;
    write({ 'sam/template.yaml': template(5, other), 'sam/code/index.js': code('process.env.WHO') });

    const missing = await deploy('sam');
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /Who has no value: --param Who=VALUE/);

    const plan = await deploy('sam', '--plan', '--param', 'Who=you');
    assert.deepEqual(plan.changes, [
      'HelloRole none',
      'Hello create',
      'HelloVersion create',
      'HelloAliaslive create',
      'Other create',
      'Web left out',
    ]);
    const nothing = await hearth
      .lambda()
      .send(new GetFunctionCommand({ FunctionName: 'hello' }))
      .catch((e: Error) => e.name);
    assert.equal(nothing, 'ResourceNotFoundException', 'a plan changes nothing');

    const first = await deploy('sam', '--param', 'Who=you');
    assert.equal(first.status, 0);
    assert.deepEqual(first.changes, plan.changes);
    assert.match(first.deployment.outputs.Alias!, /:function:hello:live$/);
    assert.equal((await hearth.invoke('hello', '{}', { Qualifier: 'live' })).payload, '"you"');
    assert.match((await hearth.invoke('other', '{}')).payload, /:function:hello"$/);

    const second = await deploy('sam', '--param', 'Who=you');
    assert.ok(
      second.changes!.every((text) => text.endsWith(' none') || text === 'Web left out'),
      String(second.changes),
    );

    write({ 'sam/template.yaml': template(7), 'sam/code/index.js': code('"new"') });
    const third = await deploy('sam', '--param', 'Who=you');
    assert.deepEqual(third.changes, [
      'HelloRole none',
      'Hello update',
      'HelloVersion create',
      'HelloAliaslive update',
      'Web left out',
      'Other delete',
    ]);
    assert.equal((await hearth.invoke('hello', '{}', { Qualifier: 'live' })).payload, '"new"');
    const alias = await hearth.lambda().send(new GetAliasCommand({ FunctionName: 'hello', Name: 'live' }));
    assert.equal(alias.FunctionVersion, '2');
  });

  test('cdk output: assets are found by their keys', async () => {
    write({
      'cdk/cdk.out/manifest.json': JSON.stringify({
        artifacts: { Api: { type: 'aws:cloudformation:stack', properties: { templateFile: 'Api.template.json' } } },
      }),
      'cdk/cdk.out/Api.assets.json': JSON.stringify({
        files: { x: { source: { path: 'asset.x' }, destinations: { d: { objectKey: 'x.zip' } } } },
      }),
      'cdk/cdk.out/asset.x/index.js': code('"cdk"'),
      'cdk/cdk.out/Api.template.json': JSON.stringify({
        Parameters: { BootstrapVersion: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/cdk/v' } },
        Resources: {
          Fn: {
            Type: 'AWS::Lambda::Function',
            Properties: {
              Runtime: ownNode,
              Handler: 'index.handler',
              Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
              Code: { S3Bucket: { 'Fn::Sub': 'cdk-assets-${AWS::AccountId}' }, S3Key: 'x.zip' },
            },
          },
          Role: { Type: 'AWS::IAM::Role', Properties: {} },
          CDKMetadata: { Type: 'AWS::CDK::Metadata', Properties: {} },
        },
      }),
    });
    const deployed = await deploy('cdk');
    assert.deepEqual(deployed.changes, ['Role none', 'Fn create']);
    assert.equal((await hearth.invoke('Api-Fn', '{}')).payload, '"cdk"');
  });

  test('a function that exists is taken over only when told so; a failed resource does not stop the others', async () => {
    await hearth.create('mine', ownNode, 'index.handler', { 'index.js': code('"mine"') });
    const one = (name: string) =>
      `{Type: AWS::Lambda::Function, Properties: {FunctionName: ${name}, Runtime: ${ownNode}, Handler: index.handler, Role: r, Code: {ZipFile: "${code('1').trim()}"}}}`;
    write({
      'own/template.yaml': `Resources:\n  Mine: ${one('mine')}\n  Needs: {Type: AWS::Lambda::Alias, Properties: {Name: a, FunctionName: !Ref Mine, FunctionVersion: "1"}}\n  Free: ${one('free')}\n`,
    });
    const refused = await deploy('own');
    assert.equal(refused.status, 2);
    assert.deepEqual(refused.changes, ['Mine failed', 'Needs failed', 'Free create']);
    assert.match(
      refused.deployment.steps[0]!.details[0]!,
      /mine exists and was not deployed by hearth deploy; --adopt/,
    );
    assert.equal((await hearth.invoke('mine', '{}')).payload, '"mine"');
    const adopted = await deploy('own', '--adopt');
    assert.equal(adopted.changes![0], 'Mine update');
    assert.equal((await hearth.invoke('mine', '{}')).payload, '1');
  });

  test('whether a recursive loop is ended follows the template, also in updates', async () => {
    const template = (more: string) => ({
      'loop/template.yaml': `Resources:\n  Fn: {Type: AWS::Lambda::Function, Properties: {FunctionName: loop, Runtime: ${ownNode}, Handler: index.handler, Role: r, Code: {ZipFile: "${code('1').trim()}"}${more}}}\n`,
    });
    const now = async () =>
      (await hearth.lambda().send(new GetFunctionRecursionConfigCommand({ FunctionName: 'loop' }))).RecursiveLoop;
    write(template(''));
    assert.deepEqual((await deploy('loop')).changes, ['Fn create']);
    write(template(', RecursiveLoop: Allow'));
    const allowed = await deploy('loop');
    assert.deepEqual(allowed.deployment.steps[0]!.details, ['recursive loop Terminate → Allow']);
    assert.equal(await now(), 'Allow');
    assert.deepEqual((await deploy('loop')).changes, ['Fn none']);
    write(template(''));
    assert.deepEqual((await deploy('loop')).changes, ['Fn update']);
    assert.equal(await now(), 'Terminate');
  });

  test('a serverless.yml', async () => {
    write({
      'sls/serverless.yml': `service: shop\nprovider: {name: aws, runtime: ${ownNode}, environment: {STAGE: "\${sls:stage}"}}\npackage: {patterns: ["!**", "*.js"]}\nfunctions: {list: {handler: index.handler}}\n`,
      'sls/index.js': code('process.env.STAGE'),
    });
    const deployed = await deploy('sls', '--stage', 'test');
    assert.deepEqual(deployed.changes, ['ListLambdaFunction create', 'ListLambdaVersion create']);
    assert.equal((await hearth.invoke('shop-test-list', '{}')).payload, '"test"');
  });

  test('--watch deploys again when the code changes', async () => {
    write({
      'watch/template.yaml': `Resources:\n  W: {Type: AWS::Lambda::Function, Properties: {FunctionName: watched, Runtime: ${ownNode}, Handler: index.handler, Role: r, Code: src}}\n`,
      'watch/src/index.js': code('1'),
    });
    const args = ['deploy', join(folder, 'watch'), '--watch', '--data', hearth.folder];
    const child: ChildProcess = spawn(join(projectRoot, 'bin', 'hearth'), args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: hearth.environment,
    });
    try {
      const lines = createInterface({ input: child.stderr! })[Symbol.asyncIterator]();
      const line = async (pattern: RegExp) => {
        for (;;) {
          const { value, done } = await lines.next();
          assert.ok(!done, 'the command goes on');
          if (pattern.test(value)) return;
        }
      };
      await line(/Waiting for changes/);
      assert.equal((await hearth.invoke('watched', '{}')).payload, '1');
      write({ 'watch/src/index.js': code('2') });
      await line(/1 updated.* ms$/);
      assert.equal((await hearth.invoke('watched', '{}')).payload, '2');
      write({ 'watch/template.yaml': 'Resources: [' });
      await line(/template\.yaml/);
    } finally {
      await stop(child);
    }
  });
});
