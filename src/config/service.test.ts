import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withFolder } from '../../test/contract/folder.js';
import { makeZip } from '../../test/zip.js';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { RealClock } from '../adapters/embedded/clock.js';
import { LmdbEnvironment } from '../adapters/embedded/environment.js';
import { EmbeddedKv } from '../adapters/embedded/kv.js';
import { RealRandom } from '../adapters/embedded/random.js';
import type { AccountId, Region } from '../kernel/ids.js';
import type { Result } from '../kernel/result.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { Input } from '../wire/lambda/operations.js';
import { type Caller, type ConfigService, openConfigService } from './service.js';

const caller: Caller = { account: '111111111111' as AccountId, region: 'us-east-1' as Region };
const stranger: Caller = { account: '222222222222' as AccountId, region: 'us-east-1' as Region };
const role = 'arn:aws:iam::111111111111:role/r';
const arn = (rest: string): string => `arn:aws:lambda:us-east-1:111111111111:function:${rest}`;
const codeOf = (text: string): Buffer => makeZip([{ name: 'index.js', data: text }]);

function creation(name: string, more: Partial<Input<'CreateFunction'>> = {}): Input<'CreateFunction'> {
  return {
    FunctionName: name,
    Runtime: 'nodejs20.x',
    Handler: 'index.handler',
    Role: role,
    Code: { ZipFile: codeOf('1') },
    ...more,
  };
}

function value<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? '' : `${result.failure.code}: ${result.failure.message}`);
  return result.value;
}

function failure(result: Result<unknown>): string {
  assert.ok(!result.ok, 'succeeded');
  return `${result.failure.code}: ${result.failure.message}`;
}

/** Opens the service on the folder, as the platform does at a start. */
async function opened<T>(
  folder: string,
  body: (service: ConfigService) => Promise<T>,
  fraction: () => number = () => 0.5,
): Promise<T> {
  const environment = new LmdbEnvironment(join(folder, 'lmdb'));
  const random = new RealRandom();
  const service = await openConfigService({
    kv: new EmbeddedKv(environment, 'config'),
    blob: new EmbeddedBlob(join(folder, 'blobs')),
    clock: new RealClock(),
    random: { uuid: () => random.uuid(), hex: (count) => random.hex(count), fraction },
    codeFolder: join(folder, 'code'),
    codeUrl: (_, sha) => `http://code/${sha}`,
    architecture: 'x86_64',
  });
  try {
    return await body(service);
  } finally {
    await service.close();
    await environment.close();
  }
}

const within = (body: (service: ConfigService, folder: string) => Promise<void>, fraction?: () => number) => async () =>
  await withFolder(async (folder) => await opened(folder, async (service) => await body(service, folder), fraction));

/** Resolves when the version becomes active. */
async function active(service: ConfigService, version = '$LATEST'): Promise<FunctionSpec> {
  return await new Promise((resolve) => {
    const end = service.onVersionActive((spec) => {
      if (spec.version !== version) return;
      end();
      resolve(spec);
    });
  });
}

async function create(
  service: ConfigService,
  name: string,
  more: Partial<Input<'CreateFunction'>> = {},
): Promise<FunctionSpec> {
  const becomes = active(service);
  const publishedToo = more.Publish === true ? active(service, '1') : null;
  value(await service.createFunction(caller, creation(name, more)));
  await publishedToo;
  return await becomes;
}

const resolve = (service: ConfigService, name: string, qualifier: string | null = null) =>
  service.resolve(caller.account, caller.region, name, qualifier);

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
    'updates: new code at once and never the old, a second change meanwhile is a conflict',
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
      assert.deepEqual(superseded, [`${old.pool} superseded`]);
      assert.notEqual(value(resolve(service, 'f')).spec.pool, old.pool);
      assert.equal(value(resolve(service, 'f')).spec.timeoutMs, 9_000);
      await becomes;
      const ready = value(await service.getFunctionConfiguration(caller, { FunctionName: 'f' }));
      assert.equal(ready.LastUpdateStatus, 'Successful');
      assert.notEqual(ready.RevisionId, answered.RevisionId);
      const code = { FunctionName: 'f', ZipFile: codeOf('2') };
      const updates = active(service);
      const updated = value(await service.updateFunctionCode(caller, code));
      assert.notEqual(updated.CodeSha256, answered.CodeSha256);
      const tree = await service.codeFolder(value(resolve(service, 'f')).spec.codeSha256Hex);
      assert.equal(readFileSync(join(tree, 'index.js'), 'utf8'), '2');
      await updates;
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
      assert.equal(service.reservedInAccount(caller.account, caller.region), 300);
      const settings = value(await service.getAccountSettings(caller, {}));
      assert.equal(settings.AccountLimit?.UnreservedConcurrentExecutions, 700);
      assert.deepEqual(settings.AccountUsage, { TotalCodeSize: 3 * codeOf('1').length, FunctionCount: 3 });
      value(await service.deleteFunctionConcurrency(caller, { FunctionName: 'f' }));
      assert.deepEqual(value(await service.getFunctionConcurrency(caller, { FunctionName: 'f' })), {});
      value(await service.deleteFunction(caller, { FunctionName: 'g' }));
      assert.equal(service.reservedInAccount(caller.account, caller.region), 0);
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
      assert.match(await made({ Code: { S3Bucket: 'b', S3Key: 'k' } }), /S3 is not supported/);
      assert.match(await made({ Code: { ZipFile: Buffer.from('garbage') } }), /Could not unzip uploaded file/);
      assert.match(
        await made(variables({ AWS_REGION: 'x', OK: '1' })),
        /contains reserved keys that are currently not supported for modification\. Reserved keys used in this request: AWS_REGION$/,
      );
      assert.match(
        await made(variables({ BIG: 'x'.repeat(4_096) })),
        /exceeded the 4KB limit\. String measured: \{"BIG"/,
      );
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

  it('tags', async () =>
    await within(async (service) => {
      await create(service, 'f');
      value(await service.tagResource(caller, { Resource: arn('f'), Tags: { a: '1', b: '2' } }));
      value(await service.untagResource(caller, { Resource: arn('f'), TagKeys: ['a'] }));
      assert.deepEqual(value(await service.listTags(caller, { Resource: arn('f') })).Tags, { b: '2' });
    })());

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
        assert.equal(service.reservedInAccount(caller.account, caller.region), 5);
        const tree = await service.codeFolder(spec.codeSha256Hex);
        assert.equal(readFileSync(join(tree, 'index.js'), 'utf8'), '1');
      });
    }));
});
