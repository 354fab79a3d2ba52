import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';

/** Everything a platform has stored durably but queued events, read beside it from its data folder. */
export class StoredState {
  readonly #root: RootDatabase;

  constructor(dataFolder: string) {
    this.#root = open({ path: join(dataFolder, 'store'), readOnly: true, maxDbs: 64 });
  }

  /** Database, key and text of every entry, in order. */
  entries(): readonly string[] {
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
    while (this.entries().some((entry) => moving.test(entry))) {
      if (performance.now() > deadlineMs)
        throw new Error(`still moving: ${this.entries().filter((one) => moving.test(one))}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return this.digest();
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}
