/** What tests of the configuration service share: a service on a folder, callers, inputs. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
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
import type { Input, OperationName, Output } from '../wire/lambda/operations.js';
import { type Caller, type ConfigService, type ConfigServiceOptions, openConfigService } from './service.js';

export const caller: Caller = { account: '111111111111' as AccountId, region: 'us-east-1' as Region };
export const stranger: Caller = { account: '222222222222' as AccountId, region: 'us-east-1' as Region };
export const role = 'arn:aws:iam::111111111111:role/r';
export const arn = (rest: string): string => `arn:aws:lambda:us-east-1:111111111111:function:${rest}`;
export const codeOf = (text: string): Buffer => makeZip([{ name: 'index.js', data: text }]);

export function creation(name: string, more: Partial<Input<'CreateFunction'>> = {}): Input<'CreateFunction'> {
  return {
    FunctionName: name,
    Runtime: 'nodejs20.x',
    Handler: 'index.handler',
    Role: role,
    Code: { ZipFile: codeOf('1') },
    ...more,
  };
}

export function value<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? '' : `${result.failure.code}: ${result.failure.message}`);
  return result.value;
}

export function failure(result: Result<unknown>): string {
  assert.ok(!result.ok, 'succeeded');
  return `${result.failure.code}: ${result.failure.message}`;
}

/** Opens the service on the folder, as the platform does at a start. */
export async function opened<T>(
  folder: string,
  body: (service: ConfigService) => Promise<T>,
  fraction: () => number = () => 0.5,
  more: Partial<ConfigServiceOptions> = {},
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
    ...more,
  });
  try {
    return await body(service);
  } finally {
    await service.close();
    await environment.close();
  }
}

export const within =
  (body: (service: ConfigService, folder: string) => Promise<void>, fraction?: () => number) => async () =>
    await withFolder(async (folder) => await opened(folder, async (service) => await body(service, folder), fraction));

/** Resolves when the version becomes active. */
export async function active(service: ConfigService, version = '$LATEST'): Promise<FunctionSpec> {
  return await new Promise((resolve) => {
    const end = service.onVersionActive((spec) => {
      if (spec.version !== version) return;
      end();
      resolve(spec);
    });
  });
}

export async function create(
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

export const resolve = (service: ConfigService, name: string, qualifier: string | null = null) =>
  service.resolve(caller.account, caller.region, name, qualifier);

/** Any operation of the API, by whoever has it. */
export async function call<Op extends OperationName>(
  service: ConfigService,
  operation: Op,
  input: Input<Op>,
  who: Caller = caller,
): Promise<Result<Output<Op>>> {
  const name = operation.charAt(0).toLowerCase() + operation.slice(1);
  const owner = service.owners.find((one) => name in one) as Record<string, unknown> | undefined;
  const method = owner?.[name];
  assert.ok(typeof method === 'function', `nobody has ${operation}`);
  return (await method.call(owner, who, input)) as Result<Output<Op>>;
}
