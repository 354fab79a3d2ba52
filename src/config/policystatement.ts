import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { fail, ok, type Result } from '../kernel/result.js';
import type { Input } from '../wire/lambda/operations.js';
import type { Conditions, PolicyStatement } from './policyevaluation.js';

const servicePattern = /^[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com)$/;
const identityPattern = /^arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|group|assumed-role|federated-user)\/\S+)$/;

/** The statement that AddPermission makes, member by member as the service renders it. */
export function statementOf(input: Input<'AddPermission'>, resource: string): Result<PolicyStatement> {
  const principal = principalOf(input.Principal);
  if (principal === null) {
    return fail(invalid('The provided principal was invalid. Please check the principal and try again.'));
  }
  if (input.FunctionUrlAuthType !== undefined && !coversUrls(input.Action)) {
    return fail(invalid('FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action'));
  }
  const conditions = conditionsOf(input);
  return ok({
    Sid: input.StatementId,
    Effect: 'Allow',
    Principal: principal,
    Action: input.Action,
    Resource: resource,
    ...(Object.keys(conditions).length === 0 ? {} : { Condition: conditions }),
  });
}

/** Null: nobody that IAM knows. Whether users and roles exist, nobody here can tell. */
function principalOf(text: string): PolicyStatement['Principal'] | null {
  if (text === '*') return '*';
  if (/^\d{12}$/.test(text)) return { AWS: `arn:aws:iam::${text}:root` };
  if (identityPattern.test(text)) return { AWS: text };
  return servicePattern.test(text) ? { Service: text } : null;
}

function conditionsOf(input: Input<'AddPermission'>): Conditions {
  const equals: Record<string, string> = {};
  if (input.FunctionUrlAuthType !== undefined) equals['lambda:FunctionUrlAuthType'] = input.FunctionUrlAuthType;
  if (input.PrincipalOrgID !== undefined) equals['aws:PrincipalOrgID'] = input.PrincipalOrgID;
  if (input.SourceAccount !== undefined) equals['AWS:SourceAccount'] = input.SourceAccount;
  if (input.EventSourceToken !== undefined) equals['lambda:EventSourceToken'] = input.EventSourceToken;
  const via = input.InvokedViaFunctionUrl;
  return {
    ...(Object.keys(equals).length === 0 ? {} : { StringEquals: equals }),
    ...(via === undefined ? {} : { Bool: { 'lambda:InvokedViaFunctionUrl': String(via) } }),
    ...(input.SourceArn === undefined ? {} : { ArnLike: { 'AWS:SourceArn': input.SourceArn } }),
  };
}

function coversUrls(action: string): boolean {
  return action === 'lambda:InvokeFunctionUrl' || action === 'lambda:*' || action === '*';
}

function invalid(message: string): ApiFailure {
  return apiFailure('InvalidParameterValueException', message);
}
