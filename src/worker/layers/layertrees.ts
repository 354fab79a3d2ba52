import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../kernel/assert.js';
import type { LayerSpec } from '../../wire/functionspec.js';
import { mergeTrees } from './mergedtree.js';

/** Merged trees kept for the next sandbox when none uses them: each costs some folders, its files are shared. */
const idleMax = 16;

interface Tree {
  readonly making: Promise<string>;
  users: number;
}

/** Layers as one folder, until it is released. */
export interface HeldLayers {
  /** What is to appear as `/opt`; null: the function has no layers. */
  readonly directory: string | null;
  release(): void;
}

/**
 * The trees that appear as `/opt`, one per list of layers, named by its hash and shared by all sandboxes that have
 * it. They are caches: gone with the platform, and when too many are unused, the longest unused first.
 */
export class LayerTrees {
  readonly #folder: string;
  readonly #treeOf: (codeSha256Hex: string) => Promise<string>;
  readonly #idleMax: number;
  /** In use or idle; idle ones in order of their last use. */
  readonly #trees = new Map<string, Tree>();
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #startedAfresh: Promise<void>;
  #temporaries = 0;

  /** `treeOf`: the unpacked tree of one layer, which stays for as long as a function uses it. */
  constructor(options: {
    readonly folder: string;
    readonly treeOf: (codeSha256Hex: string) => Promise<string>;
    readonly idleMax?: number;
  }) {
    this.#folder = options.folder;
    this.#treeOf = options.treeOf;
    this.#idleMax = options.idleMax ?? idleMax;
    this.#startedAfresh = this.#startAfresh();
  }

  /** Makes what `acquire` will give, so that the first sandbox need not wait for it. */
  prepare(layers: readonly LayerSpec[]): void {
    this.acquire(layers).then(
      ({ release }) => release(),
      () => {}, // Whoever starts a sandbox hears of it.
    );
  }

  /** Rejects when a layer's code is gone or the disk is full; nothing is held then. */
  async acquire(layers: readonly LayerSpec[]): Promise<HeldLayers> {
    const [first, ...others] = layers;
    if (first === undefined) return { directory: null, release: () => {} };
    // A single layer's own tree will do: it stays as long as the function's code does.
    if (others.length === 0) return { directory: await this.#treeOf(first.codeSha256Hex), release: () => {} };
    const name = createHash('sha256')
      .update(layers.map(({ codeSha256Hex }) => codeSha256Hex).join('\n'))
      .digest('hex');
    const tree = this.#trees.get(name) ?? { making: this.#make(name, layers), users: 0 };
    tree.users++;
    this.#trees.set(name, tree);
    try {
      const directory = await tree.making;
      let held = true;
      return {
        directory,
        release: () => {
          assert(held, 'layers are released once');
          held = false;
          this.#release(name, tree);
        },
      };
    } catch (error) {
      // The next sandbox tries again.
      if (this.#trees.get(name) === tree) this.#trees.delete(name);
      throw error;
    }
  }

  /** Resolves when what is being removed is gone. */
  async close(): Promise<void> {
    await Promise.all([this.#startedAfresh, ...this.#leaving.values()]);
  }

  /** What a run before left goes in the background: it may be many files. */
  #startAfresh(): Promise<void> {
    const before = `${this.#folder}-before`;
    mkdirSync(before, { recursive: true });
    mkdirSync(this.#folder, { recursive: true });
    renameSync(this.#folder, mkdtempSync(join(before, 'layers-')));
    mkdirSync(this.#folder, { mode: 0o755 });
    return rm(before, { recursive: true, force: true }).catch(() => {}); // The next start tries again.
  }

  async #make(name: string, layers: readonly LayerSpec[]): Promise<string> {
    const temporary = join(this.#folder, `.${++this.#temporaries}`);
    try {
      const sources = await Promise.all(layers.map(({ codeSha256Hex }) => this.#treeOf(codeSha256Hex)));
      await mergeTrees(sources, temporary);
      // One of this name may still be on its way out.
      await this.#leaving.get(name);
      await rename(temporary, join(this.#folder, name));
      return join(this.#folder, name);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  }

  #release(name: string, tree: Tree): void {
    tree.users--;
    if (tree.users > 0 || this.#trees.get(name) !== tree) return;
    // Last in order: used just now.
    this.#trees.delete(name);
    this.#trees.set(name, tree);
    const idle = [...this.#trees].filter(([, { users }]) => users === 0);
    for (const [old] of idle.slice(0, Math.max(0, idle.length - this.#idleMax))) {
      this.#trees.delete(old);
      const leaving = this.#remove(old).finally(() => this.#leaving.delete(old));
      this.#leaving.set(old, leaving);
    }
  }

  async #remove(name: string): Promise<void> {
    const away = join(this.#folder, `.${++this.#temporaries}`);
    try {
      await rename(join(this.#folder, name), away);
      await rm(away, { recursive: true, force: true });
    } catch {
      // Left to the next start.
    }
  }
}
