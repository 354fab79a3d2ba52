import type { AccountId } from '../kernel/ids.js';
import type { Kv } from '../kernel/ports/kv.js';
import type { Entity, IamFailure, Policy, Role } from './entity.js';

/** Roles and policies of all accounts, durable. */
export class Directory {
  readonly #kv: Kv<Entity>;

  constructor(kv: Kv<Entity>) {
    this.#kv = kv;
  }

  async role(account: AccountId, name: string): Promise<Role | null> {
    return ((await this.#kv.get(keyOf(account, 'role', name)))?.value as Role | undefined) ?? null;
  }

  async policy(account: AccountId, name: string): Promise<Policy | null> {
    return ((await this.#kv.get(keyOf(account, 'policy', name)))?.value as Policy | undefined) ?? null;
  }

  /** In order of their names. */
  async list<K extends Entity['kind']>(account: AccountId, kind: K): Promise<Extract<Entity, { kind: K }>[]> {
    const found = await this.#kv.list(keyOf(account, kind, ''));
    return found.map(({ value }) => value as Extract<Entity, { kind: K }>);
  }

  /** False: there is one of this name already. IAM's names differ not only by case. */
  async create(account: AccountId, entity: Entity): Promise<boolean> {
    const key = keyOf(account, entity.kind, entity.name);
    return await this.#kv.transact([{ kind: 'put', key, value: entity, expected: 0 }]);
  }

  /**
   * Replaces an entity by what `change` makes of it; null deletes it. Answers the new one (the old one when deleted), or
   * why not. Two changes at once follow each other.
   */
  async change<T extends Entity>(
    account: AccountId,
    kind: T['kind'],
    name: string,
    missing: IamFailure,
    change: (entity: T) => T | IamFailure | null,
  ): Promise<T | IamFailure> {
    const key = keyOf(account, kind, name);
    for (;;) {
      const found = await this.#kv.get(key);
      if (found === null) return missing;
      const entity = found.value as T;
      const next = change(entity);
      if (next !== null && 'code' in next) return next;
      const done = await this.#kv.transact([
        next === null
          ? { kind: 'delete', key, expected: found.revision }
          : { kind: 'put', key, value: next, expected: found.revision },
      ]);
      if (done) return next ?? entity;
    }
  }
}

/** Names hold no `/`; those that differ only by case are the same to IAM. */
function keyOf(account: AccountId, kind: Entity['kind'], name: string): string {
  return `${account}/${kind}/${name.toLowerCase()}`;
}
