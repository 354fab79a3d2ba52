import assert from 'node:assert/strict';
import test from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import { makeZip } from '../../../test/zip.js';
import type { ConfigService } from '../service.js';
import { caller, creation, failure, opened, stranger, value, within } from '../testservice.js';
import { layerPolicyBytesMax } from './operations.js';

const layerArn = (rest: string): string => `arn:aws:lambda:us-east-1:111111111111:layer:${rest}`;
const publish = (service: ConfigService, name: string) =>
  service.layers.publishLayerVersion(caller, {
    LayerName: name,
    Content: { ZipFile: makeZip([{ name: 'data', data: name }]) },
  });

test('a policy is added to, shown and taken from, at the revision its reader saw', () =>
  within(async (service) => {
    const { layers } = service;
    value(await publish(service, 'tools'));
    const version = { LayerName: 'tools', VersionNumber: 1 };
    const add = (StatementId: string, Principal: string, more: object = {}) =>
      layers.addLayerVersionPermission(caller, {
        ...version,
        StatementId,
        Principal,
        Action: 'lambda:GetLayerVersion',
        ...more,
      });
    assert.equal(
      failure(await layers.getLayerVersionPolicy(caller, version)),
      'ResourceNotFoundException: No policy is associated with the given resource.',
    );
    const missing = `ResourceNotFoundException: Layer version ${layerArn('tools:7')} does not exist.`;
    assert.equal(failure(await layers.getLayerVersionPolicy(caller, { ...version, VersionNumber: 7 })), missing);
    assert.equal(failure(await add('s', '*', { VersionNumber: 7 })), missing);
    const added = value(await add('everyone', '*', { OrganizationId: 'o-1234567890' }));
    assert.deepEqual(JSON.parse(added.Statement!), {
      Sid: 'everyone',
      Effect: 'Allow',
      Principal: '*',
      Action: 'lambda:GetLayerVersion',
      Resource: layerArn('tools:1'),
      Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-1234567890' } },
    });
    assert.match(
      failure(await add('everyone', '*')),
      /^ResourceConflictException: The statement id \(everyone\) provided/,
    );
    assert.match(
      failure(await add('s', '*', { RevisionId: 'old' })),
      /^PreconditionFailedException: .*GetLayerPolicy API/,
    );
    value(await add('one', '222222222222', { RevisionId: added.RevisionId! }));
    const shown = value(await layers.getLayerVersionPolicy(caller, version));
    const { Version, Id, Statement } = JSON.parse(shown.Policy!);
    assert.deepEqual([Version, Id, Statement.length], ['2012-10-17', 'default', 2]);
    assert.deepEqual(Statement[1].Principal, { AWS: 'arn:aws:iam::222222222222:root' });
    assert.notEqual(shown.RevisionId, added.RevisionId);
    const remove = (StatementId: string, RevisionId?: string) =>
      layers.removeLayerVersionPermission(caller, { ...version, StatementId, ...(RevisionId && { RevisionId }) });
    assert.match(failure(await remove('one', 'old')), /^PreconditionFailedException/);
    assert.equal(
      failure(await remove('none')),
      'ResourceNotFoundException: Statement none is not found in resource policy.',
    );
    assert.equal(value(await remove('one', shown.RevisionId!)), null);
    assert.equal(value(await remove('everyone')), null);
    assert.match(failure(await layers.getLayerVersionPolicy(caller, version)), /No policy is associated/);
  })());

test('a policy of a layer version has at most 20,480 bytes', () =>
  within(async (service) => {
    value(await publish(service, 'tools'));
    let last = '';
    for (let count = 0; last === '' && count < 1_000; count++) {
      const added = await service.layers.addLayerVersionPermission(caller, {
        LayerName: 'tools',
        VersionNumber: 1,
        StatementId: `${count}`.padEnd(100, 'x'),
        Principal: '*',
        Action: 'lambda:GetLayerVersion',
      });
      if (!added.ok) last = failure(added);
    }
    const [, bytes] =
      /^PolicyLengthExceededException: The final policy size \((\d+)\) is bigger than the limit \(20480\)\.$/.exec(
        last,
      )!;
    assert.ok(Number(bytes) > layerPolicyBytesMax);
    const { Policy } = value(
      await service.layers.getLayerVersionPolicy(caller, { LayerName: 'tools', VersionNumber: 1 }),
    );
    assert.ok(Buffer.byteLength(Policy!) <= layerPolicyBytesMax);
  })());

test('another account needs the policy: for everyone, for it, or for its organization', () =>
  withFolder(async (folder) => {
    const use = (service: ConfigService, by = stranger) =>
      service.createFunction(by, creation(`f${Math.random()}`, { Layers: [layerArn('tools:1')] }));
    const denied =
      'AccessDeniedException: User: arn:aws:iam::222222222222:root is not authorized to perform: ' +
      `lambda:GetLayerVersion on resource: ${layerArn('tools:1')} because no resource-based policy allows the ` +
      'lambda:GetLayerVersion action';
    const add = async (service: ConfigService, Principal: string, OrganizationId?: string) =>
      value(
        await service.layers.addLayerVersionPermission(caller, {
          LayerName: 'tools',
          VersionNumber: 1,
          StatementId: 's',
          Action: 'lambda:GetLayerVersion',
          Principal,
          ...(OrganizationId && { OrganizationId }),
        }),
      );
    const remove = async (service: ConfigService) =>
      value(
        await service.layers.removeLayerVersionPermission(caller, {
          LayerName: 'tools',
          VersionNumber: 1,
          StatementId: 's',
        }),
      );
    await opened(folder, async (service) => {
      const read = () => service.layers.getLayerVersionByArn(stranger, { Arn: layerArn('tools:1') });
      // Whether it exists is nobody's business.
      assert.equal(failure(await use(service)), denied);
      value(await publish(service, 'tools'));
      assert.equal(failure(await use(service)), denied);
      assert.equal(failure(await read()), denied);
      for (const principal of ['*', '222222222222', 'arn:aws:iam::222222222222:root']) {
        await add(service, principal);
        value(await use(service));
        assert.equal(value(await read()).LayerVersionArn, layerArn('tools:1'));
        await remove(service);
        assert.equal(failure(await use(service)), denied);
      }
      await add(service, '333333333333');
      assert.equal(failure(await use(service)), denied);
      await remove(service);
      await add(service, '*', 'o-1234567890');
      assert.equal(failure(await use(service)), denied);
      // Only its owner manages it, whatever its policy.
      const other = { LayerName: layerArn('tools'), VersionNumber: 1 };
      assert.match(failure(await service.layers.deleteLayerVersion(stranger, other)), /lambda:DeleteLayerVersion on/);
      assert.match(failure(await service.layers.listLayerVersions(stranger, other)), /lambda:ListLayerVersions on/);
      assert.match(failure(await service.layers.getLayerVersionPolicy(stranger, other)), /^AccessDeniedException/);
    });
    await opened(folder, async (service) => void value(await use(service)), undefined, {
      organizationId: 'o-1234567890',
    });
    await opened(folder, async (service) => assert.equal(failure(await use(service)), denied), undefined, {
      organizationId: 'o-9999999999',
    });
  }));
