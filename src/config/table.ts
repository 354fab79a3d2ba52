import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { type AccountId, poolKey, type Region, versionKey } from '../kernel/ids.js';
import type { KvChange, KvWrite, Versioned } from '../kernel/ports/kv.js';
import { fail, ok, type Result } from '../kernel/result.js';
import { secondMs } from '../kernel/units.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import { aliasNotFound, functionArn, notFound } from './arns.js';
import type { AttachmentRecord } from './attachments/attachments.js';
import { running } from './code/versioncode.js';
import {
  type AliasRecord,
  type FunctionId,
  type FunctionRecord,
  type FunctionState,
  type LayerUse,
  latest,
  type RecordWrite,
  type VersionRecord,
} from './messages.js';
import type { UrlRecord, UrlTarget } from './urls/messages.js';

/** Where `PublishTo` publishes to, which nothing does here. */
const latestPublished = '$LATEST.PUBLISHED';

/** What an invocation needs to know of its function. */
export interface Resolved {
  readonly spec: FunctionSpec;
  /** As invoked: unqualified, or with the version or alias the client named. */
  readonly invokedFunctionArn: string;
  /** `$LATEST` or digits; for X-Amz-Executed-Version. */
  readonly executedVersion: string;
}

/** What a qualifier leads to; `other` is an alias's second version and the share of invocations it gets. */
export interface Route {
  readonly main: Result<Resolved>;
  readonly other: { readonly resolved: Result<Resolved>; readonly weight: number } | null;
  /** Versions it leads to that an invocation makes active again. Empty, nearly always. */
  readonly inactive: readonly VersionReference[];
}

/** One state of a version. */
export interface VersionReference {
  readonly id: FunctionId;
  readonly version: string;
  readonly generation: number;
}

/** What functions have taken of an account's concurrency in a region. */
export interface Committed {
  /** Reserved by all functions together. */
  readonly reserved: number;
  /** Provisioned by functions without a reservation (with one, it is a part of that). */
  readonly provisioned: number;
}

const nothingCommitted: Committed = { reserved: 0, provisioned: 0 };

export type ConfigRecord = FunctionRecord | VersionRecord | AliasRecord | UrlRecord | AttachmentRecord;

class Entry implements FunctionState {
  stored: Versioned<FunctionRecord> | null = null;
  readonly versions = new Map<string, VersionRecord>();
  readonly aliases = new Map<string, AliasRecord>();
  readonly attachments = new Map<string, AttachmentRecord>();
  readonly urls = new Map<string, UrlRecord>();
  /** Revision of each stored key below the function's. */
  readonly revisions = new Map<string, number>();
  /** By qualifier, `''` for none; emptied by every change. */
  readonly routes = new Map<string, Route>();

  /** Of all qualifiers together. */
  provisioned = 0;

  get record(): FunctionRecord {
    return this.stored!.value;
  }

  /** What it takes of its account's concurrency. */
  get committed(): Committed {
    if (this.stored === null) return nothingCommitted;
    const { reserved } = this.stored.value;
    return reserved === null ? { reserved: 0, provisioned: this.provisioned } : { reserved, provisioned: 0 };
  }
}

/** Everything the store has, in memory, kept true by the store's watch. Lookups are synchronous. */
export class FunctionTable {
  /** By `ACCOUNT/REGION/NAME`. */
  readonly #entries = new Map<string, Entry>();
  /** By `ACCOUNT/REGION`. */
  readonly #committed = new Map<string, Committed>();
  /** By the URL's id. */
  readonly #urls = new Map<string, UrlTarget>();

  /** Highest generation ever seen, also of what is deleted. */
  generationMax = 0;

