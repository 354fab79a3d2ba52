import type { StopReason } from '../assignment/messages.js';
import { assert } from '../kernel/assert.js';
import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import type { PoolKey } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Kv } from '../kernel/ports/kv.js';
import type { Random } from '../kernel/ports/random.js';
import { fail, ok, type Result } from '../kernel/result.js';
import type { FunctionSpec, RuntimeName } from '../wire/functionspec.js';
import type { AttachmentRecord } from './attachments/attachments.js';
import type { CodeStore } from './code/codestore.js';
import { codesOf } from './code/versioncode.js';
import { FunctionChanges } from './functionchanges.js';
import { type LayerStored, LayerTable, layerPrefix } from './layers/table.js';
import { prepare, settled, step } from './machine.js';
import type {
  AliasRecord,
  ConfigEffect,
  ConfigInput,
  FunctionId,
  FunctionState,
  VersionFailure,
  VersionRecord,
} from './messages.js';
import { type SigningRecord, SigningTable, signingPrefix } from './signing/table.js';
import { type SnapshotKeeper, SnapshotKeeping, type SnapshotTaken } from './snapshotkeeping.js';
import { Succession, type SuccessionListener } from './succession.js';
import { type ConfigRecord, FunctionTable, specOf, type VersionReference } from './table.js';
import type { UrlRecord } from './urls/messages.js';

/** Another writer changed the function in between: as often is more than any deployment needs. */
const attemptsMax = 10;

/** What a client is answered, from the machine's reply effects. */
export type Reply =
  | { readonly kind: 'version'; readonly record: VersionRecord; readonly qualified: boolean }
  | { readonly kind: 'alias'; readonly record: AliasRecord }
  | { readonly kind: 'url'; readonly record: UrlRecord }
  | { readonly kind: 'attachment'; readonly record: AttachmentRecord }
  | { readonly kind: 'nothing' };

/** Makes a runtime ready to use, which may take minutes; null, or why it cannot be had. Never rejects. */
export type PrepareRuntime = (runtime: RuntimeName) => Promise<string | null>;

export interface Stamp {
  readonly nowMs: number;
  readonly revisionIds: readonly [string, string];
}

/**
 * Runs the machine of every function: one input at a time per function, its writes as one transaction that expects
 * what the machine saw, and only then whatever else the machine wants done.
 */
export class ConfigEngine {
  readonly table = new FunctionTable();
  readonly codes: CodeStore;
  readonly layers: LayerTable;
  readonly signing: SigningTable;
  readonly snapshots: SnapshotKeeping;
  readonly #kv: Kv<ConfigRecord>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #prepareRuntime: PrepareRuntime;
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #preparing = new Set<Promise<void>>();
  readonly #superseded = new Set<(pool: PoolKey, reason: StopReason) => void>();
  readonly #active = new Set<(spec: FunctionSpec) => void>();
  readonly #deleted = new Set<(id: FunctionId) => void>();
  readonly #moved = new Set<(from: PoolKey, to: FunctionSpec) => void>();
  readonly #changes = new FunctionChanges();
  readonly #succession: Succession;
  #endWatch: () => void = () => {};
  #closed = false;

  constructor(options: {
    readonly kv: Kv<ConfigRecord>;
    readonly codes: CodeStore;
    readonly clock: Clock;
    readonly random: Random;
    readonly prepareRuntime?: PrepareRuntime;
    readonly snapshots?: SnapshotKeeper;
  }) {
    this.snapshots = new SnapshotKeeping(this, options.snapshots ?? null, options.clock);
    this.#prepareRuntime = options.prepareRuntime ?? (async () => null);
    this.#kv = options.kv;
    this.codes = options.codes;
    this.layers = new LayerTable(options.kv as unknown as Kv<LayerStored>, options.codes);
    this.signing = new SigningTable(options.kv as unknown as Kv<SigningRecord>);
    this.#clock = options.clock;
    this.#succession = new Succession(options.clock);
    this.#random = options.random;
  }

