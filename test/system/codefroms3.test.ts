import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { CreateFunctionCommand, PublishLayerVersionCommand, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode } from './hearth.js';
import { MotoServer, missingMoto, motoPython } from './motoserver.js';
import { zip } from './zip.js';

const role = 'arn:aws:iam::123456789012:role/test';
/** Two buckets with the objects given on standard input, and a user who may read one of them. */
const setUp = `
import base64, boto3, json, sys
def client(name):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='x', aws_secret_access_key='x')
s3, iam = client('s3'), client('iam')
for bucket in ('code', 'private'):
    s3.create_bucket(Bucket=bucket)
s3.put_bucket_versioning(Bucket='code', VersioningConfiguration={'Status': 'Enabled'})
versions = []
for bucket, key, body in json.load(sys.stdin):
    versions.append(s3.put_object(Bucket=bucket, Key=key, Body=base64.b64decode(body)).get('VersionId'))
iam.create_user(UserName='hearth')
allow = {'Effect': 'Allow', 'Action': 's3:*', 'Resource': ['arn:aws:s3:::code/*', 'arn:aws:s3:::no-bucket/*']}
document = json.dumps({'Version': '2012-10-17', 'Statement': [allow]})
iam.put_user_policy(UserName='hearth', PolicyName='read', PolicyDocument=document)
key = iam.create_access_key(UserName='hearth')['AccessKey']
print(json.dumps({'id': key['AccessKeyId'], 'secret': key['SecretAccessKey'], 'versions': versions}))
`;
const says = (text: string) => zip({ 'index.js': `exports.handler = async () => ${JSON.stringify(text)};` });

describe('code from an S3-compatible store', { skip: motoPython === null ? missingMoto : false }, () => {
  let moto: MotoServer;
  let hearth: Hearth;
  /** The first version of the object that has two. */
  let old = '';
  let large: Buffer;
  before(async () => {
    moto = await MotoServer.start();
    const noise = randomBytes(51 * 1024 * 1024);
    large = await zip({ 'index.js': "exports.handler = async () => require('big');", noise });
    const objects: [bucket: string, key: string, body: Buffer][] = [
      ['code', "a folder/fün+('1').zip", await says('old')],
      ['code', "a folder/fün+('1').zip", await says('new')],
      ['code', 'layer.zip', await zip({ 'nodejs/node_modules/big/index.js': "module.exports = 'big';" })],
      ['code', 'large.zip', large],
      ['code', 'broken.zip', Buffer.from('no zip')],
      ['private', 'code.zip', await says('no')],
    ];
    const input = JSON.stringify(objects.map(([bucket, key, body]) => [bucket, key, body.toString('base64')]));
    const made = JSON.parse(execFileSync(motoPython!, ['-c', setUp, moto.endpoint], { encoding: 'utf8', input }));
    old = made.versions[0];
    // From here on moto checks signatures and policies.
    await fetch(`${moto.endpoint}/moto-api/reset-auth`, { method: 'POST', body: '0' });
    const keys = ['--s3-access-key', made.id, '--s3-secret-key', made.secret];
    hearth = await Hearth.start('--s3-endpoint', moto.endpoint, ...keys);
  });
  after(async () => {
    await hearth?.remove();
    await moto?.stop();
  });

  const create = (FunctionName: string, Code: object) =>
    hearth
      .lambda()
      .send(new CreateFunctionCommand({ FunctionName, Runtime: ownNode, Handler: 'index.handler', Role: role, Code }));
  const answers = async (name: string, text: string) =>
    await eventually(async () => {
      const { payload } = await hearth.invoke(name).catch(() => ({ payload: '' }));
      return payload === JSON.stringify(text);
    }, `${name} to answer ${text}`);

  it('functions by bucket, key and version', async () => {
    const place = { S3Bucket: 'code', S3Key: "a folder/fün+('1').zip" };
    await create('f', place);
    await answers('f', 'new');
    const update = new UpdateFunctionCodeCommand({ FunctionName: 'f', ...place, S3ObjectVersion: old });
    assert.equal((await hearth.lambda().send(update)).LastUpdateStatus, 'InProgress');
    await answers('f', 'old');
  });

  it('layers, and code that is too large for a request', async () => {
    const content = { S3Bucket: 'code', S3Key: 'layer.zip' };
    const layer = await hearth.lambda().send(new PublishLayerVersionCommand({ LayerName: 'l', Content: content }));
    const command = { FunctionName: 'large', Runtime: ownNode, Handler: 'index.handler', Role: role };
    await assert.rejects(create('large', { ZipFile: large }), { name: 'RequestEntityTooLargeException' });
    const Code = { S3Bucket: 'code', S3Key: 'large.zip' };
    await hearth.lambda().send(new CreateFunctionCommand({ ...command, Code, Layers: [layer.LayerVersionArn!] }));
    await answers('large', 'big');
  });

  it('refuses what is not there in the words of the service', async () => {
    await assert.rejects(create('g', { S3Bucket: 'code', S3Key: 'none.zip' }), {
      name: 'InvalidParameterValueException',
      message:
        'Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.',
    });
    await assert.rejects(create('g', { S3Bucket: 'no-bucket', S3Key: 'none.zip' }), {
      name: 'InvalidParameterValueException',
      message: /^Error occurred while GetObject\. S3 Error Code: NoSuchBucket\. S3 Error Message: The specified bucket/,
    });
    await assert.rejects(create('g', { S3Bucket: 'code', S3Key: 'broken.zip' }), {
      name: 'InvalidParameterValueException',
      message: /^Could not unzip uploaded file/,
    });
    await assert.rejects(create('g', { S3Bucket: 'private', S3Key: 'code.zip' }), {
      name: 'AccessDeniedException',
      message: /^Your access has been denied by S3, .* for private\/code\.zip\. S3 Error Code: AccessDenied\./,
    });
  });
});
