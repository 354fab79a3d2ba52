import type { StopReason } from '../assignment/messages.js';
import { assert } from '../kernel/assert.js';
import { apiFailure } from '../kernel/errors.js';
import type { AccountId, PoolKey, Region } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import type { Blob } from '../kernel/ports/blob.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Kv } from '../kernel/ports/kv.js';
import type { Random } from '../kernel/ports/random.js';
import { fail, ok, type Result } from '../kernel/result.js';
import type { FunctionSpec, RuntimeName } from '../wire/functionspec.js';
import type { FunctionConfiguration, Input, Output } from '../wire/lambda/operations.js';
import { aliasNotFound, functionArn, functionRef, notFound } from './arns.js';
import { CodeStore } from './codestore.js';
import { ConfigEngine, type Reply } from './engine.js';
import {
  type Code,
  type ConfigInput,
  type FunctionId,
  type FunctionState,
  latest,
  type Settings,
  type VersionRecord,
} from './messages.js';
import { byText, byVersion, page } from './page.js';
import { changedSettings, newSettings } from './settings.js';
import type { ConfigRecord, Resolved } from './table.js';
import { aliasView, base64, functionView, listedView } from './view.js';

export type { Resolved } from './table.js';

/** Who asks: account and region come from the verified credential scope. */
export interface Caller {
  readonly account: AccountId;
  readonly region: Region;
}

export interface ConfigServiceOptions {
  /** Owned by this service alone. */
  readonly kv: Kv;
  readonly blob: Blob;
  readonly clock: Clock;
  readonly random: Random;
  /** Folder of unpacked code, one tree per zip: `DATA/code`. */
  readonly codeFolder: string;
  /** Download URL for Code.Location. */
  readonly codeUrl: (caller: Caller, codeSha256Hex: string) => string;
  /** Default: this machine's. */
  readonly architecture?: Settings['architecture'];
}

/** Loads everything from the store and finishes what a crash interrupted. */
export async function openConfigService(options: ConfigServiceOptions): Promise<ConfigService> {
  const codes = new CodeStore({ blob: options.blob, clock: options.clock, folder: options.codeFolder });
  const engine = new ConfigEngine({ ...options, kv: options.kv as Kv<ConfigRecord>, codes });
  await engine.open();
  return new ConfigService(engine, options);
}

/**
 * Functions, versions, aliases, code and reserved concurrency: one method per operation of the Lambda API, each
 * resolving once what it says is durable. Inputs have passed the wire's validation.
 */
export class ConfigService {
  readonly #engine: ConfigEngine;
  readonly #random: Random;
  readonly #codeUrl: ConfigServiceOptions['codeUrl'];
  readonly #architecture: Settings['architecture'];

  constructor(engine: ConfigEngine, options: ConfigServiceOptions) {
    this.#engine = engine;
    this.#random = options.random;
    this.#codeUrl = options.codeUrl;
    this.#architecture = options.architecture ?? (process.arch === 'arm64' ? 'arm64' : 'x86_64');
  }

