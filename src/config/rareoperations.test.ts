import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorKinds } from '../kernel/errors.js';
import { type OperationName, operationNames, operations } from '../wire/lambda/operations.js';
import { arn, call, create, failure, value, within } from './testservice.js';

const execution = `${arn('f:1')}/durable-execution/e/i`;

/** Inputs that pass validation, for what is there and what is not. */
const input = {
  FunctionName: 'f',
  Qualifier: '$LATEST',
  CapacityProviderName: 'p',
  DurableExecutionArn: execution,
  CallbackId: 'c',
  CheckpointToken: 't',
};

describe('operations of features that are not there', () => {
  it(
    'none is without an answer, and each error is one that the operation has',
    within(async (service) => {
      await create(service, 'f');
      const rare = operationNames.filter((name) => {
        const { path } = operations[name];
        return /durable|capacity-provider|scaling-config/.test(path);
      });
      assert.equal(rare.length, 17);
      for (const name of rare) {
        const result = await call(service, name as OperationName, input as never);
        if (result.ok) continue;
        const { code, message } = result.failure;
        assert.ok((operations[name].errors as readonly string[]).includes(code), `${name}: ${code}`);
        assert.ok(errorKinds[code].status < 500 && message.length > 20, `${name}: ${message}`);
      }
    }),
  );

  it(
    'lists are empty, what is asked for by name is not found, what would be new is not supported',
    within(async (service) => {
      await create(service, 'f');
      const rare = <Op extends OperationName>(name: Op) => call(service, name, input as never);
      assert.deepEqual(value(await rare('ListCapacityProviders')), { CapacityProviders: [] });
      assert.deepEqual(value(await rare('ListDurableExecutionsByFunction')), { DurableExecutions: [] });
      assert.deepEqual(value(await rare('GetFunctionScalingConfig')), { FunctionArn: arn('f:$LATEST') });
      assert.equal(
        failure(await rare('GetCapacityProvider')),
        'ResourceNotFoundException: Capacity provider not found: arn:aws:lambda:us-east-1:111111111111:capacity-provider:p',
      );
      assert.equal(
        failure(await rare('GetDurableExecution')),
        `ResourceNotFoundException: Durable execution not found: ${execution}`,
      );
      assert.equal(
        failure(await rare('CreateCapacityProvider')),
        'InvalidParameterValueException: Capacity providers are not supported in this version of Hearth.',
      );
      assert.equal(
        failure(await call(service, 'ListDurableExecutionsByFunction', { FunctionName: 'g' })),
        `ResourceNotFoundException: Function not found: ${arn('g')}`,
      );
    }),
  );
});
