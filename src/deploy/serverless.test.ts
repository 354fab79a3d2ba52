import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { Properties } from './model.js';
import { readTemplates } from './source.js';

const options = { stage: null, parameters: { token: 't0' }, region: 'eu-west-1', account: '123456789012' };

function templateOf(yaml: string, files: Readonly<Record<string, string>> = {}, stage: string | null = null) {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-deploy-'));
  try {
    writeFileSync(join(folder, 'serverless.yml'), yaml);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const [template] = readTemplates(folder, { ...options, stage });
    return template!;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const service = `
service: shop
provider:
  name: aws
  runtime: nodejs22.x
  memorySize: 512
  environment: {STAGE: "\${sls:stage}", SHARED: "\${self:custom.shared}", TOKEN: "\${param:token}"}
custom:
  shared: "\${file(values.json):inner.name}"
  sizes: {dev: 128, prod: 2048}
package: {patterns: ["!node_modules/**"]}
`;

test('functions get names, provider settings and the framework’s defaults', () => {
  const template = templateOf(
    `${service}
functions:
  list-items:
    handler: src/list.handler
    environment: {OWN: "\${opt:missing, 'fallback'}", REGION: "\${aws:region}"}
    memorySize: \${self:custom.sizes.\${sls:stage}}
    package: {patterns: ["src/**"]}
    url: {cors: true}
    events:
      - httpApi: 'GET /items'
      - sqs: {arn: "arn:aws:sqs:eu-west-1:123456789012:orders", batchSize: 5}
  plain: {handler: b.handler, versionFunction: false}
resources:
  Resources:
    Orders: {Type: AWS::SQS::Queue, Properties: {QueueName: orders}}
  Outputs: {Where: {Value: !GetAtt Orders.Arn}}
`,
    { 'values.json': '{"inner":{"name":"n1"}}' },
  );
  assert.equal(template.name, 'shop-dev');
  const properties = (id: string) => template.resources.get(id)!.properties;
  const list = properties('ListDashitemsLambdaFunction');
  assert.equal(list.FunctionName, 'shop-dev-list-items');
  assert.equal(list.Runtime, 'nodejs22.x');
  assert.equal(list.MemorySize, 128);
  assert.equal(list.Timeout, 6);
  assert.deepEqual((list.Environment as Properties).Variables, {
    STAGE: 'dev',
    SHARED: 'n1',
    TOKEN: 't0',
    OWN: 'fallback',
    REGION: 'eu-west-1',
  });
  const { Patterns } = list.Code as { Patterns: string[] };
  assert.deepEqual(Patterns.slice(-2), ['!node_modules/**', 'src/**']);
  assert.equal(properties('ListDashitemsLambdaFunctionUrl').AuthType, 'NONE');
  assert.equal(properties('ListDashitemsEvent1').BatchSize, 5);
  assert.deepEqual(
    [...template.resources].map(([id, { type }]) => `${id} ${type}`),
    [
      'ListDashitemsLambdaFunction AWS::Lambda::Function',
      'ListDashitemsLambdaVersion AWS::Lambda::Version',
      'ListDashitemsLambdaFunctionUrl AWS::Lambda::Url',
      'ListDashitemsLambdaPermissionFnUrl AWS::Lambda::Permission',
      'ListDashitemsLambdaPermissionFnInvoke AWS::Lambda::Permission',
      'ListDashitemsEvent0 Serverless::Event::httpApi',
      'ListDashitemsEvent1 AWS::Lambda::EventSourceMapping',
      'PlainLambdaFunction AWS::Lambda::Function',
      'Orders AWS::SQS::Queue',
    ],
  );
});

test('the stage comes from the command line, then from the file', () => {
  const yaml = `${service.replace('memorySize: 512', 'stage: prod')}\nfunctions: {f: {handler: a.b, memorySize: "\${self:custom.sizes.\${sls:stage}}"}}`;
  const files = { 'values.json': '{"inner":{"name":"n1"}}' };
  const memoryOf = (stage: string | null) =>
    templateOf(yaml, files, stage).resources.get('FLambdaFunction')!.properties.MemorySize;
  assert.equal(memoryOf(null), 2048);
  assert.equal(memoryOf('dev'), 128);
});

test('what has no value, or goes round in a circle, is an error that says where', () => {
  const broken = (custom: string) => () =>
    templateOf(`service: s\nprovider: {name: aws}\ncustom: ${custom}\nfunctions: {f: {handler: "\${self:custom.a}"}}`);
  assert.throws(broken('{}'), /functions\.f\.handler: \$\{self:custom\.a\} has no value/);
  assert.throws(broken('{a: "${self:custom.b}", b: "${self:custom.a}"}'), /circle/);
  assert.throws(broken('{a: "${ssm:/x}"}'), /kind \$\{ssm:…\}/);
  assert.throws(() => templateOf('service: s\nprovider: {name: google}\nfunctions: {f: {handler: x}}'), /must be aws/);
});