  async createFunction(caller: Caller, input: Input<'CreateFunction'>): Promise<Result<Output<'CreateFunction'>>> {
    const ref = this.#unqualified(caller, input.FunctionName, 'CreateFunction');
    if (!ref.ok) return ref;
    const id = ref.value;
    if (id.name.length > 64) {
      const start = `1 validation error detected: Value '${id.name}' at 'functionName' failed to satisfy constraint`;
      return fail(apiFailure('ValidationException', `${start}: Member must have length less than or equal to 64`));
    }
    const settings = newSettings(input, id.name, this.#architecture);
    if (!settings.ok) return settings;
    if (this.#engine.table.state(id) !== null) {
      return fail(apiFailure('ResourceConflictException', `Function already exist: ${id.name}`));
    }
    return await this.#withCode(caller, input.Code, async (code) => {
      const reply = await this.#engine.run(id, () =>
        ok({
          kind: 'create',
          ...this.#engine.stamp(),
          id,
          settings: settings.value,
          code,
          tags: input.Tags ?? {},
          publish: input.Publish ?? false,
          generationMin: this.#engine.table.generationMax + 1,
        }),
      );
      return versionReply(id, reply);
    });
  }

  async getFunction(caller: Caller, input: Input<'GetFunction'>): Promise<Result<Output<'GetFunction'>>> {
    const found = this.#version(caller, input.FunctionName, input.Qualifier, 'GetFunction');
    if (!found.ok) return found;
    const { state, record, qualifier } = found.value;
    const { reserved, tags } = state.record;
    return ok({
      Configuration: functionView(state.record, record, qualifier),
      Code: { RepositoryType: 'S3', Location: this.#codeUrl(caller, record.code.sha256Hex) },
      ...(Object.keys(tags).length === 0 ? {} : { Tags: tags }),
      ...(reserved === null ? {} : { Concurrency: { ReservedConcurrentExecutions: reserved } }),
    });
  }

  async getFunctionConfiguration(
    caller: Caller,
    input: Input<'GetFunctionConfiguration'>,
  ): Promise<Result<Output<'GetFunctionConfiguration'>>> {
    const found = this.#version(caller, input.FunctionName, input.Qualifier, 'GetFunctionConfiguration');
    if (!found.ok) return found;
    const { state, record, qualifier } = found.value;
    return ok(functionView(state.record, record, qualifier));
  }

  async listFunctions(caller: Caller, input: Input<'ListFunctions'>): Promise<Result<Output<'ListFunctions'>>> {
    const all = input.FunctionVersion === 'ALL';
    const items = this.#engine.table.list(caller.account, caller.region).flatMap((state) => {
      const records = all ? versionsInOrder(state) : [state.versions.get(latest)!];
      return records.map((record) => ({ id: state.record, record }));
    });
    const paged = page(
      items,
      ({ id, record }) => `${id.name}/${record.version}`,
      (a, b) => {
        const [aName, aVersion] = a.split('/') as [string, string];
        const [bName, bVersion] = b.split('/') as [string, string];
        return byText(aName, bName) || byVersion(aVersion, bVersion);
      },
      input.Marker,
      input.MaxItems,
    );
    if (!paged.ok) return paged;
    return ok({
      ...marker(paged.value.nextMarker),
      Functions: paged.value.items.map(({ id, record }) => listedView(id, record, all ? record.version : null)),
    });
  }

  async updateFunctionCode(
    caller: Caller,
    input: Input<'UpdateFunctionCode'>,
  ): Promise<Result<Output<'UpdateFunctionCode'>>> {
    const ref = this.#existing(caller, input.FunctionName, 'UpdateFunctionCode');
    if (!ref.ok) return ref;
    const id = ref.value;
    const wanted = input.Architectures?.[0];
    if (wanted !== undefined && wanted !== this.#architecture) {
      const message = `Architecture ${wanted} is not available here: this machine runs ${this.#architecture} functions`;
      return fail(apiFailure('InvalidParameterValueException', message));
    }
    return await this.#withCode(caller, input, async (code) => {
      const reply = await this.#engine.run(id, () =>
        ok({
          kind: 'update-code',
          ...this.#engine.stamp(),
          code,
          dryRun: input.DryRun ?? false,
          publish: input.Publish ?? false,
          expectedRevisionId: input.RevisionId ?? null,
        }),
      );
      return versionReply(id, reply);
    });
  }

  async updateFunctionConfiguration(
    caller: Caller,
    input: Input<'UpdateFunctionConfiguration'>,
  ): Promise<Result<Output<'UpdateFunctionConfiguration'>>> {
    const ref = this.#existing(caller, input.FunctionName, 'UpdateFunctionConfiguration');
    if (!ref.ok) return ref;
    const id = ref.value;
    const reply = await this.#engine.run(id, (state) => {
      if (state === null) return fail(notFound(id));
      const settings = changedSettings(state.versions.get(latest)!.settings, input);
      if (!settings.ok) return settings;
      const expectedRevisionId = input.RevisionId ?? null;
      return ok({ kind: 'update-settings', ...this.#engine.stamp(), settings: settings.value, expectedRevisionId });
    });
    return versionReply(id, reply);
  }

  async deleteFunction(caller: Caller, input: Input<'DeleteFunction'>): Promise<Result<Output<'DeleteFunction'>>> {
    const { account, region } = caller;
    const ref = functionRef(account, region, input.FunctionName, input.Qualifier ?? null, 'DeleteFunction');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const reply = await this.#engine.run(id, () => ok({ kind: 'delete', qualifier }));
    return reply.ok ? ok({ StatusCode: 204 }) : reply;
  }

  async publishVersion(caller: Caller, input: Input<'PublishVersion'>): Promise<Result<Output<'PublishVersion'>>> {
    const ref = this.#existing(caller, input.FunctionName, 'PublishVersion');
    if (!ref.ok) return ref;
    const id = ref.value;
    const codeSha256 = input.CodeSha256 === '' ? null : (input.CodeSha256 ?? null);
    const reply = await this.#engine.run(id, (state) => {
      const current = state?.versions.get(latest)?.code.sha256Hex;
      return ok({
        kind: 'publish',
        ...this.#engine.stamp(),
        codeSha256,
        codeSha256Hex: codeSha256 === null ? null : Buffer.from(codeSha256, 'base64').toString('hex'),
        currentCodeSha256: current === undefined ? null : base64(current),
        description: input.Description === undefined || input.Description === '' ? null : input.Description,
        expectedRevisionId: input.RevisionId ?? null,
      });
    });
    return versionReply(id, reply);
  }

  async listVersionsByFunction(
    caller: Caller,
    input: Input<'ListVersionsByFunction'>,
  ): Promise<Result<Output<'ListVersionsByFunction'>>> {
    const found = this.#state(caller, input.FunctionName, 'ListVersionsByFunction');
    if (!found.ok) return found;
    const state = found.value;
    const records = versionsInOrder(state);
    const paged = page(records, (record) => record.version, byVersion, input.Marker, input.MaxItems);
    if (!paged.ok) return paged;
    return ok({
      ...marker(paged.value.nextMarker),
      Versions: paged.value.items.map((record) => listedView(state.record, record, record.version)),
    });
  }

  async createAlias(caller: Caller, input: Input<'CreateAlias'>): Promise<Result<Output<'CreateAlias'>>> {
    return await this.#alias(caller, input.FunctionName, 'CreateAlias', () => ({
      kind: 'create-alias',
      ...this.#engine.stamp(),
      name: input.Name,
      version: input.FunctionVersion,
      description: input.Description ?? '',
      weights: input.RoutingConfig?.AdditionalVersionWeights ?? {},
    }));
  }

  async getAlias(caller: Caller, input: Input<'GetAlias'>): Promise<Result<Output<'GetAlias'>>> {
    const found = this.#state(caller, input.FunctionName, 'GetAlias');
    if (!found.ok) return found;
    const record = found.value.aliases.get(input.Name);
    if (record === undefined) return fail(aliasNotFound(found.value.record, input.Name));
    return ok(aliasView(found.value.record, record));
  }

  async updateAlias(caller: Caller, input: Input<'UpdateAlias'>): Promise<Result<Output<'UpdateAlias'>>> {
    const routing = input.RoutingConfig;
    return await this.#alias(caller, input.FunctionName, 'UpdateAlias', () => ({
      kind: 'update-alias',
      ...this.#engine.stamp(),
      name: input.Name,
      version: input.FunctionVersion ?? null,
      description: input.Description ?? null,
      weights: routing === undefined ? null : (routing.AdditionalVersionWeights ?? {}),
      expectedRevisionId: input.RevisionId ?? null,
    }));
  }

  async deleteAlias(caller: Caller, input: Input<'DeleteAlias'>): Promise<Result<Output<'DeleteAlias'>>> {
    const ref = this.#existing(caller, input.FunctionName, 'DeleteAlias');
    if (!ref.ok) return ref;
    const reply = await this.#engine.run(ref.value, () => ok({ kind: 'delete-alias', name: input.Name }));
    return reply.ok ? ok(null) : reply;
  }

  async listAliases(caller: Caller, input: Input<'ListAliases'>): Promise<Result<Output<'ListAliases'>>> {
    const found = this.#state(caller, input.FunctionName, 'ListAliases');
    if (!found.ok) return found;
    const state = found.value;
    const wanted = input.FunctionVersion;
    const records = [...state.aliases.values()]
      .filter((alias) => wanted === undefined || alias.version === wanted || alias.routing?.version === wanted)
      .sort((a, b) => byText(a.name, b.name));
    const paged = page(records, (record) => record.name, byText, input.Marker, input.MaxItems);
    if (!paged.ok) return paged;
    const Aliases = paged.value.items.map((record) => aliasView(state.record, record));
    return ok({ ...marker(paged.value.nextMarker), Aliases });
  }

  async putFunctionConcurrency(
    caller: Caller,
    input: Input<'PutFunctionConcurrency'>,
  ): Promise<Result<Output<'PutFunctionConcurrency'>>> {
    const concurrency = input.ReservedConcurrentExecutions;
    const reply = await this.#reserve(caller, input.FunctionName, concurrency, 'PutFunctionConcurrency');
    return reply.ok ? ok({ ReservedConcurrentExecutions: concurrency }) : reply;
  }

  async getFunctionConcurrency(
    caller: Caller,
    input: Input<'GetFunctionConcurrency'>,
  ): Promise<Result<Output<'GetFunctionConcurrency'>>> {
    const found = this.#state(caller, input.FunctionName, 'GetFunctionConcurrency');
    if (!found.ok) return found;
    const { reserved } = found.value.record;
    return ok(reserved === null ? {} : { ReservedConcurrentExecutions: reserved });
  }

  async deleteFunctionConcurrency(
    caller: Caller,
    input: Input<'DeleteFunctionConcurrency'>,
  ): Promise<Result<Output<'DeleteFunctionConcurrency'>>> {
    const reply = await this.#reserve(caller, input.FunctionName, null, 'DeleteFunctionConcurrency');
    return reply.ok ? ok(null) : reply;
  }

  async getAccountSettings(
    caller: Caller,
    _input: Input<'GetAccountSettings'>,
  ): Promise<Result<Output<'GetAccountSettings'>>> {
    const functions = this.#engine.table.list(caller.account, caller.region);
    return ok({
      AccountLimit: {
        TotalCodeSize: limits.codeStorageBytesPerRegion,
        CodeSizeUnzipped: limits.codeUnzippedBytesMax,
        CodeSizeZipped: limits.codeZipBytesMax,
        ConcurrentExecutions: limits.accountConcurrency,
        UnreservedConcurrentExecutions:
          limits.accountConcurrency - this.reservedInAccount(caller.account, caller.region),
      },
      AccountUsage: { TotalCodeSize: storedBytes(functions), FunctionCount: functions.length },
    });
  }

  async tagResource(caller: Caller, input: Input<'TagResource'>): Promise<Result<Output<'TagResource'>>> {
    return await this.#tag(caller, input.Resource, input.Tags, [], 'TagResource');
  }

  async untagResource(caller: Caller, input: Input<'UntagResource'>): Promise<Result<Output<'UntagResource'>>> {
    return await this.#tag(caller, input.Resource, {}, input.TagKeys, 'UntagResource');
  }

  async listTags(caller: Caller, input: Input<'ListTags'>): Promise<Result<Output<'ListTags'>>> {
    const found = this.#state(caller, input.Resource, 'ListTags');
    return found.ok ? ok({ Tags: found.value.record.tags }) : found;
  }

  /**
   * Which spec an invocation runs. Synchronous, ≤ 2 µs: the hot path. `name` is FunctionName as the client sent it
   * (name, partial or full ARN, with or without a qualifier); `qualifier` is the query's, or null.
   */
  resolve(account: AccountId, region: Region, name: string, qualifier: string | null): Result<Resolved> {
    const { table } = this.#engine;
    let route = table.route(account, region, name, qualifier);
    if (route === null) {
      const ref = functionRef(account, region, name, qualifier);
      if (!ref.ok) return ref;
      route = table.route(account, region, ref.value.id.name, ref.value.qualifier);
      if (route === null) return fail(notFound(ref.value.id, ref.value.qualifier ?? latest));
    }
    if (route.other !== null && this.#random.fraction() < route.other.weight) return route.other.resolved;
    return route.main;
  }

  /** Concurrency reserved by all functions of the account in the region. */
  reservedInAccount(account: AccountId, region: Region): number {
    return this.#engine.table.reserved(account, region);
  }

  get functionCount(): number {
    return [...this.#engine.table.all()].length;
  }

  /** Runtimes of all versions of all functions, of every account. */
  runtimesInUse(): ReadonlySet<RuntimeName> {
    const found = new Set<RuntimeName>();
    for (const state of this.#engine.table.all()) {
      for (const record of state.versions.values()) found.add(record.settings.runtime);
    }
    return found;
  }

  /** Folder of the unpacked code of a spec; made again from the blob when missing. Throws when the code is gone. */
  async codeFolder(codeSha256Hex: string): Promise<string> {
    const folder = await this.#engine.codes.tree(codeSha256Hex);
    assert(folder !== null, `code ${codeSha256Hex} is gone`);
    return folder;
  }

  /** The zip itself, for the download URL. Null: no function of this account and region has it. */
  async codeZip(caller: Caller, codeSha256Hex: string): Promise<Uint8Array | null> {
    const owned = this.#engine.table
      .list(caller.account, caller.region)
      .some((state) => [...state.versions.values()].some((record) => record.code.sha256Hex === codeSha256Hex));
    return owned ? await this.#engine.codes.zip(codeSha256Hex) : null;
  }

  /** A pool's sandboxes are to drain: the version changed or is gone. The returned function ends the subscription. */
  onPoolSuperseded(listener: (pool: PoolKey, reason: StopReason) => void): () => void {
    return this.#engine.onPoolSuperseded(listener);
  }

  onVersionActive(listener: (spec: FunctionSpec) => void): () => void {
    return this.#engine.onVersionActive(listener);
  }

  onFunctionDeleted(listener: (deleted: FunctionId) => void): () => void {
    return this.#engine.onFunctionDeleted(listener);
  }

  /** Finishes what is under way; the ports stay open. */
  async close(): Promise<void> {
    await this.#engine.close();
  }

  /** Stores the zip for as long as `action` takes; afterwards only a stored version keeps it. */
  async #withCode(
    caller: Caller,
    source: NonNullable<Input<'CreateFunction'>['Code']>,
    action: (code: Code) => Promise<Result<FunctionConfiguration>>,
  ): Promise<Result<FunctionConfiguration>> {
    const zip = source.ZipFile;
    const elsewhere = source.S3Bucket ?? source.S3Key ?? source.S3ObjectVersion ?? source.ImageUri;
    const invalid = (message: string) => fail(apiFailure('InvalidParameterValueException', message));
    if (zip !== undefined && elsewhere !== undefined) {
      return invalid('Please do not provide other FunctionCode parameters when providing a ZipFile.');
    }
    if (source.ImageUri !== undefined) return invalid('Container images are not supported: pass a zip as ZipFile.');
    if (elsewhere !== undefined) return invalid('Code in S3 is not supported: pass the zip as ZipFile.');
    if (zip === undefined) return invalid('Please provide a source for function code.');
    const stored = storedBytes(this.#engine.table.list(caller.account, caller.region));
    if (stored + zip.length > limits.codeStorageBytesPerRegion) {
      return fail(apiFailure('CodeStorageExceededException', 'Code storage limit exceeded.'));
    }
    const code = await this.#engine.codes.admit(zip);
    if (!code.ok) return code;
    try {
      return await action(code.value);
    } finally {
      this.#engine.codes.release(code.value.sha256Hex);
    }
  }

  async #alias(
    caller: Caller,
    name: string,
    action: 'CreateAlias' | 'UpdateAlias',
    make: () => ConfigInput,
  ): Promise<Result<Output<'GetAlias'>>> {
    const ref = this.#existing(caller, name, action);
    if (!ref.ok) return ref;
    const reply = await this.#engine.run(ref.value, () => ok(make()));
    if (!reply.ok) return reply;
    assert(reply.value.kind === 'alias', 'an alias operation answers an alias');
    return ok(aliasView(ref.value, reply.value.record));
  }

  async #reserve(caller: Caller, name: string, concurrency: number | null, action: string): Promise<Result<Reply>> {
    const ref = this.#existing(caller, name, action);
    if (!ref.ok) return ref;
    return await this.#engine.run(ref.value, (state) =>
      ok({
        kind: 'reserve',
        concurrency,
        reservedElsewhere: this.reservedInAccount(caller.account, caller.region) - (state?.record.reserved ?? 0),
        accountConcurrency: limits.accountConcurrency,
      }),
    );
  }

  async #tag(
    caller: Caller,
    resource: string,
    set: Readonly<Record<string, string>>,
    remove: readonly string[],
    action: string,
  ): Promise<Result<null>> {
    const ref = this.#existing(caller, resource, action);
    if (!ref.ok) return ref;
    const reply = await this.#engine.run(ref.value, () => ok({ kind: 'tag', set, remove }));
    return reply.ok ? ok(null) : reply;
  }

  /** For operations on the function itself: `$LATEST` is the only qualifier its name may carry. */
  #unqualified(caller: Caller, name: string, action: string): Result<FunctionId> {
    const ref = functionRef(caller.account, caller.region, name, null, action);
    if (!ref.ok) return ref;
    if (ref.value.qualifier !== null && ref.value.qualifier !== latest) {
      const message = `This operation does not permit qualifiers: ${functionArn(ref.value.id, ref.value.qualifier)}`;
      return fail(apiFailure('InvalidParameterValueException', message));
    }
    return ok(ref.value.id);
  }

  #existing(caller: Caller, name: string, action: string): Result<FunctionId> {
    const ref = this.#unqualified(caller, name, action);
    if (!ref.ok || this.#engine.table.state(ref.value) !== null) return ref;
    return fail(notFound(ref.value));
  }

  #state(caller: Caller, name: string, action: string): Result<FunctionState> {
    const ref = this.#unqualified(caller, name, action);
    if (!ref.ok) return ref;
    const state = this.#engine.table.state(ref.value);
    return state === null ? fail(notFound(ref.value)) : ok(state);
  }

  #version(
    caller: Caller,
    name: string,
    given: string | undefined,
    action: string,
  ): Result<{ readonly state: FunctionState; readonly record: VersionRecord; readonly qualifier: string | null }> {
    const ref = functionRef(caller.account, caller.region, name, given ?? null, action);
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const state = this.#engine.table.state(id);
    const wanted = qualifier ?? latest;
    const record = state?.versions.get(state.aliases.get(wanted)?.version ?? wanted);
    return state === null || record === undefined ? fail(notFound(id, qualifier)) : ok({ state, record, qualifier });
  }
}

function versionReply(id: FunctionId, reply: Result<Reply>): Result<FunctionConfiguration> {
  if (!reply.ok) return reply;
  assert(reply.value.kind === 'version', 'the machine answers a version');
  const { record, qualified } = reply.value;
  return ok(functionView(id, record, qualified ? record.version : null));
}

function versionsInOrder(state: FunctionState): readonly VersionRecord[] {
  return [...state.versions.values()].sort((a, b) => byVersion(a.version, b.version));
}

function storedBytes(functions: readonly FunctionState[]): number {
  let bytes = 0;
  for (const state of functions) for (const record of state.versions.values()) bytes += record.code.zipBytes;
  return bytes;
}

function marker(next: string | null): { readonly NextMarker?: string } {
  return next === null ? {} : { NextMarker: next };
}
