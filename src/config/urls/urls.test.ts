import assert from 'node:assert/strict';
import test from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import { arn, caller, create, failure, opened, resolve, stranger, value, within } from '../testservice.js';

const FunctionName = 'f';

test(
  'a function URL: made once, changed member by member, gone with its function',
  within(async (service) => {
    await create(service, FunctionName);
    const Cors = { AllowOrigins: ['*'], MaxAge: 5 };
    const made = value(await service.createFunctionUrlConfig(caller, { FunctionName, AuthType: 'AWS_IAM', Cors }));
    const urlId = /^http:\/\/([a-z0-9]{32})\.lambda-url\.us-east-1\.localhost\/$/.exec(made.FunctionUrl)?.[1];
    assert.ok(urlId, made.FunctionUrl);
    assert.deepEqual(made, {
      FunctionUrl: made.FunctionUrl,
      FunctionArn: arn('f'),
      AuthType: 'AWS_IAM',
      Cors,
      CreationTime: made.CreationTime,
    });
    const got = value(await service.getFunctionUrlConfig(caller, { FunctionName: arn('f') }));
    assert.deepEqual(got, { ...made, LastModifiedTime: made.CreationTime });

    const streams = value(
      await service.updateFunctionUrlConfig(caller, { FunctionName, InvokeMode: 'RESPONSE_STREAM' }),
    );
    assert.deepEqual(streams, { ...got, InvokeMode: 'RESPONSE_STREAM', LastModifiedTime: streams.LastModifiedTime });
    const open = value(await service.updateFunctionUrlConfig(caller, { FunctionName, AuthType: 'NONE', Cors: {} }));
    assert.deepEqual([open.AuthType, open.Cors, open.InvokeMode], ['NONE', undefined, 'RESPONSE_STREAM']);

    assert.deepEqual(service.functionUrl(urlId)?.record.authType, 'NONE');
    value(await service.deleteFunction(caller, { FunctionName }));
    assert.equal(service.functionUrl(urlId), null);
    // A function of the same name has no URL, and gets another.
    await create(service, FunctionName);
    assert.match(failure(await service.getFunctionUrlConfig(caller, { FunctionName })), /requested does not exist/);
    const other = value(await service.createFunctionUrlConfig(caller, { FunctionName, AuthType: 'NONE' }));
    assert.notEqual(other.FunctionUrl, made.FunctionUrl);
  }),
);

test(
  'an alias has a URL of its own, which goes with it; versions have none',
  within(async (service) => {
    await create(service, FunctionName, { Publish: true });
    const of = { FunctionName, Qualifier: 'live' };
    assert.match(failure(await service.createFunctionUrlConfig(caller, { ...of, AuthType: 'NONE' })), /does not exist/);
    value(await service.createAlias(caller, { FunctionName, Name: 'live', FunctionVersion: '1' }));
    const made = value(await service.createFunctionUrlConfig(caller, { FunctionName: 'f:live', AuthType: 'NONE' }));
    assert.equal(made.FunctionArn, arn('f:live'));
    value(await service.createFunctionUrlConfig(caller, { FunctionName, AuthType: 'NONE' }));
    const urlId = new URL(made.FunctionUrl).hostname.slice(0, 32);
    assert.equal(service.functionUrl(urlId)?.qualifier, 'live');
    const again = failure(await service.createFunctionUrlConfig(caller, { ...of, AuthType: 'NONE' }));
    assert.match(
      again,
      /^ResourceConflictException: Failed to create .*function:f:live\]\. Error message: {2}Function/,
    );
    const listed = value(await service.listFunctionUrlConfigs(caller, { FunctionName, MaxItems: 1 }));
    assert.deepEqual([listed.FunctionUrlConfigs.length, listed.FunctionUrlConfigs[0]?.FunctionArn], [1, arn('f')]);
    const Marker = listed.NextMarker;
    const rest = value(await service.listFunctionUrlConfigs(caller, { FunctionName, Marker }));
    assert.deepEqual([rest.FunctionUrlConfigs.length, rest.NextMarker], [1, undefined]);
    value(await service.deleteAlias(caller, { FunctionName, Name: 'live' }));
    assert.equal(service.functionUrl(urlId), null);
    assert.equal(value(await service.listFunctionUrlConfigs(caller, { FunctionName })).FunctionUrlConfigs.length, 1);
  }),
);

