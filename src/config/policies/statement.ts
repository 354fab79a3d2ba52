import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Input } from '../../wire/lambda/operations.js';
import { type Conditions, isOperator, type PolicyStatement } from './evaluation.js';

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

/**
 * The statements of a whole policy document for one resource. Only what is evaluated here is taken: `Allow`, for just this
 * resource, with known operators; principals as AddPermission takes them.
 */
export function statementsOf(text: string, resource: string): Result<readonly PolicyStatement[]> {
  const document = objectOf(text);
  if (document === null || document.Version !== '2012-10-17') {
    return fail(invalid('The policy is not a JSON document of version 2012-10-17.'));
  }
  const listed = Array.isArray(document.Statement) ? document.Statement : [document.Statement];
  if (listed.length === 0) return fail(invalid('The policy has no statement.'));
  const statements: PolicyStatement[] = [];
  for (const [index, given] of listed.entries()) {
    const problem = problemOf(given, resource);
    if (problem !== null) return fail(invalid(`Statement ${index + 1} of the policy ${problem}.`));
    const { Sid, Action, Condition, Principal } = given as PolicyStatement;
    statements.push({
      ...(Sid === undefined ? {} : { Sid }),
      Effect: 'Allow',
      Principal: normalized(Principal),
      Action,
      Resource: resource,
      ...(Condition === undefined ? {} : { Condition }),
    });
  }
  const sids = statements.flatMap(({ Sid }) => (Sid === undefined ? [] : [Sid]));
  if (new Set(sids).size < sids.length) return fail(invalid('Statement ids of the policy are not unique.'));
  return ok(statements);
}

const members: ReadonlySet<string> = new Set(['Sid', 'Effect', 'Principal', 'Action', 'Resource', 'Condition']);

/** Null: the statement can be stored. */
function problemOf(given: unknown, resource: string): string | null {
  if (!isObject(given)) return 'is no object';
  const unknown = Object.keys(given).find((key) => !members.has(key));
  if (unknown !== undefined) return `has the member ${unknown}, which is not supported`;
  const { Sid, Effect, Principal, Action, Resource, Condition } = given;
  if (Sid !== undefined && (typeof Sid !== 'string' || !/^[a-zA-Z0-9-_]{1,100}$/.test(Sid))) return 'has no valid Sid';
  if (Effect !== 'Allow') return 'does not say Allow, the only effect that is supported';
  const actions = textsOf(Action);
  if (actions === null || !actions.every((text) => /^(\*|lambda:[a-zA-Z*]+)$/.test(text))) return 'has no valid Action';
  if (textsOf(Resource)?.every((text) => text === resource) !== true) return `is not for the resource ${resource}`;
  if (Principal !== '*' && !isPrincipals(Principal)) return 'has no valid Principal';
  if (Condition !== undefined && !isConditions(Condition)) return 'has no valid Condition';
  return null;
}

function isPrincipals(value: unknown): boolean {
  return (
    isObject(value) &&
    Object.keys(value).length > 0 &&
    Object.entries(value).every(([kind, named]) =>
      textsOf(named)?.every((text) => text === '*' || Object.hasOwn(Object(principalOf(text)), kind)),
    )
  );
}

function isConditions(value: unknown): boolean {
  return (
    isObject(value) &&
    Object.entries(value).every(
      ([operator, keys]) =>
        isOperator(operator) && isObject(keys) && Object.values(keys).every((wanted) => textsOf(wanted) !== null),
    )
  );
}

/** Accounts by number become their root, as AddPermission makes them. */
function normalized(principal: PolicyStatement['Principal']): PolicyStatement['Principal'] {
  if (principal === '*') return principal;
  const root = (text: string) => (/^\d{12}$/.test(text) ? `arn:aws:iam::${text}:root` : text);
  return Object.fromEntries(
    Object.entries(principal).map(([kind, named]) => [kind, typeof named === 'string' ? root(named) : named.map(root)]),
  );
}

function objectOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Null: neither a text nor a list of some. */
function textsOf(value: unknown): readonly string[] | null {
  if (typeof value === 'string') return [value];
  const isList = Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');
  return isList ? value : null;
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