  /** Loads everything, collects what a crash left unused, and goes on with what it interrupted. */
  async open(): Promise<void> {
    await this.layers.open();
    await this.signing.open();
    const early: Parameters<FunctionTable['apply']>[0][] = [];
    let loading = true;
    this.#endWatch = this.#kv.watch('', (change) => {
      if (loading) early.push(change);
      else this.#apply(change);
    });
    for (const { key, value, revision } of await this.#kv.list('')) this.#apply({ key, entry: { value, revision } });
    loading = false;
    for (const change of early) this.#apply(change);
    await this.codes.collect();
    for (const state of this.table.all()) {
      for (const record of state.versions.values()) {
        if (!settled(record)) this.#prepare(identify(state), prepare(record));
      }
    }
    this.snapshots.open();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#succession.close();
    await this.snapshots.close();
    await Promise.allSettled([...this.#preparing, ...this.#turns.values()]);
    this.#endWatch();
    this.layers.close();
    this.signing.close();
    await this.codes.close();
  }

  stamp(): Stamp {
    return { nowMs: this.#clock.nowMs(), revisionIds: [this.#random.uuid(), this.#random.uuid()] };
  }

  /** One input to the function's machine. `make` is called again when another writer came first; null: `refuse`. */
  async run(id: FunctionId, make: (state: FunctionState | null) => Result<ConfigInput>): Promise<Result<Reply>> {
    return await this.alone(`${id.account}/${id.region}/${id.name}`, () => this.#attempt(id, make));
  }

  /** Runs actions of one key one after the other, in the order of the calls. */
  async alone<T>(key: string, action: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(action);
    const quiet = turn.then(
      () => {},
      () => {},
    );
    this.#turns.set(key, quiet);
    void quiet.then(() => {
      if (this.#turns.get(key) === quiet) this.#turns.delete(key);
    });
    return await turn;
  }

  onPoolSuperseded(listener: (pool: PoolKey, reason: StopReason) => void): () => void {
    this.#superseded.add(listener);
    return () => this.#superseded.delete(listener);
  }

  onVersionActive(listener: (spec: FunctionSpec) => void): () => void {
    this.#active.add(listener);
    return () => this.#active.delete(listener);
  }

  onFunctionDeleted(listener: (id: FunctionId) => void): () => void {
    this.#deleted.add(listener);
    return () => this.#deleted.delete(listener);
  }

  onSuccession(listener: SuccessionListener): () => void {
    return this.#succession.on(listener);
  }

  onAliasMoved(listener: (from: PoolKey, to: FunctionSpec) => void): () => void {
    this.#moved.add(listener);
    return () => this.#moved.delete(listener);
  }

  /** The listener hears at once of all functions that there are. */
  onFunctionChanged(listener: (id: FunctionId) => void): () => void {
    for (const state of this.table.all()) listener(identify(state));
    return this.#changes.on(listener);
  }

  async #attempt(id: FunctionId, make: (state: FunctionState | null) => Result<ConfigInput>): Promise<Result<Reply>> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const state = this.table.state(id);
      const input = make(state);
      if (!input.ok) return input;
      const effects = step(id, state, input.value);
      const writes = effects.flatMap((effect) => (effect.kind === 'write' ? effect.writes : []));
      if (writes.length > 0 && !(await this.#kv.transact(this.table.writes(id, writes)))) continue;
      return this.#perform(id, effects);
    }
    return fail(apiFailure('TooManyRequestsException', 'Rate exceeded'));
  }

  #perform(id: FunctionId, effects: readonly ConfigEffect[]): Result<Reply> {
    let reply: Reply = { kind: 'nothing' };
    for (const effect of effects) {
      switch (effect.kind) {
        case 'write':
          break;
        case 'prepare':
          this.#prepare(id, effect);
          break;
        case 'regenerate':
          this.snapshots.renew({ ...effect, id });
          break;
        case 'drop-snapshot':
          this.snapshots.drop({ ...effect, id });
          break;
        case 'superseded':
          for (const listener of this.#superseded) listener(effect.pool, effect.reason);
          break;
        case 'version-active': {
          const spec = this.#spec(id, effect.version);
          if (spec !== null) for (const listener of this.#active) listener(spec);
          break;
        }
        case 'alias-moved': {
          const [from, to] = [this.#spec(id, effect.from), this.#spec(id, effect.to)];
          if (from !== null && to !== null) for (const listener of this.#moved) listener(from.pool, to);
          break;
        }
        case 'function-deleted':
          for (const listener of this.#deleted) listener(id);
          break;
        case 'reply-version':
          reply = { kind: 'version', record: effect.record, qualified: effect.qualified };
          break;
        case 'reply-alias':
          reply = { kind: 'alias', record: effect.record };
          break;
        case 'reply-url':
          reply = { kind: 'url', record: effect.record };
          break;
        case 'reply-attachment':
          reply = { kind: 'attachment', record: effect.record };
          break;
        case 'reply':
          break;
        case 'refuse':
          return fail<ApiFailure>(effect.failure);
      }
    }
    return ok(reply);
  }

  /** In the background: the client polls the state, and a restart begins again. */
  #prepare(id: FunctionId, effect: Extract<ConfigEffect, { kind: 'prepare' }>): void {
    if (this.#closed) return;
    const { version, generation, codes, runtime, snapshot } = effect;
    const one = { id, version, generation };
    const tree = Promise.all(codes.map(({ sha256Hex }) => this.codes.tree(sha256Hex))).then(
      (found) => (found.includes(null) ? internal('The code of the function is missing.') : null),
      (error: unknown) => internal(`The code could not be unpacked: ${String(error)}`),
    );
    const work = Promise.all([tree, this.#prepareRuntime(runtime)])
      .then(([noCode, noRuntime]): VersionFailure | null =>
        noRuntime === null ? noCode : { code: 'InvalidRuntime', message: noRuntime },
      )
      .then(async (noneToRun) => {
        const taken: SnapshotTaken =
          noneToRun === null && snapshot ? await this.snapshots.take(one) : { kind: 'unsupported' };
        const failure = taken.kind === 'failed' ? taken.failure : noneToRun;
        if (failure === null) await this.#succeed(one);
        const has = taken.kind === 'taken';
        await this.run(id, () =>
          ok({ kind: 'prepared', ...this.stamp(), version, generation, failure, snapshot: has }),
        );
        // Deleted meanwhile.
        if (has && this.table.state(id)?.versions.get(version)?.generation !== generation) this.snapshots.drop(one);
      })
      .catch(() => {
        // The store refused: the version stays as it is, and the next start begins again.
      })
      .finally(() => this.#preparing.delete(work));
    this.#preparing.add(work);
  }

  /** What is to be replaced goes on serving until its successor can. */
  async #succeed({ id, version, generation }: VersionReference): Promise<void> {
    const state = this.table.state(id);
    const record = state?.versions.get(version);
    if (state === null || record?.generation !== generation || record.previous?.generation === undefined) return;
    await this.#succession.between(specOf(state.record, record).pool, specOf(state.record, record, record));
  }

  #spec(id: FunctionId, version: string): FunctionSpec | null {
    const state = this.table.state(id);
    const record = state?.versions.get(version);
    return state === null || record === undefined ? null : specOf(state.record, record);
  }

  #apply(change: Parameters<FunctionTable['apply']>[0]): void {
    // Layers and signing configurations are in the same store, and have tables of their own.
    if (change.key.startsWith(layerPrefix) || change.key.startsWith(signingPrefix)) return;
    this.table.apply(change, (before, after) => {
      if (after !== null) for (const code of codesOf(after)) this.codes.retain(code, true);
      if (before !== null) for (const code of codesOf(before)) this.codes.release(code.sha256Hex);
    });
    this.#changes.note(change.key);
  }
}

function internal(message: string): VersionFailure {
  return { code: 'InternalError', message };
}

function identify(state: FunctionState): FunctionId {
  const { account, region, name } = state.record;
  assert(name !== '', 'a function has a name');
  return { account, region, name };
}
