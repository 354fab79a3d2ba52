import type { StopReason } from '../assignment/messages.js';
import type { AsyncEvent, AsyncPolicy } from '../async/messages.js';
import { assert } from '../kernel/assert.js';
import type { AccountId, PoolKey, Region, VersionKey } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import type { Blob } from '../kernel/ports/blob.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Kv } from '../kernel/ports/kv.js';
import type { ObjectStore } from '../kernel/ports/objects.js';
import type { Random } from '../kernel/ports/random.js';
import { fail, ok, type Result } from '../kernel/result.js';
import type { FunctionSpec, RuntimeName } from '../wire/functionspec.js';
import type { FunctionConfiguration, Input, Output } from '../wire/lambda/operations.js';
import { type Caller, FunctionAccess } from './access.js';
import { aliasNotFound, notFound } from './arns.js';
import { asyncPolicyOf } from './attachments/asyncpolicy.js';
import { type ProvisionedPool, provisionedTargets } from './attachments/provisionedtargets.js';
import { running } from './code/versioncode.js';
import type { ConfigEngine, PrepareRuntime } from './engine.js';
import { type FunctionId, type FunctionState, latest, type Settings, type VersionRecord } from './messages.js';
import { byText, byVersion, page } from './page.js';
import type { SnapshotKeeper } from './snapshotkeeping.js';
import { wantsSnapshot } from './snapshots.js';
import { type Committed, type Resolved, snapshotId, specOf } from './table.js';
import { aliasView, functionView, listedView, type RuntimeVersionArn, runtimeVersionArn } from './view.js';

export type { Caller } from './access.js';

export interface ConfigServiceOptions {
  /** Owned by this service alone. */
  readonly kv: Kv;
  readonly blob: Blob;
  readonly clock: Clock;
  readonly random: Random;
  /** Folder of unpacked code, one tree per zip: `DATA/code`. */
  readonly codeFolder: string;
  /** Where code named by bucket and key comes from. Default: nowhere. */
  readonly objects?: ObjectStore;
  /** The organization that all accounts belong to, for layers shared with one. Default: none. */
  readonly organizationId?: string;
  /** Download URL for Code.Location. */
  readonly codeUrl: (caller: Caller, codeSha256Hex: string) => string;
  /** FunctionUrl for a URL's id. Default: one without a port. */
  readonly functionUrl?: (urlId: string, region: Region) => string;
  /** Makes a version's runtime ready before it becomes Active. Default: every runtime is there. */
  readonly prepareRuntime?: PrepareRuntime;
  /** ARN that RuntimeVersionConfig names. Default: one made of the runtime's name. */
  readonly runtimeVersionArn?: (runtime: RuntimeName, region: Region) => string;
  /** Makes and keeps snapshots for SnapStart. Default: nobody does, and such versions start from their code. */
  readonly snapshots?: SnapshotKeeper;
  /** What a pool has of its provisioned concurrency; null: nothing is known of it. Default: nobody provides any. */
  readonly provisioned?: (pool: PoolKey) => ProvisionedPool | null;
  /** Default: the service's own quota. */
  readonly accountConcurrency?: number;
  /** Default: this machine's. */
  readonly architecture?: Settings['architecture'];
}

/** The reading half of the service: everything here answers from memory. */
export class ConfigQueries {
  protected readonly engine: ConfigEngine;
  readonly access: FunctionAccess;
  readonly #random: Random;
  readonly #codeUrl: ConfigServiceOptions['codeUrl'];
  readonly #runtimeVersionArn: RuntimeVersionArn;
  protected readonly accountConcurrency: number;
  protected readonly functionUrlOf: (urlId: string, region: Region) => string;

  constructor(engine: ConfigEngine, options: ConfigServiceOptions) {
    this.engine = engine;
    this.access = new FunctionAccess(engine.table, options.organizationId);
    this.#random = options.random;
    this.#codeUrl = options.codeUrl;
    this.functionUrlOf = options.functionUrl ?? ((id, region) => `http://${id}.lambda-url.${region}.localhost/`);
    this.#runtimeVersionArn = options.runtimeVersionArn ?? runtimeVersionArn;
    this.accountConcurrency = options.accountConcurrency ?? limits.accountConcurrency;
  }

