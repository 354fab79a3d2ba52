import type { Keyring, Scope } from '../keyring.js';
import type { ChunkReader, ChunkRef, Manifest } from '../layout.js';
import type { ManifestStore } from '../manifeststore.js';
import type { ChunkStore } from '../tier.js';
import { SealingThread } from './sealingthread.js';

export interface ResealingOptions {
  readonly keyring: Keyring;
  readonly manifests: ManifestStore;
  /** Where the new chunks go (`KeptChunks`). */
  readonly chunks: ChunkStore;
  readonly reader: ChunkReader;
  /** What may be attached to manifests (`ManifestStore.attach`) and has to come along. */
  readonly attachments: readonly string[];
}

/** Old chunks whose new form is known, about 300 bytes each. Beyond, the oldest are sealed again: work, not harm. */
const knownMax = 65_536;

/**
 * Gives a scope's stored files chunks under its present salt, after `Keyring.rotateSalt`: each chunk is read, opened,
 * sealed with the new salt, and stored; the new manifest takes the old one's place; the old chunks go with the root
 * generations that kept the old manifest. In the background, one chunk at a time, off the event loop. Everything goes on
 * working meanwhile, since manifests say how their own chunks open. Ended at any moment and begun again, it goes on:
 * what has the present salt already becomes itself.
 */
export class Resealing {
  readonly #options: ResealingOptions;

  constructor(options: ResealingOptions) {
    this.#options = options;
  }

  /**
   * All manifests of a scope, parents first. `replace` makes whoever names a manifest name its successor, durably; the old
   * one is deleted then. Chunks that other scopes' manifests brought stay as they are. Resolves with how many changed.
   * Rejects with ChunkError when a chunk cannot be read; then nothing is lost, and the rest can be tried again.
   */
  async resealAll(scope: Scope, replace: (before: string, after: string) => Promise<void>): Promise<number> {
    const { manifests } = this.#options;
    const all = await manifests.list();
    const foreign = new Set<string>();
    for (const one of all) {
      if (one.scope === scope) continue;
      for (const { name } of (await manifests.get(one.scope, one.name)).chunks) foreign.add(name);
    }
    const own = all.filter((one) => one.scope === scope).map(({ name }) => name);
    const parents = new Map<string, string | null>();
    for (const name of own) parents.set(name, (await manifests.get(scope, name)).parent);
    const sealing = new SealingThread();
    const known = new Map<string, ChunkRef>();
    const successors = new Map<string, string>();
    try {
      for (const name of parentsFirst(own, parents)) {
        const after = await this.#reseal(scope, name, { foreign, known, successors, sealing });
        if (after === name) continue;
        successors.set(name, after);
        await replace(name, after);
        await manifests.delete(scope, name);
      }
      return successors.size;
    } finally {
      await sealing.close();
    }
  }

  async #reseal(
    scope: Scope,
    name: string,
    work: {
      readonly foreign: ReadonlySet<string>;
      readonly known: Map<string, ChunkRef>;
      readonly successors: ReadonlyMap<string, string>;
      readonly sealing: SealingThread;
    },
  ): Promise<string> {
    const { manifests, keyring, attachments } = this.#options;
    const before = await manifests.get(scope, name);
    const salt = keyring.salt(scope);
    const chunks: ChunkRef[] = [];
    let changed = false;
    for (const chunk of before.chunks) {
      const after = work.foreign.has(chunk.name) ? chunk : await this.#chunk(chunk, salt, work);
      changed ||= after.name !== chunk.name;
      chunks.push(after);
    }
    if (!changed) return name;
    const parent = before.parent === null ? null : (work.successors.get(before.parent) ?? before.parent);
    const manifest: Manifest = { ...before, chunks, parent };
    // Pages lie where they lay: the index holds for the new chunks as it is.
    const after = await manifests.put(scope, manifest, await manifests.index(scope, name, before));
    for (const kind of attachments) {
      const bytes = await manifests.attachment(scope, name, kind);
      if (bytes !== null) await manifests.attach(scope, after, kind, bytes);
    }
    return after;
  }

  async #chunk(
    chunk: ChunkRef,
    salt: Buffer,
    { known, sealing }: { readonly known: Map<string, ChunkRef>; readonly sealing: SealingThread },
  ): Promise<ChunkRef> {
    const done = known.get(chunk.name);
    if (done !== undefined) return done;
    const { ref, ciphertext } = await sealing.seal(await this.#options.reader.read(chunk, 'background'), salt);
    if (ref.name !== chunk.name) await this.#options.chunks.add(ref.name, ciphertext);
    known.set(chunk.name, ref);
    if (known.size > knownMax) known.delete(known.keys().next().value!);
    return ref;
  }
}

/** A child names its parent: it comes after it, so that it can name the successor. */
function parentsFirst(names: readonly string[], parents: ReadonlyMap<string, string | null>): string[] {
  const ordered = new Set<string>();
  const add = (name: string): void => {
    if (ordered.has(name) || !parents.has(name)) return;
    const parent = parents.get(name) ?? null;
    // Names come from contents, the parent's name included: no manifest is its own ancestor.
    if (parent !== null) add(parent);
    ordered.add(name);
  };
  for (const name of names) add(name);
  return [...ordered];
}
