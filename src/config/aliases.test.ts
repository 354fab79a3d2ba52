import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { active, arn, caller, codeOf, create, failure, resolve, value, within } from './testservice.js';

describe('aliases, reservations and tags', () => {
  it('routes aliases by weight', async () => {
    let fraction = 0;
    await within(
      async (service) => {
        await create(service, 'f', { Publish: true });
        const becomes = active(service);
        value(await service.updateFunctionCode(caller, { FunctionName: 'f', ZipFile: codeOf('2') }));
        await becomes;
        value(await service.publishVersion(caller, { FunctionName: 'f' }));
        const make = (more: object) =>
          service.createAlias(caller, { FunctionName: 'f', Name: 'live', FunctionVersion: '1', ...more });
        const weights = (AdditionalVersionWeights: Record<string, number>) => ({
          RoutingConfig: { AdditionalVersionWeights },
        });
        assert.equal(
          failure(await make({ FunctionVersion: '9' })),
          `ResourceNotFoundException: Function not found: ${arn('f:9')}`,
        );
        assert.match(failure(await make(weights({ 1: 0.5 }))), /Function version 1 is already included in routing/);
        assert.match(
          failure(await make({ FunctionVersion: '$LATEST', ...weights({ 1: 0.5 }) })),
          /\$LATEST is not supported/,
        );
        const alias = value(await make(weights({ 2: 0.25 })));
        assert.deepEqual(alias.RoutingConfig, { AdditionalVersionWeights: { 2: 0.25 } });
        assert.equal(alias.AliasArn, arn('f:live'));
        assert.match(
          failure(await make({})),
          new RegExp(`^ResourceConflictException: Alias already exists: ${arn('f:live')}`),
        );
        const runs = () => {
          const { executedVersion, invokedFunctionArn } = value(resolve(service, 'f', 'live'));
          return `${executedVersion} ${invokedFunctionArn}`;
        };
        fraction = 0.24;
        assert.equal(runs(), `2 ${arn('f:live')}`);
        fraction = 0.25;
        assert.equal(runs(), `1 ${arn('f:live')}`);
        assert.match(
          failure(await service.deleteFunction(caller, { FunctionName: 'f', Qualifier: '2' })),
          /^ResourceConflictException: Unable to delete version because the following aliases reference it: \[live\]$/,
        );
        assert.match(
          failure(await service.updateAlias(caller, { FunctionName: 'f', Name: 'live', RevisionId: 'x' })),
          /^PreconditionFailedException/,
        );
        const moved = await service.updateAlias(caller, {
          FunctionName: 'f',
          Name: 'live',
          FunctionVersion: '2',
          RoutingConfig: {},
          RevisionId: alias.RevisionId,
        });
        assert.equal(value(moved).RoutingConfig, undefined);
        assert.equal(value(resolve(service, 'f', 'live')).executedVersion, '2');
        const listed = value(await service.listAliases(caller, { FunctionName: 'f', FunctionVersion: '2' }));
        assert.deepEqual(
          listed.Aliases?.map((item) => item.Name),
          ['live'],
        );
        const got = value(await service.getFunction(caller, { FunctionName: 'f', Qualifier: 'live' }));
        assert.deepEqual([got.Configuration?.FunctionArn, got.Configuration?.Version], [arn('f:live'), '2']);
        value(await service.deleteAlias(caller, { FunctionName: 'f', Name: 'live' }));
        value(await service.deleteAlias(caller, { FunctionName: 'f', Name: 'live' }));
        const missing = `ResourceNotFoundException: Cannot find alias arn: ${arn('f:live')}`;
        assert.equal(failure(resolve(service, 'f', 'live')), missing);
        assert.equal(failure(await service.getAlias(caller, { FunctionName: 'f', Name: 'live' })), missing);
      },
      () => fraction,
    )();
  });

  it(
    'reserves concurrency and leaves the others their minimum',
    within(async (service) => {
      await create(service, 'f');
      await create(service, 'g');
      await create(service, 'h');
      const put = (FunctionName: string, ReservedConcurrentExecutions: number) =>
        service.putFunctionConcurrency(caller, { FunctionName, ReservedConcurrentExecutions });
      value(await put('f', 600));
      assert.equal(value(resolve(service, 'f')).spec.reservedConcurrency, 600);
      const refused = await put('g', 301);
      assert.equal(
        failure(refused),
        "InvalidParameterValueException: Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
      );
      assert.ok(!refused.ok && refused.failure.omitType);
      const racing = await Promise.all([put('g', 300), put('h', 300)]);
      assert.deepEqual(
        racing.map((result) => result.ok),
        [true, false],
      );
      value(await put('f', 0));
      assert.equal(service.committed(caller.account, caller.region).reserved, 300);
      const settings = value(await service.getAccountSettings(caller, {}));
      assert.equal(settings.AccountLimit?.UnreservedConcurrentExecutions, 700);
      assert.deepEqual(settings.AccountUsage, { TotalCodeSize: 3 * codeOf('1').length, FunctionCount: 3 });
      value(await service.deleteFunctionConcurrency(caller, { FunctionName: 'f' }));
      assert.deepEqual(value(await service.getFunctionConcurrency(caller, { FunctionName: 'f' })), {});
      value(await service.deleteFunction(caller, { FunctionName: 'g' }));
      assert.equal(service.committed(caller.account, caller.region).reserved, 0);
    }),
  );

  it('tags', async () =>
    await within(async (service) => {
      await create(service, 'f');
      value(await service.tagging.tagResource(caller, { Resource: arn('f'), Tags: { a: '1', b: '2' } }));
      value(await service.tagging.untagResource(caller, { Resource: arn('f'), TagKeys: ['a'] }));
      assert.deepEqual(value(await service.tagging.listTags(caller, { Resource: arn('f') })).Tags, { b: '2' });
    })());
});
