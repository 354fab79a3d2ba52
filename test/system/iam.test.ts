import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  AttachRolePolicyCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  DeletePolicyCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListInstanceProfilesForRoleCommand,
  ListRolePoliciesCommand,
  ListRolesCommand,
  ListRoleTagsCommand,
  PutRolePolicyCommand,
  TagRoleCommand,
  UntagRoleCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { Hearth } from './hearth.js';

const trust = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole' }] });

suite('the part of IAM that deployment tools call', () => {
  let hearth: Hearth;
  let iam: IAMClient;
  before(async () => {
    hearth = await Hearth.start();
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = hearth.environment;
    iam = new IAMClient({
      endpoint: hearth.environment.AWS_ENDPOINT_URL!,
      region: 'us-east-1',
      credentials: { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! },
    });
  });
  after(async () => {
    iam.destroy();
    await hearth.remove();
  });

  test('a role: created, read, tagged, given policies, and deleted only when it has none', async () => {
    const RoleName = 'app-role';
    const made = await iam.send(
      new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust, Tags: [{ Key: 'a', Value: '<1>' }] }),
    );
    assert.match(made.Role!.Arn!, /^arn:aws:iam::\d{12}:role\/app-role$/);
    assert.match(made.Role!.RoleId!, /^AROA[0-9A-F]{17}$/);
    const again = await iam
      .send(new CreateRoleCommand({ RoleName: 'APP-role', AssumeRolePolicyDocument: trust }))
      .catch((e) => e);
    assert.equal(again.name, 'EntityAlreadyExistsException');
    assert.equal(again.$metadata.httpStatusCode, 409);

    const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
    assert.equal(decodeURIComponent(Role!.AssumeRolePolicyDocument!), trust);
    assert.equal(Role!.MaxSessionDuration, 3600);
    assert.ok(Role!.CreateDate instanceof Date);
    await iam.send(new TagRoleCommand({ RoleName, Tags: [{ Key: 'b', Value: '2' }] }));
    await iam.send(new UntagRoleCommand({ RoleName, TagKeys: ['x'] }));
    const { Tags } = await iam.send(new ListRoleTagsCommand({ RoleName }));
    assert.deepEqual(Tags, [
      { Key: 'a', Value: '<1>' },
      { Key: 'b', Value: '2' },
    ]);
    await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: trust }));

    const managed = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole';
    await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: managed }));
    await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'own', PolicyDocument: trust }));
    assert.deepEqual((await iam.send(new ListRolePoliciesCommand({ RoleName }))).PolicyNames, ['own']);
    const inline = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: 'own' }));
    assert.equal(decodeURIComponent(inline.PolicyDocument!), trust);
    const attached = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
    assert.deepEqual(attached.AttachedPolicies, [{ PolicyName: 'AWSLambdaBasicExecutionRole', PolicyArn: managed }]);

    const early = await iam.send(new DeleteRoleCommand({ RoleName })).catch((e) => e);
    assert.equal(early.name, 'DeleteConflictException');
    await iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn: managed }));
    await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: 'own' }));
    assert.deepEqual((await iam.send(new ListInstanceProfilesForRoleCommand({ RoleName }))).InstanceProfiles, []);
    await iam.send(new DeleteRoleCommand({ RoleName }));
    const gone = await iam.send(new GetRoleCommand({ RoleName })).catch((e) => e);
    assert.equal(gone.name, 'NoSuchEntityException');
    assert.equal(gone.message, 'The role with name app-role cannot be found.');
  });

  test('a policy: versions, attachment, deletion', async () => {
    const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: 'p', PolicyDocument: trust }));
    const PolicyArn = Policy!.Arn!;
    const second = await iam.send(
      new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: trust, SetAsDefault: true }),
    );
    assert.equal(second.PolicyVersion!.VersionId, 'v2');
    assert.equal((await iam.send(new GetPolicyCommand({ PolicyArn }))).Policy!.DefaultVersionId, 'v2');
    const version = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: 'v1' }));
    assert.equal(decodeURIComponent(version.PolicyVersion!.Document!), trust);
    const refused = await iam.send(new DeletePolicyCommand({ PolicyArn })).catch((e) => e);
    assert.equal(refused.name, 'DeleteConflictException');
  });

  test('roles and policies outlive the platform; other accounts do not see them', async () => {
    await iam.send(new CreateRoleCommand({ RoleName: 'kept', AssumeRolePolicyDocument: trust }));
    await hearth.stop('SIGKILL');
    await hearth.start();
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = hearth.environment;
    const after = new IAMClient({
      endpoint: hearth.environment.AWS_ENDPOINT_URL!,
      region: 'us-east-1',
      credentials: { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! },
    });
    const names = (await after.send(new ListRolesCommand({}))).Roles!.map(({ RoleName }) => RoleName);
    after.destroy();
    assert.ok(names.includes('kept'));
  });

  test('the AWS CLI, and what is refused', async () => {
    const ran = await hearth.aws('iam', 'get-role', '--role-name', 'nobody');
    assert.equal(ran.status, 254);
    assert.match(ran.stderr, /NoSuchEntity/);
    const made = await hearth.aws('iam', 'create-role', '--role-name', 'x', '--assume-role-policy-document', 'no json');
    assert.match(made.stderr, /MalformedPolicyDocument/);
    const unknown = await hearth.aws('iam', 'list-users');
    assert.match(unknown.stderr, /InvalidAction/);
    for (const call of [
      ['cloudformation', 'list-stacks'],
      ['sqs', 'list-queues'],
      ['dynamodb', 'list-tables'],
    ]) {
      const { status, stderr } = await hearth.aws(...call);
      assert.equal(status, 254);
      assert.match(stderr, new RegExp(`There is no service '${call[0]}' here: Hearth serves lambda, logs, sts, iam`));
    }
  });
});
