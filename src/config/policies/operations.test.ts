import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import type { Input } from '../../wire/lambda/operations.js';
import type { ConfigService } from '../service.js';
import { arn, call, caller, create, failure, opened, resolve, stranger, value, within } from '../testservice.js';

type Add = Input<'AddPermission'>;
const permission = (more: Partial<Add> = {}): Add => ({
  FunctionName: 'f',
  StatementId: 's',
  Action: 'lambda:InvokeFunction',
  Principal: '*',
  ...more,
});
const add = (service: ConfigService, more: Partial<Add> = {}) => call(service, 'AddPermission', permission(more));

describe('operations on policies', () => {
  it(
    'renders statements as the service does',
    within(async (service) => {
      await create(service, 'f');
      const render = async (more: Partial<Add>): Promise<string> => {
        const { Statement } = value(await add(service, more));
        value(await call(service, 'RemovePermission', { FunctionName: 'f', StatementId: 's' }));
        return Statement!;
      };
      const start = '{"Sid":"s","Effect":"Allow","Principal":';
      const end = `"Action":"lambda:InvokeFunction","Resource":"${arn('f')}"`;
      assert.equal(await render({}), `${start}"*",${end}}`);
      assert.equal(
        await render({ Principal: '222222222222' }),
        `${start}{"AWS":"arn:aws:iam::222222222222:root"},${end}}`,
      );
      assert.equal(
        await render({ Principal: 'arn:aws:iam::222222222222:role/r' }),
        `${start}{"AWS":"arn:aws:iam::222222222222:role/r"},${end}}`,
      );
      assert.equal(
        await render({
          Principal: 'sns.amazonaws.com',
          SourceArn: 'arn:aws:sns:us-east-1:1:t',
          SourceAccount: '111111111111',
        }),
        `${start}{"Service":"sns.amazonaws.com"},${end},"Condition":{"StringEquals":{"AWS:SourceAccount":"111111111111"},"ArnLike":{"AWS:SourceArn":"arn:aws:sns:us-east-1:1:t"}}}`,
      );
      assert.equal(
        await render({ PrincipalOrgID: 'o-a1b2c3d4e5' }),
        `${start}"*",${end},"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}`,
      );
      assert.equal(
        await render({ Principal: 'alexa-appkit.amazon.com', EventSourceToken: 'skill' }),
        `${start}{"Service":"alexa-appkit.amazon.com"},${end},"Condition":{"StringEquals":{"lambda:EventSourceToken":"skill"}}}`,
      );
      assert.equal(
        await render({ InvokedViaFunctionUrl: true }),
        `${start}"*",${end},"Condition":{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}}`,
      );
      const url = await render({ Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' });
      assert.match(url, /"Condition":\{"StringEquals":\{"lambda:FunctionUrlAuthType":"NONE"\}\}\}$/);
    }),
  );

  it(
    'adds, reads and removes, each under a revision',
    within(async (service) => {
      await create(service, 'f', { Publish: true });
      value(await add(service));
      const first = value(await call(service, 'GetPolicy', { FunctionName: 'f' }));
      assert.equal(first.Policy, `{"Version":"2012-10-17","Id":"default","Statement":[${first.Policy!.split('[')[1]}`);
      const configuration = value(await call(service, 'GetFunctionConfiguration', { FunctionName: 'f' }));
      assert.equal(first.RevisionId, configuration.RevisionId);
      assert.deepEqual(value(await call(service, 'GetResourcePolicy', { ResourceArn: arn('f') })), first);
      const outdated =
        'PreconditionFailedException: The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id';
      assert.equal(failure(await add(service, { StatementId: 't', RevisionId: 'x' })), outdated);
      value(await add(service, { StatementId: 't', RevisionId: first.RevisionId }));
      const remove = { FunctionName: 'f', StatementId: 't' };
      assert.equal(failure(await call(service, 'RemovePermission', { ...remove, RevisionId: 'x' })), outdated);
      value(await call(service, 'RemovePermission', remove));
      assert.equal(
        failure(await call(service, 'RemovePermission', remove)),
        'ResourceNotFoundException: Statement t is not found in resource policy.',
      );
      // The same id at another qualifier is another statement.
      value(await add(service, { Qualifier: '1' }));
      value(await call(service, 'RemovePermission', { FunctionName: arn('f:1'), StatementId: 's' }));
      value(await call(service, 'GetPolicy', { FunctionName: 'f', Qualifier: '$LATEST' }));
    }),
  );

  it(
    'refuses as the service does',
    within(async (service) => {
      await create(service, 'f', { Publish: true });
      value(await add(service));
      const invalid = (text: string) => `InvalidParameterValueException: ${text}`;
      const none = 'ResourceNotFoundException: The resource you requested does not exist.';
      const cases: readonly [string, Promise<Parameters<typeof failure>[0]>][] = [
        [
          'ResourceConflictException: The statement id (s) provided already exists. Please provide a new statement id, or remove the existing statement.',
          add(service),
        ],
        [invalid('We currently do not support adding policies for $LATEST.'), add(service, { Qualifier: '$LATEST' })],
        [
          invalid('The provided principal was invalid. Please check the principal and try again.'),
          add(service, { StatementId: 't', Principal: 'somebody' }),
        ],
        [
          invalid('FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action'),
          add(service, { StatementId: 't', FunctionUrlAuthType: 'NONE' }),
        ],
        [
          `ResourceNotFoundException: Function not found: ${arn('f:7')}`,
          add(service, { StatementId: 't', Qualifier: '7' }),
        ],
        [
          `ResourceNotFoundException: Cannot find alias arn: ${arn('f:live')}`,
          add(service, { StatementId: 't', Qualifier: 'live' }),
        ],
        [`ResourceNotFoundException: Function not found: ${arn('g')}`, add(service, { FunctionName: 'g' })],
        [
          invalid('The derived qualifier from the function name does not match the specified qualifier.'),
          add(service, { FunctionName: 'f:1', Qualifier: '2' }),
        ],
        [none, call(service, 'GetPolicy', { FunctionName: 'f', Qualifier: '1' })],
        [none, call(service, 'GetPolicy', { FunctionName: 'f', Qualifier: 'live' })],
        [
          `ResourceNotFoundException: Function not found: ${arn('g')}`,
          call(service, 'GetPolicy', { FunctionName: 'g' }),
        ],
        [
          'ResourceNotFoundException: No policy is associated with the given resource.',
          call(service, 'RemovePermission', { FunctionName: 'f', StatementId: 's', Qualifier: '1' }),
        ],
        [
          `ResourceNotFoundException: No policy found for: ${arn('g')}`,
          call(service, 'RemovePermission', { FunctionName: 'g', StatementId: 's' }),
        ],
        [
          `ResourceNotFoundException: Cannot find alias arn: ${arn('f:live')}`,
          call(service, 'RemovePermission', { FunctionName: 'f', StatementId: 's', Qualifier: 'live' }),
        ],
      ];
      for (const [text, result] of cases) assert.equal(failure(await result), text);
    }),
  );

  it(
    'whole policies are put and deleted, as far as they are evaluated',
    within(async (service) => {
      await create(service, 'f', { Publish: true });
      const ResourceArn = arn('f:1');
      const given = {
        Sid: 'partner',
        Effect: 'Allow',
        Principal: { AWS: '222222222222' },
        Action: 'lambda:InvokeFunction',
        Resource: ResourceArn,
        Condition: { StringLike: { 'aws:PrincipalArn': 'arn:aws:iam::222222222222:*' } },
      };
      const put = (Statement: unknown, more: object = {}) =>
        call(service, 'PutResourcePolicy', {
          ResourceArn,
          Policy: JSON.stringify({ Version: '2012-10-17', Statement, ...more }),
        });
      const invoke = () => service.resolve(stranger.account, stranger.region, ResourceArn, null).ok;
      assert.ok(!invoke());
      const stored = { ...given, Principal: { AWS: 'arn:aws:iam::222222222222:root' } };
      const answer = value(await put([given]));
      assert.equal(answer.Policy, JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: [stored] }));
      assert.deepEqual(value(await call(service, 'GetPolicy', { FunctionName: 'f', Qualifier: '1' })), answer);
      assert.ok(invoke());
      value(await put({ ...given, Condition: { StringLike: { 'aws:PrincipalArn': 'arn:aws:iam::3*' } } }));
      assert.ok(!invoke());
      const start = 'InvalidParameterValueException: Statement 1 of the policy';
      const refused: readonly [object | string, string][] = [
        ['x', `${start} is no object.`],
        [{ ...given, NotAction: 'x' }, `${start} has the member NotAction, which is not supported.`],
        [{ ...given, Sid: 'a b' }, `${start} has no valid Sid.`],
        [{ ...given, Effect: 'Deny' }, `${start} does not say Allow, the only effect that is supported.`],
        [{ ...given, Action: ['s3:GetObject'] }, `${start} has no valid Action.`],
        [{ ...given, Resource: '*' }, `${start} is not for the resource ${ResourceArn}.`],
        [{ ...given, Resource: undefined }, `${start} is not for the resource ${ResourceArn}.`],
        [{ ...given, Principal: { AWS: 'somebody' } }, `${start} has no valid Principal.`],
        [{ ...given, Principal: { Service: '222222222222' } }, `${start} has no valid Principal.`],
        [{ ...given, Principal: { Federated: 'x' } }, `${start} has no valid Principal.`],
        [{ ...given, Principal: {} }, `${start} has no valid Principal.`],
        [{ ...given, Condition: { NumericEquals: { k: '1' } } }, `${start} has no valid Condition.`],
        [{ ...given, Condition: { StringEquals: { k: 1 } } }, `${start} has no valid Condition.`],
      ];
      for (const [statement, text] of refused) assert.equal(failure(await put([statement])), text);
      assert.equal(
        failure(await put([given, given])),
        'InvalidParameterValueException: Statement ids of the policy are not unique.',
      );
      assert.equal(failure(await put([])), 'InvalidParameterValueException: The policy has no statement.');
      const version = 'InvalidParameterValueException: The policy is not a JSON document of version 2012-10-17.';
      assert.equal(failure(await put([given], { Version: '2008-10-17' })), version);
      assert.equal(failure(await call(service, 'PutResourcePolicy', { ResourceArn, Policy: '{' })), version);
      assert.equal(
        failure(await call(service, 'PutResourcePolicy', { ResourceArn: arn('f:$LATEST'), Policy: '{}' })),
        'InvalidParameterValueException: We currently do not support adding policies for $LATEST.',
      );
      const remove = () => call(service, 'DeleteResourcePolicy', { ResourceArn });
      assert.match(
        failure(await call(service, 'DeleteResourcePolicy', { ResourceArn, RevisionId: 'x' })),
        /^PreconditionFailedException/,
      );
      value(await remove());
      assert.equal(
        failure(await remove()),
        'ResourceNotFoundException: No policy is associated with the given resource.',
      );
    }),
  );

  it(
    'a policy has at most 20,480 bytes',
    within(async (service) => {
      await create(service, 'f');
      const size = async () =>
        Buffer.byteLength(value(await call(service, 'GetPolicy', { FunctionName: 'f' })).Policy!);
      const statement = (count: number, SourceArn: string) =>
        add(service, { StatementId: `s${count}`, Principal: 's3.amazonaws.com', SourceArn });
      let count = 0;
      value(await statement(count++, 'arn:aws:s3:::x'));
      while ((await size()) < 18_000) value(await statement(count++, `arn:aws:s3:::${'x'.repeat(1_000)}`));
      value(await statement(count++, 'arn:aws:s3:::x'));
      const before = await size();
      // The next statement is as long as the last, and one digit at most longer.
      const fill = 20_480 - before;
      const refused = failure(await statement(count, `arn:aws:s3:::${'x'.repeat(fill)}`));
      assert.match(
        refused,
        /^PolicyLengthExceededException: The final policy size \(2\d{4}\) is bigger than the limit \(20480\)\.$/,
      );
      const over = Number(/\((\d+)\)/.exec(refused)![1]) - 20_480;
      value(await statement(count, `arn:aws:s3:::${'x'.repeat(fill - over)}`));
      assert.equal(await size(), 20_480);
    }),
  );

  it(
    'other accounts may do what the policy of exactly that qualifier allows, and are told nothing else',
    within(async (service) => {
      await create(service, 'f', { Publish: true });
      const invoke = (name: string, by?: string) => service.resolve(stranger.account, stranger.region, name, null, by);
      const denied = (action: string, rest: string, by = 'arn:aws:iam::222222222222:root') =>
        `AccessDeniedException: User: ${by} is not authorized to perform: lambda:${action} on resource: ${arn(rest)} because no resource-based policy allows the lambda:${action} action`;
      assert.equal(failure(invoke(arn('f'))), denied('InvokeFunction', 'f'));
      assert.equal(failure(invoke('111111111111:function:f')), denied('InvokeFunction', 'f'));
      assert.equal(failure(invoke(arn('g'))), denied('InvokeFunction', 'g'));
      assert.match(
        failure(invoke('f')),
        /^ResourceNotFoundException: Function not found: .*:222222222222:function:f:\$LATEST$/,
      );
      value(await add(service, { Principal: 'arn:aws:iam::222222222222:role/worker', Qualifier: '1' }));
      const session = 'arn:aws:sts::222222222222:assumed-role/worker/x';
      const { spec, invokedFunctionArn } = value(invoke(arn('f:1'), session));
      assert.deepEqual([spec.account, spec.version, invokedFunctionArn], [caller.account, '1', arn('f:1')]);
      assert.equal(failure(invoke(arn('f:1'))), denied('InvokeFunction', 'f:1'));
      assert.equal(failure(invoke(arn('f'), session)), denied('InvokeFunction', 'f', session));

      const get = { FunctionName: arn('f') };
      assert.equal(failure(await call(service, 'GetFunction', get, stranger)), denied('GetFunction', 'f'));
      value(await add(service, { StatementId: 'read', Action: 'lambda:GetFunction', Principal: '222222222222' }));
      const found = value(await call(service, 'GetFunction', get, stranger));
      assert.equal(found.Configuration?.FunctionArn, arn('f'));
      const rest = { FunctionName: arn('f'), StatementId: 'read' };
      // No policy can allow others to change policies; the service says nothing more about it.
      const never = await call(service, 'RemovePermission', rest, stranger);
      assert.ok(!never.ok && never.failure.code === 'AccessDeniedException');
      assert.deepEqual(never.failure.members, { Message: null });
      assert.equal(failure(await call(service, 'DeleteFunction', get, stranger)), denied('DeleteFunction', 'f'));

      // What others are allowed to change counts for the owner.
      const change = { Principal: '222222222222', Action: 'lambda:PutFunctionConcurrency' };
      value(await add(service, { ...change, StatementId: 'concurrency' }));
      await create(service, 'taken');
      value(
        await call(service, 'PutFunctionConcurrency', { FunctionName: 'taken', ReservedConcurrentExecutions: 900 }),
      );
      const reserve = { FunctionName: arn('f'), ReservedConcurrentExecutions: 1 };
      assert.match(
        failure(await call(service, 'PutFunctionConcurrency', reserve, stranger)),
        /^InvalidParameterValueException: .* below its minimum value of \[100\]\.$/,
      );

      // With the function goes its policy.
      value(await call(service, 'DeleteFunction', { FunctionName: 'f' }));
      await create(service, 'f', { Publish: true });
      assert.equal(failure(invoke(arn('f:1'), session)), denied('InvokeFunction', 'f:1', session));
      assert.ok(resolve(service, 'f').ok);
    }),
  );

  it(
    'conditions on the caller are looked at',
    within(async (service) => {
      await create(service, 'f');
      const invoke = () => service.resolve(stranger.account, stranger.region, arn('f'), null);
      value(await add(service, { PrincipalOrgID: 'o-a1b2c3d4e5' }));
      assert.ok(!invoke().ok);
      value(await add(service, { StatementId: 't', SourceAccount: '222222222222' }));
      assert.ok(!invoke().ok, 'no request of an identity has a source account');
      value(await add(service, { StatementId: 'u' }));
      assert.ok(invoke().ok);
    }),
  );

  it('an installation whose accounts are an organization’s shares with the organization', () =>
    withFolder((folder) =>
      opened(
        folder,
        async (service) => {
          await create(service, 'f');
          const invoke = () => service.resolve(stranger.account, stranger.region, arn('f'), null);
          value(await add(service, { PrincipalOrgID: 'o-zzzzzzzzzz' }));
          assert.ok(!invoke().ok);
          value(await add(service, { StatementId: 't', PrincipalOrgID: 'o-a1b2c3d4e5' }));
          assert.ok(invoke().ok);
        },
        undefined,
        { organizationId: 'o-a1b2c3d4e5' },
      ),
    ));
});
