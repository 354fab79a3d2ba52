import type { Database } from 'lmdb';
import { assert } from '../../kernel/assert.js';
import type { Kv, KvChange, KvWrite, Versioned } from '../../kernel/ports/kv.js';
import type { LmdbEnvironment } from './environment.js';

/** The port's bound; LMDB itself takes 1,978 bytes. */
const keyBytesMax = 500;
/** Sorts before every key of the port, which is never empty and never starts with NUL. */
const counterKey = '\u0001revision';

interface Watcher<T> {
  readonly prefix: string;
  readonly onChange: (change: KvChange<T>) => void;
}

/**
 * Kv on one named database. A stored text is `REVISION JSON`. Revisions come from one counter of the whole database
 * (as etcd's do), stored with every transaction, so that a key deleted and made again still only grows.
 */
export class EmbeddedKv<T = unknown> implements Kv<T> {
  readonly #environment: LmdbEnvironment;
  readonly #entries: Database<string, string>;
  readonly #watchers = new Set<Watcher<T>>();
  /** Changes made by transactions that are not yet on disk, in commit order. */
  #unannounced: { readonly order: number; readonly changes: readonly KvChange<T>[] }[] = [];
  #orders = 0;
  #revision: number;

  constructor(environment: LmdbEnvironment, name: string) {
    this.#environment = environment;
    this.#entries = environment.texts<string>(`kv.${name}`);
    this.#revision = Number(this.#entries.get(counterKey) ?? '0');
  }

  async get(key: string): Promise<Versioned<T> | null> {
    const text = this.#entries.get(checked(key));
    return text === undefined ? null : decode<T>(text);
  }

  async list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<readonly (Versioned<T> & { readonly key: string })[]> {
    const { after, limit = Number.POSITIVE_INFINITY } = options;
    const found: (Versioned<T> & { readonly key: string })[] = [];
    const start = after !== undefined && byteOrder(after, prefix) > 0 ? after : prefix;
    if (limit <= 0) return found;
    for (const { key, value } of this.#entries.getRange(start === '' ? {} : { start })) {
      if (key === counterKey || key === after) continue;
      if (!key.startsWith(prefix)) break;
      found.push({ key, ...decode<T>(value) });
      if (found.length >= limit) break;
    }
    return found;
  }

  async transact(writes: readonly KvWrite<T>[]): Promise<boolean> {
    const keys = new Set(writes.map((write) => checked(write.key)));
    assert(keys.size === writes.length, 'a key occurs twice in one transaction');
    const bodies = writes.map((write) => (write.kind === 'put' ? JSON.stringify(write.value) : ''));
    let order = 0;
    const applied = await this.#environment.transaction(() => {
      for (const write of writes) {
        const text = this.#entries.get(write.key);
        if ((text === undefined ? 0 : revisionOf(text)) !== write.expected) return false;
      }
      const revision = ++this.#revision;
      const changes: KvChange<T>[] = [];
      writes.forEach((write, index) => {
        if (write.kind === 'put') {
          this.#entries.put(write.key, `${revision} ${bodies[index]}`);
          changes.push({ key: write.key, entry: { value: JSON.parse(bodies[index]!) as T, revision } });
        } else {
          this.#entries.remove(write.key);
          changes.push({ key: write.key, entry: null });
        }
      });
      this.#entries.put(counterKey, String(revision));
      order = ++this.#orders;
      this.#unannounced.push({ order, changes });
      return true;
    });
    if (applied) this.#announce(order);
    return applied;
  }

  watch(prefix: string, onChange: (change: KvChange<T>) => void): () => void {
    const watcher = { prefix, onChange };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  async close(): Promise<void> {
    this.#watchers.clear();
  }

  /** A durable transaction makes all those before it durable too: their changes are told first. */
  #announce(order: number): void {
    while (this.#unannounced.length > 0 && this.#unannounced[0]!.order <= order) {
      const { changes } = this.#unannounced.shift()!;
      for (const change of changes) {
        for (const watcher of [...this.#watchers]) {
          if (change.key.startsWith(watcher.prefix)) watcher.onChange(change);
        }
      }
    }
  }
}

function checked(key: string): string {
  assert(key.length > 0 && key.charCodeAt(0) > 1 && !key.includes('\0'), 'key is empty or has control characters');
  assert(Buffer.byteLength(key) <= keyBytesMax, 'key is longer than 500 bytes');
  return key;
}

function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function revisionOf(text: string): number {
  return Number(text.slice(0, text.indexOf(' ')));
}

function decode<T>(text: string): Versioned<T> {
  const space = text.indexOf(' ');
  return { value: JSON.parse(text.slice(space + 1)) as T, revision: Number(text.slice(0, space)) };
}
