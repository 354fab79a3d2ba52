import type { Database } from 'lmdb';
import type { Journal } from '../../kernel/ports/journal.js';
import type { LmdbEnvironment } from './environment.js';

/** Key of the next sequence; entries are at 1 and above. */
const nextKey = 0;

/** Journal on one named database: sequence → JSON text. The head is stored too, because a trim may leave it empty. */
export class EmbeddedJournal<T = unknown> implements Journal<T> {
  readonly #environment: LmdbEnvironment;
  readonly #entries: Database<string, number>;

  constructor(environment: LmdbEnvironment, name: string) {
    this.#environment = environment;
    this.#entries = environment.texts<number>(`journal.${name}`);
  }

  async append(expected: number, entries: readonly T[]): Promise<boolean> {
    const texts = entries.map((entry) => JSON.stringify(entry));
    return await this.#environment.transaction(() => {
      if (this.#next() !== expected) return false;
      texts.forEach((text, index) => {
        this.#entries.put(expected + index, text);
      });
      if (texts.length > 0) this.#entries.put(nextKey, String(expected + texts.length));
      return true;
    });
  }

  async read(sequence: number, limit: number): Promise<readonly { readonly sequence: number; readonly entry: T }[]> {
    const found: { sequence: number; entry: T }[] = [];
    for (const { key, value } of this.#entries.getRange({ start: Math.max(1, sequence), limit })) {
      found.push({ sequence: key, entry: JSON.parse(value) as T });
    }
    return found;
  }

  async next(): Promise<number> {
    return this.#next();
  }

  async trim(sequence: number): Promise<void> {
    await this.#environment.transaction(() => {
      const end = Math.min(sequence, this.#next());
      for (const key of [...this.#entries.getKeys({ start: 1, end })]) this.#entries.remove(key);
    });
  }

  async close(): Promise<void> {}

  #next(): number {
    return Number(this.#entries.get(nextKey) ?? '1');
  }
}
