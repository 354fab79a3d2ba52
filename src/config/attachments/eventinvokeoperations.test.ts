import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { validate } from '../../wire/lambda/validation.js';
import { arn, call, create, failure, value, within } from '../testservice.js';

const queue = 'arn:aws:sqs:us-east-1:111111111111:q';
const topic = 'arn:aws:sns:us-east-1:111111111111:t';

describe('event-invoke configurations', () => {
  it(
    'are put, updated, read, listed and deleted',
    within(async (service) => {
      await create(service, 'f', { Publish: true });
      const put = value(
        await call(service, 'PutFunctionEventInvokeConfig', {
          FunctionName: 'f',
          MaximumRetryAttempts: 0,
          DestinationConfig: { OnSuccess: { Destination: queue } },
        }),
      );
      assert.ok(put.LastModified instanceof Date);
      const { LastModified: _, ...rest } = put;
      assert.deepEqual(rest, {
        FunctionArn: arn('f:$LATEST'),
        MaximumRetryAttempts: 0,
        DestinationConfig: { OnSuccess: { Destination: queue }, OnFailure: {} },
      });
      const updated = value(
        await call(service, 'UpdateFunctionEventInvokeConfig', { FunctionName: 'f', MaximumEventAgeInSeconds: 60 }),
      );
      assert.deepEqual([updated.MaximumRetryAttempts, updated.MaximumEventAgeInSeconds], [0, 60]);
      assert.equal(updated.DestinationConfig?.OnSuccess?.Destination, queue);
      const replaced = value(
        await call(service, 'PutFunctionEventInvokeConfig', {
          FunctionName: 'f',
          DestinationConfig: { OnFailure: { Destination: topic } },
        }),
      );
      assert.deepEqual(replaced.DestinationConfig, { OnSuccess: {}, OnFailure: { Destination: topic } });
      assert.equal(replaced.MaximumRetryAttempts, undefined);
      assert.deepEqual(value(await call(service, 'GetFunctionEventInvokeConfig', { FunctionName: 'f' })), replaced);

      const version = { FunctionName: 'f', Qualifier: '1' };
      value(await call(service, 'PutFunctionEventInvokeConfig', { ...version, MaximumRetryAttempts: 2 }));
      const page = value(await call(service, 'ListFunctionEventInvokeConfigs', { FunctionName: 'f', MaxItems: 1 }));
      assert.deepEqual(
        page.FunctionEventInvokeConfigs?.map((one) => one.FunctionArn),
        [arn('f:$LATEST')],
      );
      const next = { FunctionName: 'f', Marker: page.NextMarker };
      const last = value(await call(service, 'ListFunctionEventInvokeConfigs', next));
      assert.deepEqual(
        last.FunctionEventInvokeConfigs?.map((one) => one.FunctionArn),
        [arn('f:1')],
      );
      assert.equal(last.NextMarker, undefined);
      value(await call(service, 'DeleteFunctionEventInvokeConfig', version));
      const none = `ResourceNotFoundException: The function ${arn('f:1')} doesn't have an EventInvokeConfig`;
      assert.equal(failure(await call(service, 'DeleteFunctionEventInvokeConfig', version)), none);
      assert.equal(failure(await call(service, 'GetFunctionEventInvokeConfig', version)), none);
    }),
  );

  it(
    'are refused as the service refuses them',
    within(async (service) => {
      await create(service, 'f');
      await create(service, 'g');
      const to = async (OnSuccess: string | null, OnFailure: string | null = null) => {
        const DestinationConfig = {
          ...(OnSuccess === null ? {} : { OnSuccess: { Destination: OnSuccess } }),
          ...(OnFailure === null ? {} : { OnFailure: { Destination: OnFailure } }),
        };
        const result = await call(service, 'PutFunctionEventInvokeConfig', { FunctionName: 'f', DestinationConfig });
        return result.ok ? 'ok' : failure(result);
      };
      const invalid = 'InvalidParameterValueException: ';
      const bucket = 'arn:aws:s3:::bucket';
      const stream = 'arn:aws:kinesis:us-east-1:111111111111:stream/s';
      for (const destination of [
        queue,
        topic,
        arn('g'),
        arn('g:live'),
        'arn:aws:events:us-east-1:1:event-bus/default',
      ]) {
        assert.equal(await to(destination, destination), 'ok');
      }
      assert.equal(await to(null, bucket), 'ok');
      assert.equal(
        await to(bucket),
        `${invalid}The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=${bucket}), onFailure=null) is invalid.`,
      );
      assert.equal(
        await to(queue, stream),
        `${invalid}The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=${queue}), onFailure=OnFailure(destination=${stream})) is invalid.`,
      );
      assert.equal(await to(arn('f')), `${invalid}You can't specify the function as a destination for itself.`);
      assert.equal(await to(arn('h')), `${invalid}The destination ARN ${arn('h')} is invalid.`);
      assert.equal(
        failure(await call(service, 'PutFunctionEventInvokeConfig', { FunctionName: 'f' })),
        `${invalid}You must specify at least one of error handling or destination setting.`,
      );
      const gone = "ResourceNotFoundException: The function doesn't exist.";
      for (const name of ['h', 'f:7', 'f:live']) {
        const put = await call(service, 'PutFunctionEventInvokeConfig', {
          FunctionName: name,
          MaximumRetryAttempts: 1,
        });
        assert.equal(failure(put), gone);
      }
      assert.equal(failure(await call(service, 'ListFunctionEventInvokeConfigs', { FunctionName: 'h' })), gone);
      assert.equal(
        failure(await call(service, 'UpdateFunctionEventInvokeConfig', { FunctionName: 'g', MaximumRetryAttempts: 1 })),
        `ResourceNotFoundException: The function ${arn('g:$LATEST')} doesn't have an EventInvokeConfig`,
      );
      for (const wrong of [
        { MaximumRetryAttempts: 3 },
        { MaximumRetryAttempts: -1 },
        { MaximumEventAgeInSeconds: 59 },
        { MaximumEventAgeInSeconds: 21_601 },
      ]) {
        assert.equal(validate('PutFunctionEventInvokeConfig', { FunctionName: 'f', ...wrong }).length, 1);
      }
    }),
  );
});
