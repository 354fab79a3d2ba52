import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import { makeZip } from '../../../test/zip.js';
import type { ObjectFailure, ObjectRequest } from '../../kernel/ports/objects.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import { mib } from '../../kernel/units.js';
import { tooLargeTogether } from '../code/versioncode.js';
import type { ConfigService } from '../service.js';
import {
  active,
  caller,
  codeOf,
  create,
  creation,
  failure,
  opened,
  resolve,
  stranger,
  value,
  within,
} from '../testservice.js';
import { layersMax } from './use.js';

const layerArn = (rest: string): string => `arn:aws:lambda:us-east-1:111111111111:layer:${rest}`;
const zipOf = (text: string): Buffer => makeZip([{ name: 'nodejs/node_modules/a/index.js', data: text }]);
const publish = (service: ConfigService, name: string, text = name, more: object = {}) =>
  service.layers.publishLayerVersion(caller, { LayerName: name, Content: { ZipFile: zipOf(text) }, ...more });
const gone = 'ResourceNotFoundException: The resource you requested does not exist.';

test('publishes versions, shows and lists them, and never gives a number twice', () =>
  within(async ({ layers }) => {
    const service = { layers } as ConfigService;
    const first = value(
      await publish(service, 'tools', '1', {
        Description: 'first',
        CompatibleRuntimes: ['nodejs20.x', 'python3.12'],
        CompatibleArchitectures: ['x86_64'],
        LicenseInfo: 'MIT',
      }),
    );
    assert.match(first.CreatedDate!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
    const { Content, CreatedDate: _, ...shown } = first;
    assert.deepEqual(shown, {
      LayerArn: layerArn('tools'),
      LayerVersionArn: layerArn('tools:1'),
      Version: 1,
      Description: 'first',
      CompatibleRuntimes: ['nodejs20.x', 'python3.12'],
      CompatibleArchitectures: ['x86_64'],
      LicenseInfo: 'MIT',
    });
    assert.equal(Content!.CodeSize, zipOf('1').length);
    assert.match(Content!.Location!, /^http:\/\/code\/[0-9a-f]{64}$/);
    assert.deepEqual(value(await layers.getLayerVersion(caller, { LayerName: 'tools', VersionNumber: 1 })), first);
    const byArn = value(await layers.getLayerVersionByArn(caller, { Arn: layerArn('tools:1') }));
    assert.deepEqual(byArn, first);
    const byName = await layers.getLayerVersion(caller, { LayerName: layerArn('tools'), VersionNumber: 1 });
    assert.deepEqual(value(byName), first);

    const second = value(await publish(service, 'tools', '2'));
    assert.deepEqual([second.Version, second.Description, second.CompatibleRuntimes], [2, '', undefined]);
    value(await layers.deleteLayerVersion(caller, { LayerName: 'tools', VersionNumber: 2 }));
    assert.equal(value(await publish(service, 'tools', '2')).Version, 3);
    const versions = async (more: object = {}) =>
      value(await layers.listLayerVersions(caller, { LayerName: 'tools', ...more })).LayerVersions!.map(
        ({ Version }) => Version,
      );
    assert.deepEqual(await versions(), [3, 1]);
    assert.deepEqual(await versions({ CompatibleRuntime: 'python3.12' }), [1]);
    assert.deepEqual(await versions({ CompatibleArchitecture: 'arm64' }), []);
    assert.deepEqual(await versions({ LayerName: 'other' }), []);
    const page = value(await layers.listLayerVersions(caller, { LayerName: 'tools', MaxItems: 1 }));
    const rest = value(
      await layers.listLayerVersions(caller, { LayerName: 'tools', MaxItems: 1, Marker: page.NextMarker! }),
    );
    assert.deepEqual(
      [page.LayerVersions![0]!.Version, rest.LayerVersions![0]!.Version, rest.NextMarker],
      [3, 1, undefined],
    );

    value(await publish(service, 'another'));
    const list = value(await layers.listLayers(caller, {})).Layers!;
    assert.deepEqual(
      list.map(({ LayerName, LatestMatchingVersion }) => [LayerName, LatestMatchingVersion!.Version]),
      [
        ['another', 1],
        ['tools', 3],
      ],
    );
    assert.ok(!('Content' in list[0]!.LatestMatchingVersion!));
    const forPython = value(await layers.listLayers(caller, { CompatibleRuntime: 'python3.12' })).Layers!;
    assert.deepEqual(
      forPython.map(({ LayerArn, LatestMatchingVersion }) => [LayerArn, LatestMatchingVersion!.Version]),
      [[layerArn('tools'), 1]],
    );
    assert.deepEqual(value(await layers.listLayers(stranger, {})).Layers, []);
  })());

test('versions published at once have numbers of their own', () =>
  within(async (service) => {
    const published = await Promise.all(Array.from({ length: 8 }, (_, index) => publish(service, 'tools', `${index}`)));
    const versions = published.map((result) => value(result).Version!);
    assert.deepEqual(
      versions.sort((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
  })());

test('what is not there, below one, or no zip', () =>
  within(async (service) => {
    const { layers } = service;
    const get = async (LayerName: string, VersionNumber: number) =>
      failure(await layers.getLayerVersion(caller, { LayerName, VersionNumber }));
    assert.equal(await get('none', 1), gone);
    value(await publish(service, 'tools'));
    assert.equal(await get('tools', 2), gone);
    assert.equal(await get('tools', 0), 'InvalidParameterValueException: Layer Version Cannot be less than 1');
    assert.equal(failure(await layers.getLayerVersionByArn(caller, { Arn: layerArn('tools:2') })), gone);
    assert.equal(
      failure(await layers.deleteLayerVersion(caller, { LayerName: 'tools', VersionNumber: -1 })),
      'InvalidParameterValueException: Layer Version Cannot be less than 1',
    );
    for (const LayerName of ['none', 'tools', 'tools']) {
      assert.equal(value(await layers.deleteLayerVersion(caller, { LayerName, VersionNumber: 1 })), null);
    }
    const broken = await layers.publishLayerVersion(caller, {
      LayerName: 'x',
      Content: { ZipFile: Buffer.from('no') },
    });
    assert.match(failure(broken), /^InvalidParameterValueException: Could not unzip uploaded file/);
    assert.match(
      failure(await layers.publishLayerVersion(caller, { LayerName: 'x', Content: {} })),
      /provide a source/,
    );
    assert.equal(value(await publish(service, 'x')).Version, 1);
  })());

test('a function names at most 5 layers, each once, that exist and are in its region', () =>
  within(async (service) => {
    assert.equal(layersMax, 5);
    const arns: string[] = [];
    for (let count = 0; count < 6; count++) arns.push(value(await publish(service, `l${count}`)).LayerVersionArn!);
    const refused = async (...Layers: string[]) =>
      failure(await service.createFunction(caller, creation('g', { Layers })));
    const invalid = 'InvalidParameterValueException: ';
    assert.equal(await refused(...arns), `${invalid}Cannot reference more than 5 layers.`);
    assert.equal(await refused(layerArn('none:1')), `${invalid}Layer version ${layerArn('none:1')} does not exist.`);
    const second = value(await publish(service, 'l0', '2')).LayerVersionArn!;
    const twice = 'Two different versions of the same layer are not allowed to be referenced in the same function.';
    assert.equal(
      await refused(arns[0]!, arns[1]!, second),
      `${invalid}${twice} ${arns[0]} and ${second} are versions of the same layer.`,
    );
    const elsewhere = 'arn:aws:lambda:eu-west-1:111111111111:layer:l0:1';
    assert.equal(
      await refused(elsewhere),
      `${invalid}Layers are not in the same region as the function. Layers are expected to be in region us-east-1.`,
    );
    const spec = await create(service, 'f', { Layers: arns.slice(0, 5), Publish: true });
    assert.deepEqual(
      spec.layers.map(({ arn }) => arn),
      arns.slice(0, 5),
    );
    const shown = value(await service.getFunctionConfiguration(caller, { FunctionName: 'f' }));
    assert.deepEqual(shown.Layers![4], { Arn: arns[4], CodeSize: zipOf('l4').length });

    const becomes = active(service);
    value(await service.updateFunctionConfiguration(caller, { FunctionName: 'f', Layers: [second] }));
    const changed = await becomes;
    assert.deepEqual([changed.layers.map(({ arn }) => arn), changed.generation > spec.generation], [[second], true]);
    const untouched = active(service);
    value(await service.updateFunctionConfiguration(caller, { FunctionName: 'f', Description: 'd' }));
    assert.equal((await untouched).layers.length, 1);
    const emptied = active(service);
    value(await service.updateFunctionConfiguration(caller, { FunctionName: 'f', Layers: [] }));
    assert.equal((await emptied).layers.length, 0);
    const latest = value(await service.getFunctionConfiguration(caller, { FunctionName: 'f' }));
    assert.equal(latest.Layers, undefined);
    // The version has what it was published with.
    assert.equal(value(resolve(service, 'f', '1')).spec.layers.length, 5);
  })());

test('code and layers together are unzipped at most 250 MiB', () => {
  const code = (bytes: number) => ({ sha256Hex: '', zipBytes: 1, unzippedBytes: bytes });
  const layer = (bytes: number) => ({ arn: 'a', code: code(bytes) });
  assert.equal(tooLargeTogether(code(100 * mib), [layer(100 * mib), layer(50 * mib)]), null);
  assert.equal(
    tooLargeTogether(code(100 * mib), [layer(100 * mib), layer(50 * mib + 1)])?.message,
    'Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size is 262144001 bytes.',
  );
});

test('a deleted layer version goes on working where it is used, also after a restart; then its code goes', () =>
  withFolder(async (folder) => {
    let sha256Hex = '';
    const tree = () => join(folder, 'code', sha256Hex);
    await opened(folder, async (service) => {
      value(await publish(service, 'tools'));
      const spec = await create(service, 'f', { Layers: [layerArn('tools:1')] });
      sha256Hex = spec.layers[0]!.codeSha256Hex;
      value(await service.layers.deleteLayerVersion(caller, { LayerName: 'tools', VersionNumber: 1 }));
      assert.equal(
        failure(await service.layers.getLayerVersion(caller, { LayerName: 'tools', VersionNumber: 1 })),
        gone,
      );
      const again = await service.createFunction(caller, creation('g', { Layers: [layerArn('tools:1')] }));
      assert.match(failure(again), /Layer version .* does not exist/);
    });
    await opened(folder, async (service) => {
      const { layers } = value(resolve(service, 'f')).spec;
      assert.equal(layers[0]!.codeSha256Hex, sha256Hex);
      assert.ok(existsSync(await service.codeFolder(sha256Hex)));
      // The number is not given again, although no version is left.
      assert.equal(value(await publish(service, 'tools', 'other')).Version, 2);
      value(await service.deleteFunction(caller, { FunctionName: 'f' }));
    });
    await opened(folder, async () => assert.ok(!existsSync(tree())));
  }));

test('layers are counted as stored code, and downloaded by who owns them', () =>
  within(async (service) => {
    const { Content } = value(await publish(service, 'tools'));
    const { AccountUsage } = value(await service.getAccountSettings(caller, {}));
    assert.equal(AccountUsage!.TotalCodeSize, zipOf('tools').length);
    const sha256Hex = Content!.Location!.slice(-64);
    assert.deepEqual(Buffer.from((await service.codeZip(caller, sha256Hex))!), zipOf('tools'));
    assert.equal(await service.codeZip(stranger, sha256Hex), null);
  })());

test('code by bucket and key: fetched with its bound, and refused in the words of S3', () =>
  withFolder(async (folder) => {
    const asked: ObjectRequest[] = [];
    let answer: Result<Buffer, ObjectFailure> = ok(codeOf('from S3'));
    const objects = {
      get: async (request: ObjectRequest) => {
        asked.push(request);
        return answer;
      },
    };
    await opened(
      folder,
      async (service) => {
        const Code = { S3Bucket: 'bucket', S3Key: 'a/b.zip', S3ObjectVersion: 'v1' };
        await create(service, 'f', { Code });
        assert.deepEqual(asked[0], { bucket: 'bucket', key: 'a/b.zip', version: 'v1', bytesMax: 250 * mib });
        const refused = async (code: string, message = 'why') => {
          answer = fail({ code, message });
          return failure(await service.createFunction(caller, creation('g', { Code })));
        };
        assert.equal(
          await refused('NoSuchKey', 'The specified key does not exist.'),
          'InvalidParameterValueException: Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.',
        );
        assert.match(
          await refused('AccessDenied', 'Access Denied'),
          /^AccessDeniedException: Your access has been denied by S3/,
        );
        assert.match(await refused('TooLarge'), /Unzipped size must be smaller than 262144000 bytes$/);
        assert.equal(await refused('Unreachable', 'it is off'), 'ServiceException: it is off');
        answer = ok(zipOf('layer'));
        const content = { S3Bucket: 'bucket', S3Key: 'layer.zip' };
        const published = await service.layers.publishLayerVersion(caller, { LayerName: 'l', Content: content });
        assert.equal(value(published).Content!.CodeSize, zipOf('layer').length);
        const both = await service.createFunction(caller, creation('g', { Code: { ...Code, ZipFile: codeOf('1') } }));
        assert.match(failure(both), /do not provide other FunctionCode parameters/);
        const half = await service.createFunction(caller, creation('g', { Code: { S3Bucket: 'bucket' } }));
        assert.match(failure(half), /Both S3Bucket and S3Key/);
      },
      undefined,
      { objects },
    );
  }));

test('code by bucket and key without a store says how to get one', () =>
  within(async (service) => {
    const refused = await service.createFunction(caller, creation('g', { Code: { S3Bucket: 'bucket', S3Key: 'k' } }));
    assert.match(failure(refused), /^InvalidParameterValueException: .*--s3-endpoint URL/);
  })());
