import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConfigService } from '../service.js';
import { arn, call, create, failure, value, within } from '../testservice.js';

const put = (service: ConfigService, FunctionName: string, Qualifier: string, count = 5) =>
  call(service, 'PutProvisionedConcurrencyConfig', {
    FunctionName,
    Qualifier,
    ProvisionedConcurrentExecutions: count,
  });

describe('provisioned concurrency', () => {
  it(
    'is stored, and says truly that nothing is provided',
    within(async (service) => {
      await create(service, 'f', { Publish: true });
      const started = value(await put(service, 'f', '1'));
      assert.deepEqual(
        [started.Status, started.RequestedProvisionedConcurrentExecutions, started.StatusReason],
        ['IN_PROGRESS', 5, undefined],
      );
      const found = value(
        await call(service, 'GetProvisionedConcurrencyConfig', { FunctionName: 'f', Qualifier: '1' }),
      );
      assert.deepEqual(found, {
        ...started,
        Status: 'FAILED',
        StatusReason:
          'Provisioned concurrency is stored, but not acted on in this version of Hearth: invocations run on demand.',
      });
      assert.deepEqual(
        [found.AllocatedProvisionedConcurrentExecutions, found.AvailableProvisionedConcurrentExecutions],
        [0, 0],
      );
      const listed = value(await call(service, 'ListProvisionedConcurrencyConfigs', { FunctionName: 'f' }));
      assert.deepEqual(listed.ProvisionedConcurrencyConfigs, [{ FunctionArn: arn('f:1'), ...found }]);
      const remove = { FunctionName: 'f', Qualifier: '1' };
      value(await call(service, 'DeleteProvisionedConcurrencyConfig', remove));
      value(await call(service, 'DeleteProvisionedConcurrencyConfig', remove));
      assert.equal(
        failure(await call(service, 'GetProvisionedConcurrencyConfig', remove)),
        'ProvisionedConcurrencyConfigNotFoundException: No Provisioned Concurrency Config found for this function',
      );
    }),
  );

  it(
    'is refused where the service refuses it',
    within(async (service) => {
      await create(service, 'f', { Publish: true });
      const alias = (Name: string, FunctionVersion: string) =>
        call(service, 'CreateAlias', { FunctionName: 'f', Name, FunctionVersion });
      value(await alias('live', '1'));
      value(await alias('head', '$LATEST'));
      const invalid = 'InvalidParameterValueException: ';
      const unpublished = `${invalid}Provisioned Concurrency Configs cannot be applied to unpublished function versions.`;
      assert.equal(failure(await put(service, 'f', '$LATEST')), unpublished);
      assert.equal(failure(await put(service, 'f', 'head')), unpublished);
      const published = `${invalid}The function resource provided must be an alias or a published version.`;
      const head = { FunctionName: 'f', Qualifier: '$LATEST' };
      assert.equal(failure(await call(service, 'GetProvisionedConcurrencyConfig', head)), published);
      assert.equal(failure(await call(service, 'DeleteProvisionedConcurrencyConfig', head)), published);
      assert.equal(
        failure(await put(service, 'f', '7')),
        `ResourceNotFoundException: Function not found: ${arn('f:7')}`,
      );
      assert.equal(
        failure(await put(service, 'f', 'x')),
        `ResourceNotFoundException: Cannot find alias arn: ${arn('f:x')}`,
      );
      assert.equal(
        failure(await call(service, 'GetProvisionedConcurrencyConfig', { FunctionName: 'f', Qualifier: 'x' })),
        `ResourceNotFoundException: Cannot find alias arn: ${arn('f:x')}`,
      );
      assert.equal(
        failure(await call(service, 'ListProvisionedConcurrencyConfigs', { FunctionName: 'g' })),
        `ResourceNotFoundException: Function not found: ${arn('g')}`,
      );
      assert.equal(
        failure(await put(service, 'f', '1', 1_001)),
        `${invalid}Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].`,
      );
      const belowMinimum = `${invalid}Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].`;
      const tooMuch = await put(service, 'f', '1', 901);
      assert.equal(failure(tooMuch), belowMinimum);
      assert.ok(!tooMuch.ok && tooMuch.failure.omitType);
      value(await put(service, 'f', '1', 900));
      assert.equal(
        failure(await put(service, 'f', 'live')),
        "ResourceConflictException: Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
      );
      value(await call(service, 'DeleteProvisionedConcurrencyConfig', { FunctionName: 'f', Qualifier: '1' }));
      value(await put(service, 'f', 'live', 5));
      assert.equal(
        failure(await put(service, 'f', '1')),
        'ResourceConflictException: Version is pointed by a Provisioned Concurrency alias',
      );
      const reserve = (count: number) =>
        call(service, 'PutFunctionConcurrency', { FunctionName: 'f', ReservedConcurrentExecutions: count });
      assert.equal(
        failure(await reserve(4)),
        `${invalid} ReservedConcurrentExecutions  4 should not be lower than function's total provisioned concurrency [5].`,
      );
      value(await reserve(5));
      assert.equal(
        failure(await put(service, 'f', 'live', 6)),
        `${invalid}Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function`,
      );
      // With the alias goes what it had.
      value(await call(service, 'DeleteAlias', { FunctionName: 'f', Name: 'live' }));
      value(await reserve(1));
    }),
  );
});
