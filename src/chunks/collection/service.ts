import type { Clock } from '../../kernel/ports/clock.js';
import { dayMs, hourMs } from '../../kernel/units.js';
import { ChunkError } from '../chunkerror.js';
import type { ManifestStore } from '../manifeststore.js';
import { CollectionMachine } from './machine.js';
import type { CollectionEffect, CollectionInput, CollectionLimits, CollectionReport } from './messages.js';
import type { RootStore } from './rootstore.js';

/**
 * Dropped snapshots leave after one to two days. Sandboxes that were restored from one go on reading its chunks; none
 * lives that long without having read what it needs, and one that had to fails an invocation, never reads wrong bytes.
 */
export const defaultLimits: CollectionLimits = { rotateMs: 6 * hourMs, graceMs: dayMs, sweepNamesMax: 256 };

export interface CollectorOptions {
  readonly store: RootStore;
  readonly manifests: ManifestStore;
  readonly clock: Clock;
  readonly limits?: CollectionLimits;
  /** After every round. */
  readonly onRound?: (report: CollectionReport) => void;
}

/**
 * Performs collection on a blob store. Exactly one process does so at a time: with a directory, the one that holds the
 * data folder's lock; with a bucket, the one that was configured to. (Two would not notice each other's `state`.)
 */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #machine: CollectionMachine;
  #round: Promise<CollectionReport> | null = null;
  #cancelTimer = () => {};
  /** Scopes of manifests of which only something is left, by name, as of the last comparison. */
  #leftovers = new Map<string, string>();
  #closed = false;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#machine = new CollectionMachine(options.limits ?? defaultLimits);
  }

  /** Collects now and from then on when something is due. Resolves when the first root is open; does not reject. */
  async start(): Promise<void> {
    await this.collect();
  }

  /** One round, or the one under way. A failure is in its report; the next round goes on where this one ended. */
  collect(): Promise<CollectionReport> {
    this.#round ??= this.#collect().finally(() => {
      this.#round = null;
    });
    return this.#round;
  }

  /** Resolves when the effect under way is over; the rest of the round is left to the next one. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    await this.#round;
  }

  async #collect(): Promise<CollectionReport> {
    const { clock } = this.#options;
    this.#cancelTimer();
    let effects = this.#machine.step({ kind: 'begin', nowMs: clock.nowMs() });
    for (;;) {
      const [effect] = effects;
      if (effect === undefined) throw new Error('a round of collection ended without rest');
      if (effect.kind === 'rest') {
        if (!this.#closed) this.#cancelTimer = clock.after(effect.untilMs - clock.nowMs(), () => void this.collect());
        this.#options.onRound?.(effect.report);
        return effect.report;
      }
      effects = this.#machine.step(await this.#answer(effect));
    }
  }

  async #answer(effect: Exclude<CollectionEffect, { kind: 'rest' }>): Promise<CollectionInput> {
    const { clock } = this.#options;
    try {
      if (this.#closed) throw new Error('closing');
      return await this.#perform(effect);
    } catch (error) {
      return { kind: 'failed', nowMs: clock.nowMs(), reason: `${effect.kind}: ${(error as Error).message}` };
    }
  }

  async #perform(effect: Exclude<CollectionEffect, { kind: 'rest' }>): Promise<CollectionInput> {
    const { store } = this.#options;
    switch (effect.kind) {
      case 'observe':
        return await this.#observe();
      case 'compare':
        return await this.#compare(effect.sweep, effect.namesMax);
      case 'write-state':
        await store.writeState(effect.state);
        break;
      case 'keep':
        await this.#keep(effect.manifest, effect.from, effect.to);
        break;
      case 'remove-root':
        await store.removeRoot(effect.generation);
        break;
      case 'write-sweep':
        await store.writeSweep(effect.sweep, effect.names);
        break;
      case 'delete':
        await this.#delete(effect.name);
        break;
      case 'remove-sweep':
        await store.removeSweep(effect.sweep);
        break;
      case 'tidy':
        await store.removeStrays(await store.state());
        break;
    }
    return { kind: 'done', nowMs: this.#options.clock.nowMs() };
  }

  async #observe(): Promise<CollectionInput> {
    const { store, manifests, clock } = this.#options;
    const state = await store.state();
    const kept = new Map<number, ReadonlySet<string>>();
    for (const { generation } of state.roots) kept.set(generation, new Set(await store.kept(generation)));
    const all = (await manifests.list()).map(({ scope, name }) => `${scope}/${name}`);
    return { kind: 'observed', nowMs: clock.nowMs(), state, kept, manifests: all };
  }

  async #keep(manifest: string, from: number | null, to: number): Promise<void> {
    const { store, manifests } = this.#options;
    const [scope = '', name = ''] = manifest.split('/');
    try {
      const names = from === null ? null : await store.entry(from, manifest).catch(damaged);
      const chunks = names ?? (await manifests.get(scope, name)).chunks.map((chunk) => chunk.name);
      await store.keep(to, manifest, [...new Set(chunks)]);
    } catch (error) {
      // Deleted since it was listed.
      if (!(error instanceof ChunkError && error.kind === 'missing')) throw error;
    }
  }

  /** Chunks and manifests are looked at before the roots: what is added and marked in between is not among them. */
  async #compare(sweep: number | null, namesMax: number): Promise<CollectionInput> {
    const { store, manifests, clock } = this.#options;
    this.#leftovers = new Map((await manifests.leftovers()).map(({ scope, name }) => [name, scope]));
    const dead = new Set(
      sweep === null ? [...(await store.chunks()), ...this.#leftovers.keys()] : await store.sweep(sweep),
    );
    const { roots } = await store.state();
    for (const { generation } of roots) {
      if (dead.size > 0) await store.spare(generation, dead);
    }
    return { kind: 'compared', nowMs: clock.nowMs(), dead: [...dead].slice(0, namesMax) };
  }

  async #delete(name: string): Promise<void> {
    const { store, manifests } = this.#options;
    const scope = this.#leftovers.get(name);
    await (scope === undefined ? store.deleteChunk(name) : manifests.delete(scope, name));
  }
}

/** An entry that cannot be read is written anew from the manifest. */
function damaged(error: unknown): null {
  if (error instanceof ChunkError) return null;
  throw error;
}
