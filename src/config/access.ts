import { apiFailure } from '../kernel/errors.js';
import type { AccountId, Region } from '../kernel/ids.js';
import { fail, ok, type Result } from '../kernel/result.js';
import { accessDenied, type FunctionRef, functionArn, namedFunction, notFound, rootArn } from './arns.js';
import { type FunctionId, type FunctionState, latest, type VersionRecord } from './messages.js';
import { allows, type PolicyPrincipal, type PolicyRequest } from './policies/evaluation.js';
import type { FunctionTable } from './table.js';

/** Who asks: account and region come from the verified credential scope. */
export interface Caller {
  readonly account: AccountId;
  readonly region: Region;
  /** ARN of the identity. Default: the account's root. */
  readonly arn?: string;
}

/** A version of a function as a client named it. `qualifier` null: it named none. */
export interface NamedVersion {
  readonly state: FunctionState;
  readonly record: VersionRecord;
  readonly qualifier: string | null;
}

/**
 * From the names that clients use to functions, for those who may: everybody in the function's own account, and whom
 * the function's policy names. Everybody else is told so before anything of the function, also whether it exists.
 */
export class FunctionAccess {
  readonly #table: FunctionTable;
  readonly #organizationId: string | null;

  /** `organizationId`: the one that all accounts here belong to, if any. */
  constructor(table: FunctionTable, organizationId: string | null = null) {
    this.#table = table;
    this.#organizationId = organizationId;
  }

  /** `action`: as in policies, without `lambda:`. The function may not exist when it is of the caller's own account. */
  reference(caller: Caller, name: string, qualifier: string | null, action: string): Result<FunctionRef> {
    const ref = namedFunction(caller.account, caller.region, name, qualifier, action);
    if (!ref.ok || ref.value.id.account === caller.account) return ref;
    const { id } = ref.value;
    const arn = caller.arn ?? rootArn(caller.account);
    const principal: PolicyPrincipal = { kind: 'account', account: caller.account, arn };
    const request = { action: `lambda:${action}`, principal, context: this.contextOf(principal) };
    if (this.permits(id, ref.value.qualifier, request)) return ref;
    return fail(accessDenied(arn, action, functionArn(id, ref.value.qualifier)));
  }

  /** Whether the policy of exactly this qualifier (null: of the unqualified function) allows the request. */
  permits(id: FunctionId, qualifier: string | null, request: Omit<PolicyRequest, 'resource'>): boolean {
    const attached = this.#table.state(id)?.attachments.get(qualifier ?? latest);
    if (attached === undefined) return false;
    return allows(attached.policy, { ...request, resource: functionArn(id, qualifier) });
  }

  /** Context keys that IAM sets for every request of an account's identity. */
  contextOf(principal: PolicyPrincipal): Readonly<Record<string, string>> {
    if (principal.kind !== 'account') return {};
    const organization = this.#organizationId === null ? {} : { 'aws:PrincipalOrgID': this.#organizationId };
    return { 'aws:PrincipalAccount': principal.account, 'aws:PrincipalArn': principal.arn, ...organization };
  }

  /** For operations on the function itself: `$LATEST` is the only qualifier its name may carry. */
  unqualified(caller: Caller, name: string, action: string): Result<FunctionId> {
    const ref = this.reference(caller, name, null, action);
    if (!ref.ok) return ref;
    if (ref.value.qualifier !== null && ref.value.qualifier !== latest) {
      const message =
        'This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.';
      return fail(apiFailure('InvalidParameterValueException', message));
    }
    return ok(ref.value.id);
  }

  existing(caller: Caller, name: string, action: string): Result<FunctionId> {
    const state = this.state(caller, name, action);
    return state.ok ? ok(identify(state.value)) : state;
  }

  state(caller: Caller, name: string, action: string): Result<FunctionState> {
    const ref = this.unqualified(caller, name, action);
    if (!ref.ok) return ref;
    const state = this.#table.state(ref.value);
    return state === null ? fail(notFound(ref.value)) : ok(state);
  }

  version(caller: Caller, name: string, given: string | undefined, action: string): Result<NamedVersion> {
    const ref = this.reference(caller, name, given ?? null, action);
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const state = this.#table.state(id);
    const wanted = qualifier ?? latest;
    const record = state?.versions.get(state.aliases.get(wanted)?.version ?? wanted);
    return state === null || record === undefined ? fail(notFound(id, qualifier)) : ok({ state, record, qualifier });
  }
}

function identify(state: FunctionState): FunctionId {
  const { account, region, name } = state.record;
  return { account, region, name };
}
