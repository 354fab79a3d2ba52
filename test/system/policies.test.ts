import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  AddPermissionCommand,
  CreateAliasCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetPolicyCommand,
  InvokeCommand,
  PublishVersionCommand,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda';
import type { Credential } from '../../src/frontend/signature/credentials.js';
import type { AccountId } from '../../src/kernel/ids.js';
import { Hearth, ownNode } from './hearth.js';

const stranger = '222222222222' as AccountId;
const echo = {
  'index.mjs': 'export const handler = async (event, context) => ({ event, arn: context.invokedFunctionArn });',
};

describe('policies of functions', () => {
  let hearth: Hearth;
  let other: Credential;
  const arn = (rest: string) => `arn:aws:lambda:us-east-1:123456789012:function:${rest}`;
  const denied = (action: string, rest: string) => ({
    name: 'AccessDeniedException',
    message: `User: arn:aws:iam::${stranger}:root is not authorized to perform: lambda:${action} on resource: ${arn(rest)} because no resource-based policy allows the lambda:${action} action`,
  });

  before(async () => {
    hearth = await Hearth.start('--spares', '0');
    other = hearth.credentials.add(stranger);
    await hearth.create('shared', ownNode, 'index.handler', echo);
    await hearth.create('private', ownNode, 'index.handler', echo);
  });
  after(() => hearth.remove());

  it('another account runs a function only where its policy says so, in the owner’s account', async () => {
    const own = hearth.lambda();
    const foreign = hearth.lambda(other);
    const invoke = (rest: string) =>
      foreign.send(new InvokeCommand({ FunctionName: arn(rest), Payload: JSON.stringify({ a: 1 }) }));
    await assert.rejects(invoke('shared'), denied('InvokeFunction', 'shared'));
    // Whether a function exists is nobody else's business.
    await assert.rejects(invoke('nothing'), denied('InvokeFunction', 'nothing'));
    await own.send(
      new AddPermissionCommand({
        FunctionName: 'shared',
        StatementId: 'partner',
        Action: 'lambda:InvokeFunction',
        Principal: stranger,
      }),
    );
    const answer = await invoke('shared');
    assert.deepEqual(JSON.parse(Buffer.from(answer.Payload!).toString()), { event: { a: 1 }, arn: arn('shared') });
    await assert.rejects(invoke('private'), denied('InvokeFunction', 'private'));
    await assert.rejects(
      foreign.send(new GetFunctionCommand({ FunctionName: arn('shared') })),
      denied('GetFunction', 'shared'),
    );
    await assert.rejects(
      foreign.send(new DeleteFunctionCommand({ FunctionName: arn('shared') })),
      denied('DeleteFunction', 'shared'),
    );
    // Its own function of that name is another one.
    await assert.rejects(foreign.send(new InvokeCommand({ FunctionName: 'shared' })), {
      name: 'ResourceNotFoundException',
    });
    await own.send(new RemovePermissionCommand({ FunctionName: 'shared', StatementId: 'partner' }));
    await assert.rejects(invoke('shared'), denied('InvokeFunction', 'shared'));
  });

  it('a permission holds for the one qualifier it was given to', async () => {
    const own = hearth.lambda();
    const foreign = hearth.lambda(other);
    await own.send(new PublishVersionCommand({ FunctionName: 'private' }));
    await own.send(new CreateAliasCommand({ FunctionName: 'private', Name: 'live', FunctionVersion: '1' }));
    await own.send(
      new AddPermissionCommand({
        FunctionName: 'private',
        Qualifier: 'live',
        StatementId: 'partner',
        Action: 'lambda:InvokeFunction',
        Principal: '*',
      }),
    );
    const answer = await foreign.send(new InvokeCommand({ FunctionName: arn('private:live') }));
    assert.equal(answer.ExecutedVersion, '1');
    const asynchronous = await foreign.send(
      new InvokeCommand({ FunctionName: arn('private'), Qualifier: 'live', InvocationType: 'Event' }),
    );
    assert.equal(asynchronous.StatusCode, 202);
    for (const rest of ['private', 'private:1', 'private:$LATEST']) {
      await assert.rejects(
        foreign.send(new InvokeCommand({ FunctionName: arn(rest) })),
        denied('InvokeFunction', rest),
      );
    }
  });

  it('the AWS CLI adds, reads and removes permissions', async () => {
    const added = await hearth.aws(
      ...['lambda', 'add-permission', '--function-name', 'shared', '--statement-id', 's3', '--action'],
      ...['lambda:InvokeFunction', '--principal', 's3.amazonaws.com', '--source-arn', 'arn:aws:s3:::bucket'],
      ...['--source-account', '123456789012'],
    );
    assert.equal(added.status, 0, added.stderr);
    const statement = {
      Sid: 's3',
      Effect: 'Allow',
      Principal: { Service: 's3.amazonaws.com' },
      Action: 'lambda:InvokeFunction',
      Resource: arn('shared'),
      Condition: {
        StringEquals: { 'AWS:SourceAccount': '123456789012' },
        ArnLike: { 'AWS:SourceArn': 'arn:aws:s3:::bucket' },
      },
    };
    assert.equal(JSON.parse(added.stdout).Statement, JSON.stringify(statement));
    const got = await hearth.lambda().send(new GetPolicyCommand({ FunctionName: 'shared' }));
    assert.equal(got.Policy, JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: [statement] }));
    const again = await hearth.aws(
      ...['lambda', 'add-permission', '--function-name', 'shared', '--statement-id', 's3', '--action'],
      ...['lambda:InvokeFunction', '--principal', '*'],
    );
    assert.match(again.stderr, /\(ResourceConflictException\).*The statement id \(s3\) provided already exists/);
    const removed = await hearth.aws(
      'lambda',
      'remove-permission',
      '--function-name',
      'shared',
      '--statement-id',
      's3',
    );
    assert.equal(removed.status, 0, removed.stderr);
    const gone = await hearth.aws('lambda', 'get-policy', '--function-name', 'shared');
    assert.match(gone.stderr, /\(ResourceNotFoundException\).*The resource you requested does not exist\./);
  });

  it('a function has credentials of its own account, which the platform takes', async () => {
    await hearth.create('identity', ownNode, 'index.handler', {
      'index.mjs': `export const handler = async () => {
        const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = process.env;
        return { id, secret, token };
      };`,
    });
    const { payload } = await hearth.invoke('identity');
    const { id, secret, token } = JSON.parse(payload);
    const environment = {
      ...hearth.environment,
      AWS_ACCESS_KEY_ID: id,
      AWS_SECRET_ACCESS_KEY: secret,
      AWS_SESSION_TOKEN: token,
    };
    const whoami = await hearth.awsAs(environment, 'sts', 'get-caller-identity');
    assert.equal(whoami.status, 0, whoami.stderr);
    const { Account, Arn, UserId } = JSON.parse(whoami.stdout);
    assert.deepEqual([Account, Arn], ['123456789012', 'arn:aws:sts::123456789012:assumed-role/test/identity']);
    assert.match(UserId, /^AROA[A-Z2-7]{16}:identity$/);
    const listed = await hearth.awsAs(environment, 'lambda', 'get-function', '--function-name', 'identity');
    assert.equal(listed.status, 0, listed.stderr);
    const { AWS_SESSION_TOKEN: _, ...without } = environment;
    const refused = await hearth.awsAs(without, 'lambda', 'list-functions');
    assert.match(refused.stderr, /UnrecognizedClientException/);
  });
});