  async getFunction(caller: Caller, input: Input<'GetFunction'>): Promise<Result<Output<'GetFunction'>>> {
    const found = this.access.version(caller, input.FunctionName, input.Qualifier, 'GetFunction');
    if (!found.ok) return found;
    const { state, record, qualifier } = found.value;
    const { reserved, tags } = state.record;
    return ok({
      Configuration: this.view(state.record, record, qualifier),
      Code: { RepositoryType: 'S3', Location: this.#codeUrl(state.record, record.code.sha256Hex) },
      ...(Object.keys(tags).length === 0 ? {} : { Tags: tags }),
      ...(reserved === null ? {} : { Concurrency: { ReservedConcurrentExecutions: reserved } }),
    });
  }

  async getFunctionConfiguration(
    caller: Caller,
    input: Input<'GetFunctionConfiguration'>,
  ): Promise<Result<Output<'GetFunctionConfiguration'>>> {
    const found = this.access.version(caller, input.FunctionName, input.Qualifier, 'GetFunctionConfiguration');
    if (!found.ok) return found;
    const { state, record, qualifier } = found.value;
    return ok(this.view(state.record, record, qualifier));
  }

  async listFunctions(caller: Caller, input: Input<'ListFunctions'>): Promise<Result<Output<'ListFunctions'>>> {
    const all = input.FunctionVersion === 'ALL';
    const items = this.engine.table.list(caller.account, caller.region).flatMap((state) => {
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

  async listVersionsByFunction(
    caller: Caller,
    input: Input<'ListVersionsByFunction'>,
  ): Promise<Result<Output<'ListVersionsByFunction'>>> {
    const found = this.access.state(caller, input.FunctionName, 'ListVersionsByFunction');
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

  async getAlias(caller: Caller, input: Input<'GetAlias'>): Promise<Result<Output<'GetAlias'>>> {
    const found = this.access.state(caller, input.FunctionName, 'GetAlias');
    if (!found.ok) return found;
    const record = found.value.aliases.get(input.Name);
    if (record === undefined) return fail(aliasNotFound(found.value.record, input.Name));
    return ok(aliasView(found.value.record, record));
  }

  async listAliases(caller: Caller, input: Input<'ListAliases'>): Promise<Result<Output<'ListAliases'>>> {
    const found = this.access.state(caller, input.FunctionName, 'ListAliases');
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

  async getFunctionConcurrency(
    caller: Caller,
    input: Input<'GetFunctionConcurrency'>,
  ): Promise<Result<Output<'GetFunctionConcurrency'>>> {
    const found = this.access.state(caller, input.FunctionName, 'GetFunctionConcurrency');
    if (!found.ok) return found;
    const { reserved } = found.value.record;
    return ok(reserved === null ? {} : { ReservedConcurrentExecutions: reserved });
  }

  async getAccountSettings(
    caller: Caller,
    _input: Input<'GetAccountSettings'>,
  ): Promise<Result<Output<'GetAccountSettings'>>> {
    const functions = this.engine.table.list(caller.account, caller.region);
    const committed = this.committed(caller.account, caller.region);
    return ok({
      AccountLimit: {
        TotalCodeSize: limits.codeStorageBytesPerRegion,
        CodeSizeUnzipped: limits.codeUnzippedBytesMax,
        CodeSizeZipped: limits.codeZipBytesMax,
        ConcurrentExecutions: this.accountConcurrency,
        UnreservedConcurrentExecutions: this.accountConcurrency - committed.reserved - committed.provisioned,
      },
      AccountUsage: { TotalCodeSize: this.storedBytes(caller), FunctionCount: functions.length },
    });
  }

  /**
   * Which spec an invocation runs. Synchronous, ≤ 2 µs: the hot path. `name` is FunctionName as the client sent it
   * (name, partial or full ARN, with or without a qualifier); `qualifier` is the query's, or null. `callerArn`: who asks,
   * for functions of other accounts. Default: the account's root.
   */
  resolve(
    account: AccountId,
    region: Region,
    name: string,
    qualifier: string | null,
    callerArn?: string,
  ): Result<Resolved> {
    const { table } = this.engine;
    let route = table.route(account, region, name, qualifier);
    if (route === null) {
      const caller = callerArn === undefined ? { account, region } : { account, region, arn: callerArn };
      const ref = this.access.reference(caller, name, qualifier, 'InvokeFunction');
      if (!ref.ok) return ref;
      route = table.route(ref.value.id.account, region, ref.value.id.name, ref.value.qualifier);
      if (route === null) return fail(notFound(ref.value.id, ref.value.qualifier ?? latest));
    }
    if (route.inactive.length > 0) this.engine.snapshots.wake(route.inactive);
    if (route.other !== null && this.#random.fraction() < route.other.weight) return route.other.resolved;
    return route.main;
  }

  /** The role that a version's function acts as. Null: the version is gone. */
  roleOf({ account, region, functionName, version, generation }: FunctionSpec): string | null {
    const record = this.engine.table.state({ account, region, name: functionName })?.versions.get(version);
    if (record === undefined) return null;
    // During an update both are at work: what is to be replaced, and what is to replace it.
    const now = running(record);
    return (now.generation === generation ? now : record).settings.role;
  }

  /** How many sandboxes of which versions shall always be there: a pool each, with what runs in it. */
  provisionedTargets(id: FunctionId): readonly { readonly spec: FunctionSpec; readonly count: number }[] {
    const state = this.engine.table.state(id);
    if (state === null) return [];
    return provisionedTargets(state).map(({ record, count }) => ({ spec: specOf(state.record, record), count }));
  }

  /** Concurrency that all functions of the account in the region have taken. Synchronous, the hot path. */
  committed(account: AccountId, region: Region): Committed {
    return this.engine.table.committed(account, region);
  }

  /** Of each account and region where there is anything of it. */
  commitments(): Iterable<Committed & { readonly account: string; readonly region: string }> {
    return this.engine.table.commitments();
  }

  /** Provisioned concurrency of a function without a reservation; else 0. The hot path of accounts that have any. */
  provisionedOf({ account, region, functionName }: Pick<FunctionSpec, 'account' | 'region' | 'functionName'>): number {
    return this.engine.table.provisioned({ account, region, name: functionName });
  }

  /** What invocations of the version run now; null: there is no such version, or it is not active. */
  specOfVersion(key: VersionKey): FunctionSpec | null {
    const [account, region, name, version] = key.split('/') as [AccountId, Region, string, string];
    const state = this.engine.table.state({ account, region, name });
    const record = state?.versions.get(version);
    return state === null || record?.state !== 'Active' ? null : specOf(state.record, record);
  }

  /** What the function's tags say of its policies: names, or `off`. What they do not say is left out. */
  policyChoice(key: VersionKey): { readonly keepAlive?: string; readonly forecast?: string } {
    const [account, region, name] = key.split('/') as [AccountId, Region, string];
    const tags = this.engine.table.state({ account, region, name })?.record.tags ?? {};
    const off = tags['hearth:proactive'] === 'off' ? 'off' : undefined;
    const keepAlive = off ?? tags['hearth:keep-alive'];
    const forecast = off ?? tags['hearth:forecast'];
    return { ...(keepAlive === undefined ? {} : { keepAlive }), ...(forecast === undefined ? {} : { forecast }) };
  }

  /** How an event is treated now, whatever held when it was accepted. */
  asyncPolicy(event: Pick<AsyncEvent, 'account' | 'region' | 'functionName' | 'qualifier'>): AsyncPolicy {
    const { account, region, functionName: name, qualifier } = event;
    return asyncPolicyOf(this.engine.table.state({ account, region, name }), qualifier);
  }

  get functionCount(): number {
    return [...this.engine.table.all()].length;
  }

  /** Runtimes of all versions of all functions, of every account; some of them more than once. */
  *runtimesInUse(): Generator<{ readonly account: AccountId; readonly runtime: RuntimeName }> {
    for (const { record, versions } of this.engine.table.all()) {
      for (const { settings } of versions.values()) yield { account: record.account, runtime: settings.runtime };
    }
  }

  /** All functions of every account, and the ids of the snapshots that their versions have or wait for. */
  snapshotNeeds(): {
    readonly functions: readonly { readonly account: AccountId; readonly functionName: string }[];
    readonly snapshots: ReadonlySet<string>;
  } {
    const states = [...this.engine.table.all()];
    const ids = states.flatMap(({ record, versions }) =>
      [...versions.values()].filter(wantsSnapshot).map((version) => snapshotId({ ...version, id: record })),
    );
    const functions = states.map(({ record }) => ({ account: record.account, functionName: record.name }));
    return { functions, snapshots: new Set(ids) };
  }

  /** Folder of the unpacked code of a spec; made again from the blob when missing. Throws when the code is gone. */
  async codeFolder(codeSha256Hex: string): Promise<string> {
    const folder = await this.engine.codes.tree(codeSha256Hex);
    assert(folder !== null, `code ${codeSha256Hex} is gone`);
    return folder;
  }

  /** The zip itself, for the download URL. Null: no function or layer of this account and region has it. */
  async codeZip(caller: Caller, codeSha256Hex: string): Promise<Uint8Array | null> {
    const { table, layers } = this.engine;
    const owned = [...table.list(caller.account, caller.region), ...layers.list(caller.account, caller.region)].some(
      ({ versions }) => [...versions.values()].some(({ code }) => code.sha256Hex === codeSha256Hex),
    );
    return owned ? await this.engine.codes.zip(codeSha256Hex) : null;
  }

  /** A pool's sandboxes are to drain: the version changed or is gone. The returned function ends the subscription. */
  onPoolSuperseded(listener: (pool: PoolKey, reason: StopReason) => void): () => void {
    return this.engine.onPoolSuperseded(listener);
  }

  onVersionActive(listener: (spec: FunctionSpec) => void): () => void {
    return this.engine.onVersionActive(listener);
  }

  /**
   * `to` can run and will replace `from`, which invocations get until all listeners are done, or at most
   * `successionMsMax`. A listener must not reject. The returned function ends the subscription.
   */
  onSuccession(listener: (from: PoolKey, to: FunctionSpec) => Promise<void>): () => void {
    return this.engine.onSuccession(listener);
  }

  /** An alias leads to `to` from now on, no more to `from`. */
  onAliasMoved(listener: (from: PoolKey, to: FunctionSpec) => void): () => void {
    return this.engine.onAliasMoved(listener);
  }

  /** Anything of a function changed, or it is gone; several changes at once are told once. At the start: all there are. */
  onFunctionChanged(listener: (id: FunctionId) => void): () => void {
    return this.engine.onFunctionChanged(listener);
  }

  /** What the worker tells of snapshots. */
  get snapshotEvents(): { used(spec: FunctionSpec): void; lost(spec: FunctionSpec, problem: string): void } {
    return this.engine.snapshots;
  }

  onFunctionDeleted(listener: (deleted: FunctionId) => void): () => void {
    return this.engine.onFunctionDeleted(listener);
  }

  protected view(id: FunctionId, record: VersionRecord, qualifier: string | null): FunctionConfiguration {
    return functionView(id, record, qualifier, this.#runtimeVersionArn);
  }

  /** Zips of all versions of functions and layers. */
  protected storedBytes({ account, region }: Caller): number {
    const { table, layers } = this.engine;
    let bytes = layers.storedBytes(account, region);
    for (const state of table.list(account, region)) {
      for (const record of state.versions.values()) bytes += record.code.zipBytes;
    }
    return bytes;
  }
}

function versionsInOrder(state: FunctionState): readonly VersionRecord[] {
  return [...state.versions.values()].sort((a, b) => byVersion(a.version, b.version));
}

function marker(next: string | null): { readonly NextMarker?: string } {
  return next === null ? {} : { NextMarker: next };
}
