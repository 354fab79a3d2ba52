import assert from 'node:assert/strict';
import test from 'node:test';
import { parseText } from './document.js';
import type { Properties } from './model.js';
import { templateOf } from './source.js';

const template = (yaml: string) =>
  templateOf(parseText(`Transform: AWS::Serverless-2016-10-31\n${yaml}`, 't'), {
    name: 'app',
    folder: '/',
    file: 't',
    asset: () => null,
  });

test('a function becomes what SAM makes of it', () => {
  const { resources } = template(`
Globals: {Function: {Timeout: 9, Environment: {Variables: {A: 1, B: 2}}, Layers: [l1]}}
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Condition: Wanted
    Properties:
      Runtime: python3.11
      Handler: app.handler
      CodeUri: src/
      Layers: [l2]
      Environment: {Variables: {B: 3}}
      Tags: {team: a}
      AutoPublishAlias: live
      FunctionUrlConfig: {AuthType: NONE}
      EventInvokeConfig: {MaximumRetryAttempts: 1}
      Events:
        Jobs: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn, BatchSize: 3}}
        Web: {Type: HttpApi}
  Q: {Type: AWS::SQS::Queue}
Conditions: {Wanted: !Equals [1, 1]}
`);
  assert.deepEqual(
    [...resources].map(([id, { type, condition }]) => `${id} ${type} ${condition}`),
    [
      'FnRole AWS::IAM::Role Wanted',
      'Fn AWS::Lambda::Function Wanted',
      'FnVersion AWS::Lambda::Version Wanted',
      'FnAliaslive AWS::Lambda::Alias Wanted',
      'FnUrl AWS::Lambda::Url Wanted',
      'FnUrlPublicPermissions AWS::Lambda::Permission Wanted',
      'FnURLInvokeAllowPublicAccess AWS::Lambda::Permission Wanted',
      'FnEventInvokeConfig AWS::Lambda::EventInvokeConfig Wanted',
      'FnJobs AWS::Lambda::EventSourceMapping Wanted',
      'FnWeb AWS::Serverless::Function.Events.HttpApi Wanted',
      'Q AWS::SQS::Queue null',
    ],
  );
  const { Timeout, Layers, Environment, Code, Role, Tags } = resources.get('Fn')!.properties;
  assert.deepEqual(
    { Timeout, Layers, Environment, Code, Role, Tags },
    {
      Timeout: 9,
      Layers: ['l1', 'l2'],
      Environment: { Variables: { A: 1, B: 3 } },
      Code: 'src/',
      Role: { 'Fn::GetAtt': ['FnRole', 'Arn'] },
      Tags: [{ Key: 'team', Value: 'a' }],
    },
  );
  assert.deepEqual(resources.get('FnJobs')!.properties, {
    BatchSize: 3,
    EventSourceArn: { 'Fn::GetAtt': ['Q', 'Arn'] },
    FunctionName: { Ref: 'FnAliaslive' },
  });
});

test('code in S3, in the template, and layers', () => {
  const { resources } = template(`
Resources:
  A: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://bucket/a/b.zip, Role: r}}
  B: {Type: AWS::Serverless::Function, Properties: {InlineCode: x, Role: r}}
  L: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer, RetentionPolicy: Delete}}
`);
  const code = (id: string) => resources.get(id)!.properties.Code as Properties;
  assert.deepEqual(code('A'), { S3Bucket: 'bucket', S3Key: 'a/b.zip' });
  assert.deepEqual(code('B'), { ZipFile: 'x' });
  assert.deepEqual(resources.get('L')!.properties, { LayerName: 'L', Content: 'layer' });
});

test('a function without code, and a template without resources, are errors', () => {
  assert.throws(() => template('Resources: {A: {Type: AWS::Serverless::Function}}'), /CodeUri: is missing/);
  assert.throws(() => template('Resources: {}'), /has no Resources/);
  assert.throws(() => template('Resources: {A: {Properties: {}}}'), /Resources\.A: has no Type/);
});
