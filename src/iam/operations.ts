import type { Clock } from '../kernel/ports/clock.js';
import type { Kv } from '../kernel/ports/kv.js';
import type { Random } from '../kernel/ports/random.js';
import type { Caller } from '../wire/caller.js';
import type { XmlValue } from '../wire/xml.js';
import { Directory } from './directory.js';
import type { Entity, IamFailure } from './entity.js';
import { Form, IamProblem } from './form.js';
import { policyOperations } from './policies.js';
import { roleOperations } from './roles.js';

/** One operation: its result's members, or null where the answer has none. Throws IamProblem. */
export type Operation = (caller: Caller, form: Form) => Promise<XmlValue | null>;

/** What new entities are stamped with. */
export interface Stamp {
  nowMs(): number;
  /** `prefix` and 17 characters, as IAM's unique ids. */
  id(prefix: string): string;
}

export type IamAnswer =
  | { readonly ok: true; readonly action: string; readonly result: XmlValue | null }
  | { readonly ok: false; readonly failure: IamFailure };

/** Answers the calls that deployment tools make before and beside those to Lambda. */
export interface IamApi {
  handle(caller: Caller, form: URLSearchParams): Promise<IamAnswer>;
}

/**
 * The part of IAM that keeps roles and policies (API version 2010-05-08). They are stored and shown, and not enforced:
 * all that a credential may do here is its account's (docs/limitations.md).
 */
export function createIamApi(kv: Kv<Entity>, clock: Clock, random: Random): IamApi {
  const directory = new Directory(kv);
  const stamp: Stamp = {
    nowMs: () => clock.nowMs(),
    id: (prefix) => `${prefix}${random.hex(9).slice(0, 17).toUpperCase()}`,
  };
  const operations = new Map(Object.entries(iamOperations(directory, stamp)));
  return {
    handle: async (caller, values) => {
      const action = values.get('Action') ?? '';
      const operation = values.get('Version') === '2010-05-08' ? operations.get(action) : undefined;
      if (operation === undefined) {
        const message = `Could not find operation ${action} for version ${values.get('Version') ?? 'NO_VERSION_SPECIFIED'}`;
        return { ok: false, failure: { code: 'InvalidAction', message } };
      }
      try {
        return { ok: true, action, result: await operation(caller, new Form(values)) };
      } catch (error) {
        if (!(error instanceof IamProblem)) throw error;
        return { ok: false, failure: { code: error.code, message: error.message } };
      }
    },
  };
}

/** Every operation, by its name. */
export function iamOperations(directory: Directory, stamp: Stamp): Record<string, Operation> {
  return { ...roleOperations(directory, stamp), ...policyOperations(directory, stamp) };
}
