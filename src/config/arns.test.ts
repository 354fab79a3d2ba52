import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AccountId, Region } from '../kernel/ids.js';
import { functionArn, functionRef } from './arns.js';
import { arn, call, create, failure, resolve, stranger, value, within } from './testservice.js';

const account = '111111111111' as AccountId;
const region = 'us-east-1' as Region;

describe('names of functions', () => {
  it('are read in every form that clients use', () => {
    const forms: readonly [string, string | null][] = [
      ['f', null],
      ['f:live', 'live'],
      ['f:$LATEST', '$LATEST'],
      ['function:f', null],
      ['111111111111:f', null],
      ['111111111111:function:f', null],
      ['111111111111:function:f:1', '1'],
      ['us-east-1:111111111111:function:f', null],
      [arn('f'), null],
      [arn('f:1'), '1'],
      [arn('f:$LATEST'), '$LATEST'],
      ['arn:aws-cn:lambda:us-east-1:111111111111:function:f', null],
    ];
    for (const [text, qualifier] of forms) {
      assert.deepEqual(value(functionRef(account, region, text, null)), {
        id: { account, region, name: 'f' },
        qualifier,
      });
      const given = value(functionRef(account, region, text, qualifier ?? 'other'));
      assert.equal(given.qualifier, qualifier ?? 'other', text);
    }
    assert.equal(functionArn({ account, region, name: 'f' }, 'live'), arn('f:live'));
  });

  it('are refused as the service refuses them', () => {
    const read = (text: string, qualifier: string | null = null, action?: string) =>
      failure(functionRef(account, region, text, qualifier, action));
    assert.equal(
      read('arn:aws:lambda:eu-west-2:111111111111:function:f'),
      "ResourceNotFoundException: Functions from 'eu-west-2' are not reachable in this region ('us-east-1')",
    );
    assert.equal(
      read('f:1', '2'),
      'InvalidParameterValueException: The derived qualifier from the function name does not match the specified qualifier.',
    );
    assert.equal(
      read('222222222222:function:f:live'),
      'AccessDeniedException: User: arn:aws:iam::111111111111:root is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:222222222222:function:f:live because no resource-based policy allows the lambda:InvokeFunction action',
    );
    // Another region's function of another account: the region counts where a policy could allow it, else the account.
    const elsewhere = 'arn:aws:lambda:eu-west-2:222222222222:function:f';
    assert.match(read(elsewhere), /^ResourceNotFoundException: Functions from 'eu-west-2'/);
    assert.equal(read(elsewhere, null, 'UpdateFunctionConfiguration'), 'AccessDeniedException: ');
    assert.equal(read('a b'), 'InvalidParameterValueException: Invalid function name: a b');
  });

  it(
    'lead to the same function in every operation',
    within(async (service) => {
      await create(service, 'f', { Publish: true });
      for (const text of ['f', '111111111111:function:f', 'us-east-1:111111111111:function:f', arn('f')]) {
        assert.equal(value(resolve(service, text)).executedVersion, '$LATEST');
        assert.equal(value(resolve(service, text, '1')).invokedFunctionArn, arn('f:1'));
        const got = value(await call(service, 'GetFunctionConfiguration', { FunctionName: `${text}:1` }));
        assert.deepEqual([got.FunctionArn, got.Version], [arn('f:1'), '1']);
        assert.deepEqual(value(await call(service, 'GetFunctionConcurrency', { FunctionName: text })), {});
      }
      assert.equal(value(resolve(service, arn('f:1'))).executedVersion, '1');
      assert.equal(
        failure(resolve(service, arn('f:1'), '$LATEST')),
        'InvalidParameterValueException: The derived qualifier from the function name does not match the specified qualifier.',
      );
      const unqualified =
        'InvalidParameterValueException: This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.';
      const reserve = { FunctionName: arn('f:1'), ReservedConcurrentExecutions: 1 };
      assert.equal(failure(await call(service, 'PutFunctionConcurrency', reserve)), unqualified);
      assert.equal(failure(await call(service, 'PublishVersion', { FunctionName: 'f:1' })), unqualified);
      // Of other accounts nothing is to be had, in whatever form they are named.
      for (const text of ['111111111111:function:f', arn('f')]) {
        const denied = await call(service, 'GetFunction', { FunctionName: text }, stranger);
        assert.match(failure(denied), /^AccessDeniedException: User: .*222222222222:root is not authorized/);
      }
    }),
  );
});
