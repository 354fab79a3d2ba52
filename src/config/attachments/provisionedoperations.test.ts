import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import type { PoolKey } from '../../kernel/ids.js';
import type { ConfigService } from '../service.js';
import { arn, call, caller, create, failure, opened, resolve, value, within } from '../testservice.js';
import type { ProvisionedPool } from './provisionedtargets.js';

const put = (service: ConfigService, FunctionName: string, Qualifier: string, count = 5) =>
  call(service, 'PutProvisionedConcurrencyConfig', {
    FunctionName,
    Qualifier,
    ProvisionedConcurrentExecutions: count,
  });

describe('provisioned concurrency', () => {
  it('says what the pools have, and READY only when all of it is there', async () => {
    const pools = new Map<PoolKey, ProvisionedPool>();
    const more = { provisioned: (pool: PoolKey) => pools.get(pool) ?? null };
    await withFolder(async (folder) => await opened(folder, (service) => standings(service, pools), undefined, more));
  });

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

async function standings(service: ConfigService, pools: Map<PoolKey, ProvisionedPool>): Promise<void> {
  await create(service, 'f', { Publish: true });
  const started = value(await put(service, 'f', '1'));
  const statusOf = ({ Status, StatusReason }: typeof started) => [Status, StatusReason];
  const countsOf = (view: typeof started) => [
    view.RequestedProvisionedConcurrentExecutions,
    view.AllocatedProvisionedConcurrentExecutions,
    view.AvailableProvisionedConcurrentExecutions,
  ];
  assert.deepEqual([...statusOf(started), ...countsOf(started)], ['IN_PROGRESS', undefined, 5, 0, 0]);
  const get = async () =>
    value(await call(service, 'GetProvisionedConcurrencyConfig', { FunctionName: 'f', Qualifier: '1' }));
  assert.deepEqual(await get(), started, 'nothing is known of its pool');
  const { pool } = value(resolve(service, 'f', '1')).spec;
  const has = (allocated: number, available: number, failed = false): void => {
    pools.set(pool, { requested: 5, allocated, available, busy: 0, failed });
  };
  has(5, 4);
  assert.deepEqual([...statusOf(await get()), ...countsOf(await get())], ['IN_PROGRESS', undefined, 5, 5, 4]);
  has(5, 5);
  assert.deepEqual([...statusOf(await get()), ...countsOf(await get())], ['READY', undefined, 5, 5, 5]);
  const listed = value(await call(service, 'ListProvisionedConcurrencyConfigs', { FunctionName: 'f' }));
  assert.deepEqual(listed.ProvisionedConcurrencyConfigs, [{ FunctionArn: arn('f:1'), ...(await get()) }]);
  has(1, 1, true);
  assert.deepEqual(statusOf(await get()), ['FAILED', 'FUNCTION_ERROR_INIT_FAILURE']);
  // Provisioned concurrency without a reservation is nobody else's.
  assert.deepEqual(service.committed(caller.account, caller.region), { reserved: 0, provisioned: 5 });
  assert.equal(service.provisionedOf({ ...caller, functionName: 'f' }), 5);
  const unreserved = async () =>
    value(await call(service, 'GetAccountSettings', {})).AccountLimit?.UnreservedConcurrentExecutions;
  assert.equal(await unreserved(), 995);
  const reserve = { FunctionName: 'f', ReservedConcurrentExecutions: 20 };
  value(await call(service, 'PutFunctionConcurrency', reserve));
  assert.equal(await unreserved(), 980);
  assert.equal(service.provisionedOf({ ...caller, functionName: 'f' }), 0);
  await create(service, 'g', { Publish: true });
  assert.ok(!(await put(service, 'g', '1', 881)).ok);
  value(await put(service, 'g', '1', 880));
  assert.equal(await unreserved(), 100);
  value(await call(service, 'DeleteFunction', { FunctionName: 'g' }));
  assert.equal(await unreserved(), 980);
  const remove = { FunctionName: 'f', Qualifier: '1' };
  value(await call(service, 'DeleteProvisionedConcurrencyConfig', remove));
  value(await call(service, 'DeleteProvisionedConcurrencyConfig', remove));
  assert.equal(
    failure(await call(service, 'GetProvisionedConcurrencyConfig', remove)),
    'ProvisionedConcurrencyConfigNotFoundException: No Provisioned Concurrency Config found for this function',
  );
}