test(
  'what is not there is missing in the words of the service, and strangers learn nothing',
  within(async (service) => {
    const gone = 'ResourceNotFoundException: The resource you requested does not exist.';
    const unmade = 'ResourceNotFoundException: Function does not exist';
    assert.equal(failure(await service.createFunctionUrlConfig(caller, { FunctionName, AuthType: 'NONE' })), unmade);
    assert.equal(failure(await service.updateFunctionUrlConfig(caller, { FunctionName })), unmade);
    assert.equal(failure(await service.listFunctionUrlConfigs(caller, { FunctionName })), unmade);
    assert.equal(failure(await service.getFunctionUrlConfig(caller, { FunctionName })), gone);
    assert.equal(failure(await service.deleteFunctionUrlConfig(caller, { FunctionName })), gone);
    await create(service, FunctionName);
    assert.equal(failure(await service.updateFunctionUrlConfig(caller, { FunctionName })), gone);
    assert.equal(failure(await service.deleteFunctionUrlConfig(caller, { FunctionName })), gone);
    const foreign = await service.getFunctionUrlConfig(stranger, { FunctionName: arn('f') });
    assert.match(failure(foreign), /^AccessDeniedException: /);
    assert.ok(resolve(service, 'f').ok);
  }),
);

test('a URL is the same after a restart', () =>
  withFolder(async (folder) => {
    const made = await opened(folder, async (service) => {
      await create(service, FunctionName);
      return value(await service.createFunctionUrlConfig(caller, { FunctionName, AuthType: 'NONE' }));
    });
    await opened(folder, async (service) => {
      const { LastModifiedTime: _, ...got } = value(await service.getFunctionUrlConfig(caller, { FunctionName }));
      assert.deepEqual(got, made);
      const urlId = new URL(made.FunctionUrl).hostname.slice(0, 32);
      assert.equal(service.functionUrl(urlId)?.functionName, FunctionName);
    });
  }));

test(
  'who may use a URL: everybody of its account, others by the policy of its qualifier, for both actions',
  within(async (service) => {
    await create(service, FunctionName);
    const made = value(await service.createFunctionUrlConfig(caller, { FunctionName, AuthType: 'AWS_IAM' }));
    const target = () => service.functionUrl(new URL(made.FunctionUrl).hostname.slice(0, 32))!;
    const signed = (account: string) => ({ ...caller, account: account as never, arn: `arn:aws:iam::${account}:root` });
    const may = (account: string | null) => service.allowsUrl(target(), account === null ? null : signed(account));
    assert.deepEqual([may(caller.account), may(stranger.account), may(null)], [true, false, false]);
    const permit = async (Principal: string, FunctionUrlAuthType: 'NONE' | 'AWS_IAM') => {
      const of = { FunctionName, Principal };
      const url = { StatementId: `u${FunctionUrlAuthType}`, Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType };
      value(await service.policies.addPermission(caller, { ...of, ...url }));
      assert.ok(!may(Principal === '*' ? null : Principal), 'one of two');
      const invoke = { StatementId: `i${FunctionUrlAuthType}`, Action: 'lambda:InvokeFunction' };
      value(await service.policies.addPermission(caller, { ...of, ...invoke, InvokedViaFunctionUrl: true }));
    };
    await permit(stranger.account, 'AWS_IAM');
    assert.deepEqual([may(stranger.account), may('333333333333'), may(null)], [true, false, false]);
    await service.updateFunctionUrlConfig(caller, { FunctionName, AuthType: 'NONE' });
    assert.deepEqual([may(stranger.account), may(null)], [false, false], 'the statements are for AWS_IAM');
    await permit('*', 'NONE');
    assert.deepEqual([may(stranger.account), may(null)], [true, true]);
  }),
);