  /** Applies one stored change; `onCode` hears of every version record's code that comes or goes. */
  apply(
    change: KvChange<ConfigRecord>,
    onCode: (before: VersionRecord | null, after: VersionRecord | null) => void,
  ): void {
    const [kind, account, region, name, part] = change.key.split('/') as [string, string, string, string, string?];
    const key = `${account}/${region}/${name}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      if (change.entry === null) return;
      entry = new Entry();
      this.#entries.set(key, entry);
    }
    entry.routes.clear();
    const before = entry.committed;
    const value = kind === 'v' ? withLayers(change.entry?.value ?? null) : (change.entry?.value ?? null);
    if (change.entry === null) entry.revisions.delete(change.key);
    else entry.revisions.set(change.key, change.entry.revision);
    if (kind === 'f') {
      entry.stored = change.entry as Versioned<FunctionRecord> | null;
    } else if (kind === 'v') {
      onCode(entry.versions.get(part!) ?? null, value as VersionRecord | null);
      this.generationMax = Math.max(this.generationMax, (value as VersionRecord | null)?.generation ?? 0);
      if (value === null) entry.versions.delete(part!);
      else entry.versions.set(part!, value as VersionRecord);
    } else if (kind === 'u') {
      this.#applyUrl(account as AccountId, region as Region, name, part!, entry, value as UrlRecord | null);
    } else if (kind === 'q') {
      const attachment = value as AttachmentRecord | null;
      const requested = (one: AttachmentRecord | null | undefined): number => one?.provisioned?.requested ?? 0;
      entry.provisioned += requested(attachment) - requested(entry.attachments.get(part!));
      if (attachment === null) entry.attachments.delete(part!);
      else entry.attachments.set(part!, attachment);
    } else if (value === null) entry.aliases.delete(part!);
    else entry.aliases.set(part!, value as AliasRecord);
    this.#commit(`${account}/${region}`, before, entry.committed);
    if (entry.revisions.size === 0) this.#entries.delete(key);
  }

  #commit(scope: string, before: Committed, after: Committed): void {
    if (before.reserved === after.reserved && before.provisioned === after.provisioned) return;
    const all = this.#committed.get(scope) ?? nothingCommitted;
    const reserved = all.reserved + after.reserved - before.reserved;
    const provisioned = all.provisioned + after.provisioned - before.provisioned;
    if (reserved === 0 && provisioned === 0) this.#committed.delete(scope);
    else this.#committed.set(scope, { reserved, provisioned });
  }

  /** Null: there is no such URL. */
  url(urlId: string): UrlTarget | null {
    return this.#urls.get(urlId) ?? null;
  }

  state(id: FunctionId): FunctionState | null {
    const entry = this.#entries.get(functionKey(id));
    return entry === undefined || entry.stored === null ? null : entry;
  }

  /** The machine's writes as the store's, expecting what this table has seen. */
  writes(id: FunctionId, writes: readonly RecordWrite[]): readonly KvWrite<ConfigRecord>[] {
    const scope = functionKey(id);
    const revisions = this.#entries.get(scope)?.revisions;
    return writes.map((write): KvWrite<ConfigRecord> => {
      const key = keyOf(scope, write);
      const expected = revisions?.get(key) ?? 0;
      return write.record === null
        ? { kind: 'delete', key, expected }
        : { kind: 'put', key, value: write.record, expected };
    });
  }

  #applyUrl(
    account: AccountId,
    region: Region,
    functionName: string,
    qualifier: string,
    entry: Entry,
    record: UrlRecord | null,
  ): void {
    const before = entry.urls.get(qualifier);
    if (before !== undefined) this.#urls.delete(before.id);
    if (record === null) {
      entry.urls.delete(qualifier);
      return;
    }
    entry.urls.set(qualifier, record);
    const alias = qualifier === latest ? null : qualifier;
    this.#urls.set(record.id, { account, region, functionName, qualifier: alias, record });
  }

  /** All functions of account and region, by name. */
  list(account: AccountId, region: Region): readonly FunctionState[] {
    const prefix = `${account}/${region}/`;
    const found: Entry[] = [];
    for (const [key, entry] of this.#entries) if (key.startsWith(prefix) && entry.stored !== null) found.push(entry);
    return found.sort((a, b) => (a.record.name < b.record.name ? -1 : 1));
  }

  all(): Iterable<FunctionState> {
    return [...this.#entries.values()].filter((entry) => entry.stored !== null);
  }

  /** By all functions of account and region together. */
  committed(account: AccountId, region: Region): Committed {
    // The hot path, and few installations have any.
    if (this.#committed.size === 0) return nothingCommitted;
    return this.#committed.get(`${account}/${region}`) ?? nothingCommitted;
  }

  /** Of each account and region where there is anything of it. */
  *commitments(): Iterable<Committed & { readonly account: string; readonly region: string }> {
    for (const [scope, committed] of this.#committed) {
      const [account = '', region = ''] = scope.split('/');
      yield { account, region, ...committed };
    }
  }

  /** Reserved or provisioned by all other functions of the one's account and region. */
  committedElsewhere(id: FunctionId): number {
    const all = this.committed(id.account, id.region);
    const own = this.#entries.get(functionKey(id))?.committed ?? nothingCommitted;
    return all.reserved - own.reserved + all.provisioned - own.provisioned;
  }

  /** Of the function, without a reservation; else 0. */
  provisioned(id: FunctionId): number {
    return this.#entries.get(functionKey(id))?.committed.provisioned ?? 0;
  }

  /** Null: no such function. The hot path: two map lookups once the route is known. */
  route(account: AccountId, region: Region, name: string, qualifier: string | null): Route | null {
    const entry = this.#entries.get(`${account}/${region}/${name}`);
    if (entry === undefined || entry.stored === null) return null;
    const known = entry.routes.get(qualifier ?? '');
    if (known !== undefined) return known;
    const route = makeRoute(entry, qualifier);
    // Only what exists is remembered: names that do not would grow without bound.
    if (qualifier === null || entry.versions.has(qualifier) || entry.aliases.has(qualifier)) {
      entry.routes.set(qualifier ?? '', route);
    }
    return route;
  }
}

function functionKey({ account, region, name }: FunctionId): string {
  return `${account}/${region}/${name}`;
}

function keyOf(scope: string, write: RecordWrite): string {
  switch (write.kind) {
    case 'function':
      return `f/${scope}`;
    case 'version':
      return `v/${scope}/${write.version}`;
    case 'alias':
      return `a/${scope}/${write.name}`;
    case 'url':
      return `u/${scope}/${write.qualifier}`;
    case 'attachment':
      return `q/${scope}/${write.qualifier}`;
  }
}

function makeRoute(state: FunctionState, qualifier: string | null): Route {
  const id = state.record;
  const alias = qualifier === null ? undefined : state.aliases.get(qualifier);
  const version = alias?.version ?? qualifier ?? latest;
  const invokedFunctionArn = functionArn(id, qualifier);
  const record = state.versions.get(version);
  if (record === undefined) {
    const missing =
      qualifier === latestPublished
        ? apiFailure('NoPublishedVersionException', 'The function has no published versions available.')
        : qualifier === null || qualifier === latest || /^\d+$/.test(qualifier)
          ? notFound(id, version)
          : aliasNotFound(id, qualifier);
    return { main: fail(missing), other: null, inactive: [] };
  }
  const second = alias?.routing == null ? undefined : state.versions.get(alias.routing.version);
  return {
    main: resolved(id, record, invokedFunctionArn),
    other:
      second === undefined
        ? null
        : { resolved: resolved(id, second, invokedFunctionArn), weight: alias!.routing!.weight },
    inactive: [record, ...(second === undefined ? [] : [second])]
      .filter((one) => one.state === 'Inactive')
      .map(({ version, generation }) => ({ id: state.record, version, generation })),
  };
}

function resolved(id: FunctionRecord, record: VersionRecord, invokedFunctionArn: string): Result<Resolved> {
  if (record.state !== 'Active') return fail(notReady(record));
  return ok(Object.freeze({ spec: specOf(id, record), invokedFunctionArn, executedVersion: record.version }));
}

function notReady(record: VersionRecord): ApiFailure {
  if (record.state === 'Inactive') {
    // Developer guide, "Troubleshooting SnapStart errors".
    const message =
      'Lambda is initializing your function. It will be ready to invoke once your function state becomes ACTIVE.';
    return apiFailure('SnapStartNotReadyException', message);
  }
  const message = `The operation cannot be performed at this time. The function is currently in the following state: ${record.state}`;
  return apiFailure('ResourceConflictException', message);
}

/** Versions stored before there were layers say nothing of them. */
function withLayers(stored: ConfigRecord | null): VersionRecord | null {
  const record = stored as VersionRecord | null;
  if (record === null || (record.settings.layers as readonly LayerUse[] | undefined)) return record;
  return { ...record, settings: { ...record.settings, layers: [] } };
}

/** Readable, and no other version's: a function made again has later generations. At most 120 characters. */
export function snapshotId({ id, version, generation }: VersionReference): string {
  return `${id.account}.${id.region}.${id.name}.${version}.${generation}`;
}

/** `of`: what of the version; what invocations run, or what an update will make of it (the record itself). */
export function specOf(
  id: FunctionRecord,
  record: VersionRecord,
  of: Pick<VersionRecord, 'settings' | 'code' | 'generation'> = running(record),
): FunctionSpec {
  const key = versionKey(id.account, id.region, id.name, record.version);
  const { settings, code, generation } = of;
  return Object.freeze({
    account: id.account,
    region: id.region,
    functionName: id.name,
    version: record.version,
    versionKey: key,
    generation,
    pool: poolKey(key, generation),
    functionArn: functionArn(id),
    runtime: settings.runtime,
    handler: settings.handler,
    codeSha256Hex: code.sha256Hex,
    layers: Object.freeze(
      settings.layers.map((layer) => ({
        arn: layer.arn,
        codeSha256Hex: layer.code.sha256Hex,
        codeBytes: layer.code.zipBytes,
      })),
    ),
    environment: Object.freeze({ ...settings.environment }),
    memoryMib: settings.memoryMib,
    timeoutMs: settings.timeoutSeconds * secondMs,
    ephemeralMib: settings.ephemeralMib,
    logGroup: settings.logGroup,
    logging: Object.freeze({
      format: settings.logFormat,
      applicationLevel: settings.applicationLogLevel,
      systemLevel: settings.systemLogLevel,
    }),
    tracing: settings.tracing,
    snapshot:
      record.snapshot === undefined || generation !== record.generation
        ? null
        : snapshotId({ id, version: record.version, generation }),
    reservedConcurrency: id.reserved,
    ...(id.recursiveLoop === 'Allow' ? { recursiveLoop: id.recursiveLoop } : {}),
  });
}
