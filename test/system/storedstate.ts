import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';

/** Everything a platform has stored durably but queued events and logs, read beside it from its data folder. */
export class StoredState {
  readonly #root: RootDatabase;
  readonly #objects: string;

  constructor(dataFolder: string) {
    this.#objects = join(dataFolder, 'blobs', 'objects');
    this.#root = open({ path: join(dataFolder, 'store'), readOnly: true, maxDbs: 64 });
  }

  /** Records, and the names of all stored zips. */
  entries(): readonly string[] {
    return [...this.records(), ...this.objects()];
  }

  objects(): readonly string[] {
    return readdirSync(this.#objects).sort();
  }

  /** Database, key and text of every record, in order. */
  records(): readonly string[] {
    this.#root.resetReadTxn();
    const names = [...this.#root.getKeys()].map(String).filter((name) => name.startsWith('kv.'));
    return names.flatMap((name) => {
      const database = this.#root.openDB<string, string>({ name, encoding: 'string' });
      database.resetReadTxn();
      return [...database.getRange({})].map(({ key, value }) => `${name} ${key} ${value}`);
    });
  }

  digest(): string {
    return createHash('sha256').update(this.entries().join('\n')).digest('hex');
  }

  /** Once nothing is on its way to another state by itself. */
  async settled(msMax = 30_000): Promise<string> {
    const deadlineMs = performance.now() + msMax;
    const moving = /"(state|update)":"(Pending|InProgress|\w+ing)"|"status":"IN_PROGRESS"/;
    while (this.records().some((record) => moving.test(record))) {
      if (performance.now() > deadlineMs)
        throw new Error(`still moving: ${this.records().filter((one) => moving.test(one))}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return this.digest();
  }

  /** Whether it is, or soon becomes, what it was: what a refused request brought is removed after the answer. */
  async becomes(digest: string, msMax = 10_000): Promise<boolean> {
    const deadlineMs = performance.now() + msMax;
    while ((await this.settled()) !== digest) {
      if (performance.now() > deadlineMs) return false;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}
