import type { Blob } from '../kernel/ports/blob.js';
import { ChunkError } from './chunkerror.js';
import type { Keyring, Scope } from './keyring.js';
import type { Manifest } from './layout.js';
import { ManifestThread } from './manifestthread.js';
import { checkIndex, type PageIndex } from './pageindex.js';
import { openRecord } from './sealedrecord.js';

const folder = 'manifests';
/** Kind of the record that makes a manifest exist; the others of its name belong to it. */
const manifestKind = 'manifest';
const indexKind = 'index';

/** Who makes sure that a manifest's chunks stay as long as it does (`collection/protection.ts`). */
export interface ManifestKeeper {
  /** Calls `put`, which makes the manifest `SCOPE/NAME` exist. Rejects with ChunkError when one of its chunks is gone. */
  commit(manifest: string, chunks: readonly string[], put: () => Promise<void>): Promise<void>;
}

/**
 * Manifests and what belongs to them, in the blob store, encrypted with their account's key and bound to account, name
 * and kind. Blob keys: `manifests/SCOPE/NAME/KIND`. A manifest's name comes from its contents: stored twice it is one.
 * Everything that cannot be had intact is a ChunkError (`missing`, `corrupt`).
 */
export class ManifestStore {
  readonly #blob: Blob;
  readonly #keyring: Keyring;
  readonly #keeper: ManifestKeeper | null;
  readonly #thread = new ManifestThread();

  /** @param keeper Null only where nothing is ever collected, or nothing put. */
  constructor(blob: Blob, keyring: Keyring, keeper: ManifestKeeper | null = null) {
    this.#blob = blob;
    this.#keyring = keyring;
    this.#keeper = keeper;
  }

  /**
   * Resolves with the manifest's name once all is durable.
   * @param index Null where nothing will be packed as a child of it (a function's snapshot).
   */
  async put(scope: Scope, manifest: Manifest, index: PageIndex | null): Promise<string> {
    const { encoded, name } = await this.#thread.encode(manifest, this.#keyring.manifestKey(scope));
    const put = async () => {
      // Last the manifest itself: who finds it finds its index, too.
      if (index !== null) await this.#write(scope, name, indexKind, index.hashes);
      await this.#write(scope, name, manifestKind, encoded);
    };
    const chunks = new Set(manifest.chunks.map((chunk) => chunk.name));
    await (this.#keeper === null ? put() : this.#keeper.commit(`${scope}/${name}`, [...chunks], put));
    return name;
  }

  async get(scope: Scope, name: string): Promise<Manifest> {
    const at = key(scope, name, manifestKind);
    const sealed = await this.#blob.get(at);
    if (sealed === null) throw new ChunkError('missing', `no manifest ${name} of ${scope}`);
    return await this.#thread.open(at, sealed, this.#keyring.manifestKey(scope));
  }

  /** The index of a manifest, or null: it was stored without. */
  async index(scope: Scope, name: string, manifest: Manifest): Promise<PageIndex | null> {
    const hashes = await this.#read(scope, name, indexKind);
    if (hashes === null) return null;
    const index = { hashes };
    checkIndex(index, manifest.chunks);
    return index;
  }

  /** Attaches bytes of another kind (`[a-z]{1,20}`: `accesslog`) to a manifest, in place of earlier ones of that kind. */
  async attach(scope: Scope, name: string, kind: string, bytes: Uint8Array): Promise<void> {
    await this.#write(scope, name, kind, bytes);
  }

  async attachment(scope: Scope, name: string, kind: string): Promise<Buffer | null> {
    return await this.#read(scope, name, kind);
  }

  /** Removes the manifest and what is attached to it; its chunks are collected when nobody else names them. */
  async delete(scope: Scope, name: string): Promise<void> {
    // First the manifest: without it the rest is nothing.
    await this.#blob.delete(key(scope, name, manifestKind));
    for (const each of await this.#blob.list(`${folder}/${scope}/${name}/`)) await this.#blob.delete(each);
  }

  /** Every manifest there is: for collection. */
  async list(): Promise<readonly { readonly scope: Scope; readonly name: string }[]> {
    const keys = await this.#blob.list(`${folder}/`);
    return keys.flatMap((each) => {
      const [, scope, name, kind] = each.split('/');
      return kind === manifestKind ? [{ scope: scope!, name: name! }] : [];
    });
  }

  /** What has objects but is no manifest: its deletion, or its storing, was cut short or is under way. */
  async leftovers(): Promise<readonly { readonly scope: Scope; readonly name: string }[]> {
    const whole = new Map<string, boolean>();
    for (const each of await this.#blob.list(`${folder}/`)) {
      const [, scope, name, kind] = each.split('/');
      const manifest = `${scope}/${name}`;
      whole.set(manifest, whole.get(manifest) === true || kind === manifestKind);
    }
    return [...whole].flatMap(([manifest, is]) => {
      const [scope = '', name = ''] = manifest.split('/');
      return is ? [] : [{ scope, name }];
    });
  }

  async #write(scope: Scope, name: string, kind: string, bytes: Uint8Array): Promise<void> {
    const at = key(scope, name, kind);
    await this.#blob.put(at, await this.#thread.seal(at, bytes, this.#keyring.manifestKey(scope)));
  }

  async #read(scope: Scope, name: string, kind: string): Promise<Buffer | null> {
    const at = key(scope, name, kind);
    const sealed = await this.#blob.get(at);
    return sealed === null ? null : openRecord(at, sealed, this.#keyring.manifestKey(scope));
  }
}

function key(scope: Scope, name: string, kind: string): string {
  return `${folder}/${scope}/${name}/${kind}`;
}
