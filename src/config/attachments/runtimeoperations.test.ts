import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arn, call, create, failure, value, within } from '../testservice.js';

describe('runtime management and recursion', () => {
  it(
    'a function follows its runtime unless told otherwise; the one version there is can be pinned',
    within(async (service) => {
      await create(service, 'f', { Publish: true });
      const get = async (Qualifier?: string) =>
        value(await call(service, 'GetRuntimeManagementConfig', { FunctionName: 'f', Qualifier }));
      assert.deepEqual(await get(), { UpdateRuntimeOn: 'Auto', FunctionArn: arn('f') });
      const put = (
        UpdateRuntimeOn: 'Auto' | 'Manual' | 'FunctionUpdate',
        RuntimeVersionArn?: string,
        Qualifier?: string,
      ) =>
        call(service, 'PutRuntimeManagementConfig', {
          FunctionName: 'f',
          UpdateRuntimeOn,
          RuntimeVersionArn,
          Qualifier,
        });
      const { RuntimeVersionConfig } = value(await call(service, 'GetFunctionConfiguration', { FunctionName: 'f' }));
      const here = RuntimeVersionConfig!.RuntimeVersionArn!;
      const pinned = { UpdateRuntimeOn: 'Manual', FunctionArn: arn('f:1'), RuntimeVersionArn: here };
      assert.deepEqual(value(await put('Manual', here, '1')), pinned);
      assert.deepEqual(await get('1'), pinned);
      assert.equal((await get()).UpdateRuntimeOn, 'Auto');
      assert.equal(value(await put('FunctionUpdate')).UpdateRuntimeOn, 'FunctionUpdate');
      assert.equal(value(await put('Auto')).UpdateRuntimeOn, 'Auto');
      const invalid = 'InvalidParameterValueException: ';
      const other = `${here.slice(0, -1)}x`;
      assert.equal(
        failure(await put('Manual')),
        `${invalid}RuntimeVersionArn is required when UpdateRuntimeOn is Manual.`,
      );
      assert.equal(
        failure(await put('Auto', here)),
        `${invalid}RuntimeVersionArn is not allowed when UpdateRuntimeOn is Auto.`,
      );
      assert.equal(
        failure(await put('Manual', other)),
        `${invalid}The runtime version ${other} is not available here: this installation has ${here}.`,
      );
      assert.equal(
        failure(await put('Auto', undefined, '7')),
        `ResourceNotFoundException: Function not found: ${arn('f:7')}`,
      );
      assert.equal(
        failure(await call(service, 'GetRuntimeManagementConfig', { FunctionName: 'g' })),
        `ResourceNotFoundException: Function not found: ${arn('g')}`,
      );
    }),
  );

  it(
    'recursion is ended unless it is allowed',
    within(async (service) => {
      await create(service, 'f');
      const get = async () => value(await call(service, 'GetFunctionRecursionConfig', { FunctionName: 'f' }));
      assert.deepEqual(await get(), { RecursiveLoop: 'Terminate' });
      const put = { FunctionName: 'f', RecursiveLoop: 'Allow' } as const;
      assert.deepEqual(value(await call(service, 'PutFunctionRecursionConfig', put)), { RecursiveLoop: 'Allow' });
      assert.deepEqual(await get(), { RecursiveLoop: 'Allow' });
      const gone = `ResourceNotFoundException: Function not found: ${arn('g')}`;
      const missing = { ...put, FunctionName: 'g' };
      assert.equal(failure(await call(service, 'PutFunctionRecursionConfig', missing)), gone);
      assert.equal(failure(await call(service, 'GetFunctionRecursionConfig', missing)), gone);
    }),
  );
});
