import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import type { AccountId, Region } from '../kernel/ids.js';
import { fail, ok, type Result } from '../kernel/result.js';
import { formatFunctionArn, parseFunctionName } from '../wire/lambda/arn.js';
import type { FunctionId } from './messages.js';

export function functionArn(id: FunctionId, qualifier: string | null = null): string {
  return formatFunctionArn(id.account, id.region, id.name, qualifier);
}

export interface FunctionRef {
  readonly id: FunctionId;
  readonly qualifier: string | null;
}

const plainName = /^[a-zA-Z0-9_-]{1,64}$/;

/** Like `namedFunction`, but only of the caller's own account: others are told that no policy allows it. */
export function functionRef(
  account: AccountId,
  region: Region,
  text: string,
  qualifier: string | null,
  action = 'InvokeFunction',
): Result<FunctionRef> {
  const ref = namedFunction(account, region, text, qualifier, action);
  if (!ref.ok || ref.value.id.account === account) return ref;
  return fail(accessDenied(rootArn(account), action, functionArn(ref.value.id, ref.value.qualifier)));
}

/** What a policy can allow other accounts (AWS documentation, "Cross-account APIs"). */
const crossAccountActions: ReadonlySet<string> = new Set([
  'CreateAlias',
  'DeleteAlias',
  'DeleteFunction',
  'DeleteFunctionConcurrency',
  'DeleteFunctionEventInvokeConfig',
  'DeleteProvisionedConcurrencyConfig',
  'GetAlias',
  'GetFunction',
  'GetFunctionConcurrency',
  'GetFunctionConfiguration',
  'GetFunctionEventInvokeConfig',
  'GetPolicy',
  'GetProvisionedConcurrencyConfig',
  'InvokeFunction',
  'ListAliases',
  'ListFunctionEventInvokeConfigs',
  'ListProvisionedConcurrencyConfigs',
  'ListTags',
  'ListVersionsByFunction',
  'PublishVersion',
  'PutFunctionConcurrency',
  'PutFunctionEventInvokeConfig',
  'PutProvisionedConcurrencyConfig',
  'TagResource',
  'UntagResource',
  'UpdateAlias',
  'UpdateFunctionCode',
  'UpdateFunctionEventInvokeConfig',
]);

/** How the service refuses other accounts what no policy can allow them. */
const notAcrossAccounts = apiFailure('AccessDeniedException', '', { members: { Message: null } });

/**
 * Reads FunctionName as clients may spell it, together with the Qualifier they gave beside it. The function may be of
 * another account where a policy can allow the action.
 */
export function namedFunction(
  account: AccountId,
  region: Region,
  text: string,
  qualifier: string | null,
  action: string,
): Result<FunctionRef> {
  if (plainName.test(text)) return ok({ id: { account, region, name: text }, qualifier });
  const named = parseFunctionName(text);
  if (named === null) {
    return fail(apiFailure('InvalidParameterValueException', `Invalid function name: ${text}`));
  }
  const { name } = named;
  if (named.account !== null && named.account !== account && !crossAccountActions.has(action)) {
    return fail(notAcrossAccounts);
  }
  if (named.region !== null && named.region !== region) {
    const message = `Functions from '${named.region}' are not reachable in this region ('${region}')`;
    return fail(apiFailure('ResourceNotFoundException', message));
  }
  if (named.qualifier !== null && qualifier !== null && named.qualifier !== qualifier) {
    const message = 'The derived qualifier from the function name does not match the specified qualifier.';
    return fail(apiFailure('InvalidParameterValueException', message));
  }
  return ok({ id: { account: named.account ?? account, region, name }, qualifier: qualifier ?? named.qualifier });
}

/** Who signs with an account's own keys. */
export function rootArn(account: AccountId): string {
  return `arn:aws:iam::${account}:root`;
}

/** `action` without `lambda:`. */
export function accessDenied(user: string, action: string, resource: string): ApiFailure {
  const denied = `User: ${user} is not authorized to perform: lambda:${action} on resource: ${resource}`;
  const why = `because no resource-based policy allows the lambda:${action} action`;
  return apiFailure('AccessDeniedException', `${denied} ${why}`);
}

export function notFound(id: FunctionId, qualifier: string | null = null): ApiFailure {
  return apiFailure('ResourceNotFoundException', `Function not found: ${functionArn(id, qualifier)}`);
}

export function aliasNotFound(id: FunctionId, alias: string): ApiFailure {
  return apiFailure('ResourceNotFoundException', `Cannot find alias arn: ${functionArn(id, alias)}`);
}
