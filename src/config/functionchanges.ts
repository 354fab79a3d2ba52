import type { AccountId, Region } from '../kernel/ids.js';
import type { FunctionId } from './messages.js';

/** Tells of functions that changed: what changes together, in one transaction, is told once, after all of it. */
export class FunctionChanges {
  readonly #listeners = new Set<(id: FunctionId) => void>();
  /** By `ACCOUNT/REGION/NAME`: those not told yet. */
  readonly #pending = new Map<string, FunctionId>();

  on(listener: (id: FunctionId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `key` of the store: `KIND/ACCOUNT/REGION/NAME`, maybe with something behind. */
  note(key: string): void {
    if (this.#listeners.size === 0) return;
    const [, account, region, name] = key.split('/') as [string, AccountId, Region, string];
    if (this.#pending.size === 0) queueMicrotask(() => this.#tell());
    this.#pending.set(`${account}/${region}/${name}`, { account, region, name });
  }

  #tell(): void {
    const ids = [...this.#pending.values()];
    this.#pending.clear();
    for (const id of ids) for (const listener of this.#listeners) listener(id);
  }
}
