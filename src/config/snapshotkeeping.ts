import { assert } from '../kernel/assert.js';
import type { Clock } from '../kernel/ports/clock.js';
import { ok } from '../kernel/result.js';
import { hourMs, minuteMs } from '../kernel/units.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { ConfigEngine } from './engine.js';
import type { SnapshotInput, VersionFailure } from './messages.js';
import { wantsSnapshot } from './snapshots.js';
import { snapshotId, specOf, type VersionReference } from './table.js';

/** Makes snapshots of functions, and has them. */
export interface SnapshotKeeper {
  /**
   * Initializes the function and saves it as `spec.snapshot`. Rejects when it could not be tried to the end (a shutdown):
   * it will be tried again.
   */
  take(spec: FunctionSpec): Promise<SnapshotTaken>;
  /** Whether sandboxes can start from it here and now. */
  has(id: string): Promise<boolean>;
  drop(id: string): Promise<void>;
}

export type SnapshotTaken =
  | { readonly kind: 'taken' }
  /** Not here, or not of this function: it starts from its code. */
  | { readonly kind: 'unsupported' }
  | { readonly kind: 'failed'; readonly failure: VersionFailure };

/** Snapshots that nobody uses are looked for this often: their age is counted in days. */
const sweepMs = hourMs;
/** A lost snapshot that could not be made again is not tried before: its function starts from its code meanwhile. */
const retryMs = 5 * minuteMs;

/** Keeps what the records say of snapshots true: takes them, renews lost ones, drops those of no use. */
export class SnapshotKeeping {
  readonly #engine: ConfigEngine;
  readonly #keeper: SnapshotKeeper | null;
  readonly #clock: Clock;
  /** By id: when a lost one may be made again; infinite while it is being made. */
  readonly #renewing = new Map<string, number>();
  readonly #work = new Set<Promise<void>>();
  #endSweep: () => void = () => {};
  #closed = false;

  constructor(engine: ConfigEngine, keeper: SnapshotKeeper | null, clock: Clock) {
    this.#engine = engine;
    this.#keeper = keeper;
    this.#clock = clock;
  }

  /** Looks after the snapshots that the records tell of: what made or holds them may have changed since. */
  open(): void {
    const kept: VersionReference[] = [];
    for (const state of this.#engine.table.all()) {
      for (const record of state.versions.values()) {
        if (record.state === 'Active' && wantsSnapshot(record)) kept.push({ ...record, id: state.record });
      }
    }
    this.#background(async () => {
      for (const one of kept) if (!(await this.#has(one))) await this.#run('snapshot-lost', one);
    });
    this.#sweepLater();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#endSweep();
    await Promise.allSettled(this.#work);
  }

  /** Rejects as the keeper does. */
  async take(one: VersionReference): Promise<SnapshotTaken> {
    const spec = this.#specOf(one);
    if (this.#keeper === null || spec === null) return { kind: 'unsupported' };
    return await this.#keeper.take(spec);
  }

  renew(one: VersionReference): void {
    const id = snapshotId(one);
    if (this.#keeper === null || (this.#renewing.get(id) ?? 0) > this.#clock.nowMs()) return;
    this.#renewing.set(id, Number.POSITIVE_INFINITY);
    this.#background(async () => {
      let taken: SnapshotTaken['kind'] = 'failed';
      try {
        taken = (await this.take(one)).kind;
        if (taken === 'taken') await this.#run('snapshot-regenerated', one);
      } finally {
        if (taken === 'taken') this.#renewing.delete(id);
        else this.#renewing.set(id, this.#clock.nowMs() + retryMs);
      }
    });
  }

  drop(one: VersionReference): void {
    this.#renewing.delete(snapshotId(one));
    this.#background(async () => await this.#keeper?.drop(snapshotId(one)));
  }

  wake(inactive: readonly VersionReference[]): void {
    for (const one of inactive) this.#background(() => this.#run('wake', one));
  }

  used(spec: FunctionSpec): void {
    this.#background(() => this.#run('snapshot-used', referenceOf(spec)));
  }

  lost(spec: FunctionSpec, _problem: string): void {
    this.#background(() => this.#run('snapshot-lost', referenceOf(spec)));
  }

  /** Those that nobody used for too long go. Public for tests. */
  async sweep(): Promise<void> {
    for (const state of this.#engine.table.all()) {
      for (const { version, generation, snapshot } of state.versions.values()) {
        if (snapshot !== undefined) await this.#run('snapshot-aged', { id: state.record, version, generation });
      }
    }
  }

  #sweepLater(): void {
    this.#endSweep = this.#clock.after(sweepMs, () => {
      this.#background(() => this.sweep());
      this.#sweepLater();
    });
  }

  async #has(one: VersionReference): Promise<boolean> {
    const record = this.#engine.table.state(one.id)?.versions.get(one.version);
    return record?.snapshot !== undefined && this.#keeper !== null && (await this.#keeper.has(snapshotId(one)));
  }

  #specOf(one: VersionReference): FunctionSpec | null {
    const state = this.#engine.table.state(one.id);
    const record = state?.versions.get(one.version);
    if (state === null || record === undefined || record.generation !== one.generation) return null;
    return { ...specOf(state.record, record), snapshot: snapshotId(one) };
  }

  async #run(kind: SnapshotInput['kind'], { id, version, generation }: VersionReference): Promise<void> {
    await this.#engine.run(id, () => ok({ kind, ...this.#engine.stamp(), version, generation }));
  }

  /** What fails is found again: by the next start, sweep or invocation. */
  #background(action: () => Promise<void>): void {
    if (this.#closed) return;
    const work = action()
      .catch(() => {})
      .finally(() => this.#work.delete(work));
    this.#work.add(work);
  }
}

function referenceOf({ account, region, functionName, version, generation }: FunctionSpec): VersionReference {
  assert(version !== '', 'a spec has a version');
  return { id: { account, region, name: functionName }, version, generation };
}
