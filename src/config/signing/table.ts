import type { AccountId, Region } from '../../kernel/ids.js';
import type { Kv, KvChange, Versioned } from '../../kernel/ports/kv.js';
import type { Tags } from '../tags/tags.js';

/** Who may sign a function's code, and what happens with code that they did not. */
export interface SigningRecord {
  readonly account: AccountId;
  readonly region: Region;
  /** `csc-` and 17 hexadecimal digits. */
  readonly id: string;
  readonly description: string;
  readonly profileVersionArns: readonly string[];
  readonly untrusted: 'Warn' | 'Enforce';
  readonly lastModifiedMs: number;
  readonly tags: Tags;
}

/** Keys in the configuration's store: `s/ARN`. */
export const signingPrefix = 's/';

export function signingArn(account: AccountId, region: Region, id: string): string {
  return `arn:aws:lambda:${region}:${account}:code-signing-config:${id}`;
}

/** Every code signing configuration in memory, kept true by the store's watch. */
export class SigningTable {
  readonly #kv: Kv<SigningRecord>;
  /** By ARN. */
  readonly #records = new Map<string, Versioned<SigningRecord>>();
  #endWatch: () => void = () => {};

  constructor(kv: Kv<SigningRecord>) {
    this.#kv = kv;
  }

  async open(): Promise<void> {
    const early: KvChange<SigningRecord>[] = [];
    let loading = true;
    this.#endWatch = this.#kv.watch(signingPrefix, (change) => {
      if (loading) early.push(change);
      else this.#apply(change);
    });
    for (const { key, value, revision } of await this.#kv.list(signingPrefix)) {
      this.#apply({ key, entry: { value, revision } });
    }
    loading = false;
    for (const change of early) this.#apply(change);
  }

  close(): void {
    this.#endWatch();
  }

  get(arn: string): SigningRecord | null {
    return this.#records.get(arn)?.value ?? null;
  }

  /** All of account and region, by id. */
  list(account: AccountId, region: Region): readonly SigningRecord[] {
    const prefix = signingArn(account, region, '');
    const found = [...this.#records].filter(([arn]) => arn.startsWith(prefix));
    return found.map(([, { value }]) => value).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Durable once this resolves; false when another writer came first. Null: it is deleted. */
  async write(arn: string, record: SigningRecord | null): Promise<boolean> {
    const key = `${signingPrefix}${arn}`;
    const expected = this.#records.get(arn)?.revision ?? 0;
    return await this.#kv.transact([
      record === null ? { kind: 'delete', key, expected } : { kind: 'put', key, value: record, expected },
    ]);
  }

  #apply(change: KvChange<SigningRecord>): void {
    const arn = change.key.slice(signingPrefix.length);
    if (change.entry === null) this.#records.delete(arn);
    else this.#records.set(arn, change.entry);
  }
}
