import { setTimeout as sleep } from 'node:timers/promises';
import { secondMs } from '../../kernel/units.js';
import { ChunkError } from '../chunkerror.js';
import type { ManifestKeeper } from '../manifeststore.js';
import { activeOf } from './machine.js';
import type { CollectionState } from './messages.js';
import type { RootStore } from './rootstore.js';

export interface ProtectionOptions {
  /** Of this process's run, `[a-zA-Z0-9-]{1,60}`: no other run has it, nor had. */
  readonly id: string;
  /** How long a writer waits for a sweep to get through with a chunk that it wants to write, or for the first root. */
  readonly waitMsMax?: number;
  /** For tests: passes the time between two looks. */
  readonly pause?: () => Promise<unknown>;
}

/** A sweep deletes at most some hundred chunks; at S3's 20 ms each that is seconds. Below a packer's deadline for a put. */
const waitMsMax = 25 * secondMs;
const pauseMs = 50;
/** Names in one mark: 32 KiB. */
const markNamesMax = 1_024;
/** Chunks known to be protected, about 150 bytes each. Beyond, the oldest are forgotten, which costs a mark again. */
const knownMax = 65_536;
/** An expired root is met at most once in a grace period. */
const attemptsMax = 5;

interface Asking {
  readonly names: readonly string[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A writer's side of collection: makes sure that chunks it relies on stay. A name is protected once a mark or a manifest's
 * entry with it is durable in a root of which the state, read after that, does not say `expired`, and no sweep that was
 * announced by then has it on its list. From then until the root expires (hours later) nobody deletes the chunk
 * (`machine.ts` says why). Many askers share one mark.
 */
export class Protection implements ManifestKeeper {
  readonly store: RootStore;
  readonly #id: string;
  readonly #waitMsMax: number;
  readonly #pause: () => Promise<unknown>;
  /** By name: the root in which it is protected. Oldest first. */
  readonly #known = new Map<string, number>();
  #asking: Asking[] = [];
  #marking = false;
  #marks = 0;

  constructor(store: RootStore, options: ProtectionOptions) {
    this.store = store;
    this.#id = options.id;
    this.#waitMsMax = options.waitMsMax ?? waitMsMax;
    this.#pause = options.pause ?? (() => sleep(pauseMs));
  }

  /** Resolves once a chunk of this name, if it is there now or is put from now on, stays. */
  protect(names: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#asking.push({ names, resolve, reject });
      if (!this.#marking) void this.#markAll();
    });
  }

  /**
   * Has a manifest kept: its entry first, then `put`, which makes it exist; all the while its chunks are protected. Rejects
   * with ChunkError (`missing`) when one of them is not there any more; nothing was put then.
   */
  async commit(manifest: string, names: readonly string[], put: () => Promise<void>): Promise<void> {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const { generation } = await this.#active();
      await this.store.keep(generation, manifest, names);
      const state = await this.store.state();
      if (!isLive(state, generation)) continue;
      // Chunks that a parent brought: its own entry protected them until now, if it was not too long ago.
      const loose = this.#loose(state, names);
      // What is left of an earlier manifest of this name may be on a sweep's list, too.
      await this.#outlast(state, [...loose, manifest.slice(manifest.indexOf('/') + 1)]);
      await this.#mustExist(loose);
      this.#remember(names, generation);
      await put();
      if (isLive(await this.store.state(), generation)) return;
    }
    throw new ChunkError('timeout', `${manifest}: root after root expired while it was written`);
  }

  async #markAll(): Promise<void> {
    this.#marking = true;
    while (this.#asking.length > 0) {
      const batch: Asking[] = [];
      for (let names = 0; this.#asking.length > 0 && names < markNamesMax; names += batch.at(-1)!.names.length) {
        batch.push(this.#asking.shift()!);
      }
      try {
        await this.#mark([...new Set(batch.flatMap(({ names }) => names))]);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#marking = false;
  }

  async #mark(names: readonly string[]): Promise<void> {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const loose = this.#loose(await this.store.state(), names);
      if (loose.length === 0) return;
      const { generation } = await this.#active();
      await this.store.mark(generation, `${this.#id}-${++this.#marks}`, loose);
      const state = await this.store.state();
      if (!isLive(state, generation)) continue;
      await this.#outlast(state, loose);
      if (state.sweep !== null && !isLive(await this.store.state(), generation)) continue;
      this.#remember(loose, generation);
      return;
    }
    throw new ChunkError('timeout', 'root after root expired while chunks were marked');
  }

  /** The names that no root of the state is known to protect. */
  #loose(state: CollectionState, names: readonly string[]): string[] {
    const live = new Set(state.roots.filter(({ expired }) => !expired).map(({ generation }) => generation));
    return names.filter((name) => !live.has(this.#known.get(name) ?? 0));
  }

  #remember(names: readonly string[], generation: number): void {
    for (const name of names) {
      this.#known.delete(name);
      this.#known.set(name, generation);
    }
    for (const name of this.#known.keys()) {
      if (this.#known.size <= knownMax) break;
      this.#known.delete(name);
    }
  }

  /** Waits while the announced sweep may still delete one of the names. */
  async #outlast({ sweep }: CollectionState, names: readonly string[]): Promise<void> {
    if (sweep === null || names.length === 0) return;
    const condemned = new Set(await this.store.sweep(sweep));
    if (!names.some((name) => condemned.has(name))) return;
    await this.#until(async () => (await this.store.state()).sweep !== sweep, 'a sweep of unused chunks does not end');
  }

  async #active(): Promise<{ readonly generation: number }> {
    let found = activeOf((await this.store.state()).roots);
    if (found === null) {
      await this.#until(async () => {
        found = activeOf((await this.store.state()).roots);
        return found !== null;
      }, 'nobody has opened a root: collection does not run');
    }
    return found!;
  }

  async #until(reached: () => Promise<boolean>, otherwise: string): Promise<void> {
    const deadlineMs = performance.now() + this.#waitMsMax;
    while (!(await reached())) {
      if (performance.now() > deadlineMs) throw new ChunkError('busy', otherwise);
      await this.#pause();
    }
  }

  async #mustExist(names: readonly string[]): Promise<void> {
    const each = async (name: string) => {
      if (!(await this.store.hasChunk(name))) throw new ChunkError('missing', `chunk ${name} is not stored any more`);
    };
    // As many at once as S3's client has connections for without waiting long.
    for (let from = 0; from < names.length; from += 16) await Promise.all(names.slice(from, from + 16).map(each));
  }
}

function isLive({ roots }: CollectionState, generation: number): boolean {
  return roots.some((root) => root.generation === generation && !root.expired);
}
