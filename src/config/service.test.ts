import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withFolder } from '../../test/contract/folder.js';
import type { Region } from '../kernel/ids.js';
import type { Caller } from './service.js';

import {
  active,
  arn,
  caller,
  codeOf,
  create,
  creation,
  failure,
  opened,
  resolve,
  role,
  stranger,
  value,
  within,
} from './testservice.js';

describe('configuration service', () => {
  it(
    'creates: Pending with exactly the fields of the service, then Active and runnable',
    within(async (service, folder) => {
      const becomes = active(service);
      const before = value(
        await service.createFunction(
          caller,
          creation('f', { Environment: { Variables: { AB: 'c' } }, Tags: { t: 'v' } }),
        ),
      );
      assert.equal(
        failure(resolve(service, 'f')),
        'ResourceConflictException: The operation cannot be performed at this time. The function is currently in the following state: Pending',
      );
      const { RevisionId, CodeSha256, LastModified, RuntimeVersionConfig, CodeSize, ...rest } = before;
      assert.match(LastModified!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
      assert.match(RevisionId!, /^[0-9a-f-]{36}$/);
      assert.equal(Buffer.from(CodeSha256!, 'base64').length, 32);
      assert.match(RuntimeVersionConfig!.RuntimeVersionArn!, /^arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}$/);
      assert.equal(CodeSize, codeOf('1').length);
      assert.deepEqual(rest, {
        FunctionName: 'f',
        FunctionArn: arn('f'),
        Runtime: 'nodejs20.x',
        Role: role,
        Handler: 'index.handler',
        Description: '',
        Timeout: 3,
        MemorySize: 128,
        Version: '$LATEST',
        Environment: { Variables: { AB: 'c' } },
        TracingConfig: { Mode: 'PassThrough' },
        State: 'Pending',
        StateReason: 'The function is being created.',
        StateReasonCode: 'Creating',
        PackageType: 'Zip',
        Architectures: ['x86_64'],
        EphemeralStorage: { Size: 512 },
        SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
        LoggingConfig: { LogFormat: 'Text', LogGroup: '/aws/lambda/f' },
      });
      const spec = await becomes;
      const got = value(await service.getFunction(caller, { FunctionName: 'f' }));
      assert.equal(got.Configuration?.State, 'Active');
      assert.equal(got.Configuration?.LastUpdateStatus, 'Successful');
      assert.equal(got.Configuration?.StateReason, undefined);
      assert.notEqual(got.Configuration?.RevisionId, RevisionId);
      assert.deepEqual(got.Code, { RepositoryType: 'S3', Location: `http://code/${spec.codeSha256Hex}` });
      assert.deepEqual(got.Tags, { t: 'v' });
      assert.equal(got.Concurrency, undefined);
      const resolved = value(resolve(service, 'f'));
      assert.deepEqual(resolved.spec, spec);
      assert.equal(resolved.invokedFunctionArn, arn('f'));
      assert.equal(value(resolve(service, arn('f:$LATEST'))).invokedFunctionArn, arn('f:$LATEST'));
      const tree = await service.codeFolder(spec.codeSha256Hex);
      assert.equal(tree, join(folder, 'code', spec.codeSha256Hex));
      assert.equal(readFileSync(join(tree, 'index.js'), 'utf8'), '1');
      assert.ok(Buffer.from((await service.codeZip(caller, spec.codeSha256Hex))!).equals(codeOf('1')));
      assert.equal(await service.codeZip(stranger, spec.codeSha256Hex), null);
    }),
  );

  it(
    'updates: the old code until the new is ready, and never after; a second change meanwhile is a conflict',
    within(async (service) => {
      const old = await create(service, 'f');
      const superseded: string[] = [];
      service.onPoolSuperseded((pool, reason) => superseded.push(`${pool} ${reason}`));
      const becomes = active(service);
      const [first, second] = await Promise.all(
        [9, 10].map(
          async (Timeout) => await service.updateFunctionConfiguration(caller, { FunctionName: 'f', Timeout }),
        ),
      );
      assert.equal(
        failure(second!),
        `ResourceConflictException: The operation cannot be performed at this time. An update is in progress for resource: ${arn('f')}`,
      );
      const answered = value(first!);
      assert.equal(answered.LastUpdateStatus, 'InProgress');
      assert.equal(answered.LastUpdateStatusReasonCode as string, 'Creating');
      assert.equal(answered.State, 'Active');
      assert.deepEqual(value(resolve(service, 'f')).spec, old);
      assert.deepEqual(superseded, []);
      await becomes;
      assert.deepEqual(superseded, [`${old.pool} superseded`]);
      assert.notEqual(value(resolve(service, 'f')).spec.pool, old.pool);
      assert.equal(value(resolve(service, 'f')).spec.timeoutMs, 9_000);
      const ready = value(await service.getFunctionConfiguration(caller, { FunctionName: 'f' }));
      assert.equal(ready.LastUpdateStatus, 'Successful');
      assert.notEqual(ready.RevisionId, answered.RevisionId);
      const code = { FunctionName: 'f', ZipFile: codeOf('2') };
      const updates = active(service);
      const updated = value(await service.updateFunctionCode(caller, code));
      assert.notEqual(updated.CodeSha256, answered.CodeSha256);
      await updates;
      const tree = await service.codeFolder(value(resolve(service, 'f')).spec.codeSha256Hex);
      assert.equal(readFileSync(join(tree, 'index.js'), 'utf8'), '2');
      const after = value(await service.getFunctionConfiguration(caller, { FunctionName: 'f' }));
      const dry = value(await service.updateFunctionCode(caller, { ...code, ZipFile: codeOf('3'), DryRun: true }));
      assert.notEqual(dry.CodeSha256, after.CodeSha256);
      const unchanged = value(await service.getFunctionConfiguration(caller, { FunctionName: 'f' }));
      assert.deepEqual(unchanged, after);
      assert.match(
        failure(await service.updateFunctionCode(caller, { ...code, RevisionId: 'other' })),
        /^PreconditionFailedException: The Revision Id provided does not match the latest Revision Id\./,
      );
    }),
  );

  it(
    'publishes immutable versions; unchanged ones only once',
    within(async (service) => {
      await create(service, 'f');
      const one = value(await service.publishVersion(caller, { FunctionName: 'f', Description: 'first' }));
      assert.deepEqual(
        [one.Version, one.FunctionArn, one.Description, one.State],
        ['1', arn('f:1'), 'first', 'Active'],
      );
      const again = value(await service.publishVersion(caller, { FunctionName: 'f', Description: 'again' }));
      assert.deepEqual([again.Version, again.Description], ['1', 'first']);
      assert.match(
        failure(await service.publishVersion(caller, { FunctionName: 'f', CodeSha256: 'AAAA' })),
        /^InvalidParameterValueException: CodeSHA256 \(AAAA\) is different from current CodeSHA256 in \$LATEST \(.*=\)\. Please try again with the CodeSHA256 in \$LATEST\.$/,
      );
      const becomes = active(service);
      value(await service.updateFunctionConfiguration(caller, { FunctionName: 'f', MemorySize: 256 }));
      await becomes;
      const two = value(await service.publishVersion(caller, { FunctionName: 'f' }));
      assert.deepEqual([two.Version, two.MemorySize], ['2', 256]);
      assert.equal(value(resolve(service, 'f', '1')).spec.memoryMib, 128);
      assert.equal(value(resolve(service, 'f:2')).executedVersion, '2');
      const listed = value(await service.listVersionsByFunction(caller, { FunctionName: 'f', MaxItems: 2 }));
      assert.deepEqual(
        listed.Versions?.map((version) => version.FunctionArn),
        [arn('f:$LATEST'), arn('f:1')],
      );
      assert.equal(listed.Versions?.[0]?.State, undefined);
      const rest = value(
        await service.listVersionsByFunction(caller, { FunctionName: 'f', Marker: listed.NextMarker, MaxItems: 2 }),
      );
      assert.deepEqual([rest.Versions?.map((version) => version.Version), rest.NextMarker], [['2'], undefined]);
      value(await service.deleteFunction(caller, { FunctionName: 'f', Qualifier: '2' }));
      assert.equal(failure(resolve(service, 'f', '2')), `ResourceNotFoundException: Function not found: ${arn('f:2')}`);
      const three = value(await service.publishVersion(caller, { FunctionName: 'f' }));
      assert.equal(three.Version, '3', 'numbers are not used again');
    }),
  );

  it(
    'says what is wrong as the service does',
    within(async (service, folder) => {
      const made = async (more: object) => failure(await service.createFunction(caller, creation('x', more)));
      const variables = (Variables: Record<string, string>) => ({ Environment: { Variables } });
      assert.match(await made({ Handler: undefined }), /Runtime and Handler are mandatory parameters/);
      assert.match(
        await made({ Runtime: 'nodejs12.x' }),
        /The runtime parameter of nodejs12\.x is no longer supported/,
      );
      assert.match(await made({ Code: {} }), /Please provide a source for function code/);
      assert.match(
        await made({ Code: { S3Bucket: 'b', S3Key: 'k' } }),
        /needs an S3-compatible store, and this installation has none/,
      );
      assert.match(await made({ Code: { ZipFile: Buffer.from('garbage') } }), /Could not unzip uploaded file/);
      assert.match(
        await made(variables({ AWS_REGION: 'x', OK: '1' })),
        /contains reserved keys that are currently not supported for modification\. Reserved keys used in this request: AWS_REGION$/,
      );
      assert.match(
        await made(variables({ BIG: 'x'.repeat(4_096) })),
        /exceeded the 4KB limit\. String measured: \{"BIG"/,
      );
      // A NUL would end an argument where arguments are lists of them, and start one of the user's choice.
      assert.match(await made(variables({ NODE_OPTIONS: 'a\0b' })), /contains a NUL character in NODE_OPTIONS$/);
      assert.match(await made({ Handler: 'index\0.handler' }), /must not contain NUL/);
      assert.match(await made({ Architectures: ['arm64'] }), /arm64/);
      assert.match(await made({ Timeout: 901 }), /less than or equal to 900/);
      assert.deepEqual(readdirSync(join(folder, 'code')).sort(), ['boot', 'temporary']);
      assert.deepEqual(readdirSync(join(folder, 'blobs', 'objects')), []);
      await create(service, 'f');
      assert.equal(
        failure(await service.createFunction(caller, creation('f'))),
        'ResourceConflictException: Function already exist: f',
      );
      const get = async (FunctionName: string, Qualifier?: string) =>
        failure(await service.getFunction(caller, { FunctionName, Qualifier }));
      assert.equal(await get('no'), `ResourceNotFoundException: Function not found: ${arn('no')}`);
      assert.equal(await get('f', '7'), `ResourceNotFoundException: Function not found: ${arn('f:7')}`);
      assert.equal(
        failure(resolve(service, 'no')),
        `ResourceNotFoundException: Function not found: ${arn('no:$LATEST')}`,
      );
      assert.equal(
        await get('arn:aws:lambda:eu-west-1:111111111111:function:f'),
        "ResourceNotFoundException: Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
      );
      assert.match(await get('f:1', '2'), /The derived qualifier from the function name does not match/);
      assert.match(
        await get('222222222222:function:f'),
        /^AccessDeniedException: .*not authorized to perform: lambda:GetFunction/,
      );
    }),
  );

  it(
    'keeps accounts and regions apart',
    within(async (service) => {
      await create(service, 'f');
      value(await service.createFunction(stranger, creation('f')));
      const elsewhere: Caller = { ...caller, region: 'eu-west-1' as Region };
      assert.equal(value(await service.listFunctions(elsewhere, {})).Functions?.length, 0);
      const [mine, theirs] = await Promise.all(
        [caller, stranger].map(async (who) => await service.listFunctions(who, {})),
      );
      assert.equal(value(mine!).Functions?.[0]?.FunctionArn, arn('f'));
      assert.match(value(theirs!).Functions?.[0]?.FunctionArn ?? '', /:222222222222:/);
      value(await service.deleteFunction(stranger, { FunctionName: 'f' }));
      assert.ok(resolve(service, 'f').ok);
    }),
  );

  it(
    'lists in pages, all versions on request',
    within(async (service) => {
      for (const name of ['b', 'a-b', 'a', 'c']) await create(service, name);
      value(await service.publishVersion(caller, { FunctionName: 'a' }));
      const names: string[] = [];
      let Marker: string | undefined;
      do {
        const found = value(await service.listFunctions(caller, { MaxItems: 2, FunctionVersion: 'ALL', Marker }));
        names.push(...found.Functions!.map((item) => item.FunctionArn!.split('function:')[1]!));
        Marker = found.NextMarker;
      } while (Marker !== undefined);
      assert.deepEqual(names, ['a:$LATEST', 'a:1', 'a-b:$LATEST', 'b:$LATEST', 'c:$LATEST']);
      assert.match(failure(await service.listFunctions(caller, { Marker: '???' })), /Invalid pagination token/);
    }),
  );

  it(
    'deletes everything of a function, and one made again has new pools',
    within(async (service) => {
      const old = await create(service, 'f', { Publish: true });
      const pools: string[] = [];
      let deleted = '';
      service.onPoolSuperseded((pool, reason) => pools.push(`${reason} ${pool}`));
      service.onFunctionDeleted(({ name }) => {
        deleted = name;
      });
      assert.deepEqual(value(await service.deleteFunction(caller, { FunctionName: 'f' })), { StatusCode: 204 });
      assert.equal(pools.length, 2);
      assert.ok(pools.every((pool) => pool.startsWith('function-deleted ')));
      assert.equal(deleted, 'f');
      assert.match(failure(await service.deleteFunction(caller, { FunctionName: 'f' })), /^ResourceNotFoundException/);
      const made = await create(service, 'f');
      assert.ok(made.generation >= old.generation);
      assert.match(failure(resolve(service, 'f', '1')), /^ResourceNotFoundException/);
    }),
  );

  it('is all there after a restart; missing trees come back, unused ones go', async () =>
    await withFolder(async (folder) => {
      const [spec, other] = await opened(folder, async (service) => {
        const kept = await create(service, 'f', { Publish: true });
        const gone = await create(service, 'g', { Code: { ZipFile: codeOf('other') } });
        value(await service.createAlias(caller, { FunctionName: 'f', Name: 'live', FunctionVersion: '1' }));
        value(await service.putFunctionConcurrency(caller, { FunctionName: 'f', ReservedConcurrentExecutions: 5 }));
        value(await service.deleteFunction(caller, { FunctionName: 'g' }));
        return [kept, gone];
      });
      assert.ok(readdirSync(join(folder, 'code')).includes(other.codeSha256Hex), 'sandboxes may still use it');
      rmSync(join(folder, 'code', spec.codeSha256Hex), { recursive: true });
      await opened(folder, async (service) => {
        assert.ok(!readdirSync(join(folder, 'code')).includes(other.codeSha256Hex));
        assert.equal(readdirSync(join(folder, 'blobs', 'objects')).length, 1);
        const resolved = value(resolve(service, 'f', 'live'));
        assert.equal(resolved.spec.reservedConcurrency, 5);
        assert.equal(service.committed(caller.account, caller.region).reserved, 5);
        const { account, region } = caller;
        assert.deepEqual([...service.commitments()], [{ account, region, reserved: 5, provisioned: 0 }]);
        const tree = await service.codeFolder(spec.codeSha256Hex);
        assert.equal(readFileSync(join(tree, 'index.js'), 'utf8'), '1');
      });
    }));
});
