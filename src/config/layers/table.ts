import type { AccountId, Region } from '../../kernel/ids.js';
import type { Kv, KvChange, KvWrite, Versioned } from '../../kernel/ports/kv.js';
import type { CodeStore } from '../code/codestore.js';
import type { Code } from '../messages.js';
import type { LayerId } from './arns.js';
import type { LayerPolicy } from './policy.js';

/** What all versions of a layer share; stays when the last of them is deleted. */
export interface LayerRecord extends LayerId {
  /** Number of the next version; never reused. */
  readonly nextVersion: number;
}

export interface LayerVersionRecord {
  readonly version: number;
  readonly code: Code;
  readonly description: string;
  readonly licenseInfo: string | null;
  /** Runtimes and architectures the publisher says it is for; null: nothing said. */
  readonly runtimes: readonly string[] | null;
  readonly architectures: readonly string[] | null;
  readonly createdMs: number;
  readonly policy: LayerPolicy | null;
}

/** All that is stored of one layer. */
export interface LayerState {
  readonly record: LayerRecord;
  /** By number, in no order. */
  readonly versions: ReadonlyMap<number, LayerVersionRecord>;
}

/** A stored record, or its end. */
export type LayerWrite =
  | { readonly kind: 'layer'; readonly record: LayerRecord }
  | { readonly kind: 'version'; readonly version: number; readonly record: LayerVersionRecord | null };

export type LayerStored = LayerRecord | LayerVersionRecord;

/** Keys of layers in the configuration's store: `l/ACCOUNT/REGION/NAME` and the same with `/VERSION`. */
export const layerPrefix = 'l/';

class Entry implements LayerState {
  stored: Versioned<LayerRecord> | null = null;
  readonly versions = new Map<number, LayerVersionRecord>();
  /** Revision of each stored key below the layer's. */
  readonly revisions = new Map<string, number>();

  get record(): LayerRecord {
    return this.stored!.value;
  }
}

/** Every layer in memory, kept true by the store's watch; each version holds its zip in the code store. */
export class LayerTable {
  readonly #kv: Kv<LayerStored>;
  readonly #codes: CodeStore;
  /** By `ACCOUNT/REGION/NAME`. */
  readonly #entries = new Map<string, Entry>();
  #endWatch: () => void = () => {};

  constructor(kv: Kv<LayerStored>, codes: CodeStore) {
    this.#kv = kv;
    this.#codes = codes;
  }

  async open(): Promise<void> {
    const early: KvChange<LayerStored>[] = [];
    let loading = true;
    this.#endWatch = this.#kv.watch(layerPrefix, (change) => {
      if (loading) early.push(change);
      else this.#apply(change);
    });
    for (const { key, value, revision } of await this.#kv.list(layerPrefix)) {
      this.#apply({ key, entry: { value, revision } });
    }
    loading = false;
    for (const change of early) this.#apply(change);
  }

  close(): void {
    this.#endWatch();
  }

  state(id: LayerId): LayerState | null {
    const entry = this.#entries.get(scopeOf(id));
    return entry === undefined || entry.stored === null ? null : entry;
  }

  version(id: LayerId, version: number): LayerVersionRecord | null {
    return this.state(id)?.versions.get(version) ?? null;
  }

  /** All layers of account and region, by name; also those without a version left. */
  list(account: AccountId, region: Region): readonly LayerState[] {
    const prefix = `${account}/${region}/`;
    const found: Entry[] = [];
    for (const [key, entry] of this.#entries) if (key.startsWith(prefix) && entry.stored !== null) found.push(entry);
    return found.sort((a, b) => (a.record.name < b.record.name ? -1 : 1));
  }

  /** Zips of all versions of all layers of account and region. */
  storedBytes(account: AccountId, region: Region): number {
    let bytes = 0;
    for (const { versions } of this.list(account, region)) {
      for (const { code } of versions.values()) bytes += code.zipBytes;
    }
    return bytes;
  }

  /** Durable once this resolves; false when another writer came first. */
  async write(id: LayerId, writes: readonly LayerWrite[]): Promise<boolean> {
    const scope = scopeOf(id);
    const revisions = this.#entries.get(scope)?.revisions;
    return await this.#kv.transact(
      writes.map((write): KvWrite<LayerStored> => {
        const key = `${layerPrefix}${scope}${write.kind === 'version' ? `/${write.version}` : ''}`;
        const expected = revisions?.get(key) ?? 0;
        return write.record === null
          ? { kind: 'delete', key, expected }
          : { kind: 'put', key, value: write.record, expected };
      }),
    );
  }

  #apply({ key, entry: stored }: KvChange<LayerStored>): void {
    const [, account, region, name, version] = key.split('/') as [string, string, string, string, string?];
    const scope = `${account}/${region}/${name}`;
    let entry = this.#entries.get(scope);
    if (entry === undefined) {
      entry = new Entry();
      this.#entries.set(scope, entry);
    }
    if (stored === null) entry.revisions.delete(key);
    else entry.revisions.set(key, stored.revision);
    if (version === undefined) {
      entry.stored = stored as Versioned<LayerRecord> | null;
      return;
    }
    const before = entry.versions.get(Number(version));
    const after = (stored?.value ?? null) as LayerVersionRecord | null;
    if (after !== null) this.#codes.retain(after.code, true);
    if (before !== undefined) this.#codes.release(before.code.sha256Hex);
    if (after === null) entry.versions.delete(Number(version));
    else entry.versions.set(Number(version), after);
  }
}

function scopeOf(id: LayerId): string {
  return `${id.account}/${id.region}/${id.name}`;
}
