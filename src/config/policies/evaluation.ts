/** Resource policies as IAM reads them: statements, principals, conditions. Pure; nothing here knows of functions. */

/** Operator → context key → values, of which one has to fit. All operators and all keys have to hold. */
export type Conditions = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

/** A statement as it is stored and shown. Members in the order in which Lambda renders them. */
export interface PolicyStatement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal: '*' | Readonly<Record<string, string | readonly string[]>>;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Conditions;
}

/** Who asks: an identity of an account, a service of AWS, or anybody. */
export type PolicyPrincipal =
  | { readonly kind: 'account'; readonly account: string; readonly arn: string }
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'anonymous' };

export interface PolicyRequest {
  /** For example `lambda:InvokeFunction`. */
  readonly action: string;
  /** The ARN asked for, with the qualifier the client named. */
  readonly resource: string;
  readonly principal: PolicyPrincipal;
  /** Context keys (in any case) and their values, such as `aws:SourceArn` and `lambda:FunctionUrlAuthType`. */
  readonly context: Readonly<Record<string, string>>;
}

/** Whether a statement allows the request and none denies it. */
export function allows(statements: readonly PolicyStatement[], request: PolicyRequest): boolean {
  let allowed = false;
  for (const statement of statements) {
    if (!applies(statement, request)) continue;
    if (statement.Effect === 'Deny') return false;
    allowed = true;
  }
  return allowed;
}

function applies(statement: PolicyStatement, request: PolicyRequest): boolean {
  return (
    listOf(statement.Action).some((action) => isLike(action.toLowerCase(), request.action.toLowerCase())) &&
    listOf(statement.Resource).some((resource) => isLike(resource, request.resource)) &&
    namesPrincipal(statement.Principal, request.principal) &&
    holdsAll(statement.Condition ?? {}, request.context)
  );
}

function namesPrincipal(named: PolicyStatement['Principal'], principal: PolicyPrincipal): boolean {
  if (named === '*') return true;
  if (principal.kind === 'service') return listOf(named.Service ?? []).includes(principal.service);
  return listOf(named.AWS ?? []).some(
    (text) => text === '*' || (principal.kind === 'account' && names(text, principal)),
  );
}

/** An account's root stands for the whole account, a role for all its sessions, any other ARN for itself alone. */
function names(text: string, { account, arn }: Extract<PolicyPrincipal, { kind: 'account' }>): boolean {
  if (text === arn || text === account) return true;
  const [, named, kind, path] = /^arn:aws[a-z-]*:iam::(\d{12}):(root$|role\/)(.*)$/.exec(text) ?? [];
  if (named !== account) return false;
  if (kind === 'root') return true;
  // Names of roles are unique in their account, whatever their paths.
  const session = /:assumed-role\/([^/]+)\//.exec(arn)?.[1];
  return session !== undefined && session === path?.split('/').at(-1);
}

function holdsAll(conditions: Conditions, context: PolicyRequest['context']): boolean {
  const found = new Map(Object.entries(context).map(([key, value]) => [key.toLowerCase(), value]));
  return Object.entries(conditions).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) =>
      holds(operator, listOf(values), found.get(key.toLowerCase()) ?? null),
    ),
  );
}

type Comparison = (wanted: string, is: string) => boolean;

const comparisons: Readonly<Record<string, Comparison>> = {
  stringequals: (wanted, is) => wanted === is,
  stringequalsignorecase: (wanted, is) => wanted.toLowerCase() === is.toLowerCase(),
  stringlike: isLike,
  arnequals: isArnLike,
  arnlike: isArnLike,
  bool: (wanted, is) => wanted.toLowerCase() === is.toLowerCase(),
};

/** Whether conditions with this operator are understood: `StringLike`, `ArnNotEqualsIfExists`, `Null` … */
export function isOperator(operator: string): boolean {
  const lower = operator.toLowerCase();
  return (
    lower === 'null' || Object.hasOwn(comparisons, lower.replace(/ifexists$/, '').replace(/^(string|arn)not/, '$1'))
  );
}

/**
 * One condition. `is` null: the request has no such key, which fails, except for negated operators and `…IfExists`.
 * Operators that are not known hold never: a policy must not allow what nobody checked.
 */
function holds(operator: string, wanted: readonly string[], is: string | null): boolean {
  const lower = operator.toLowerCase();
  if (lower === 'null') return wanted.some((text) => (text === 'true') === (is === null));
  const optional = lower.endsWith('ifexists');
  const name = optional ? lower.slice(0, -'ifexists'.length) : lower;
  const plain = name.replace(/^(string|arn)not/, '$1');
  const comparison = Object.hasOwn(comparisons, plain) ? comparisons[plain] : undefined;
  if (comparison === undefined) return false;
  const negated = plain !== name;
  if (is === null) return optional || negated;
  return wanted.some((text) => comparison(text, is)) !== negated;
}

/** Whether a text fits a pattern of `*` (any characters, also none) and `?` (one character). Linear in both lengths' product. */
export function isLike(pattern: string, text: string): boolean {
  let at = 0;
  let from = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    const wanted = pattern[from];
    if (wanted === '*') {
      star = from++;
      resume = at;
    } else if (from < pattern.length && (wanted === '?' || wanted === text[at])) {
      from++;
      at++;
    } else if (star >= 0) {
      from = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[from] === '*') from++;
  return from === pattern.length;
}

/** The six parts of an ARN one by one: a `*` never reaches over a colon, but in the last part. */
export function isArnLike(pattern: string, arn: string): boolean {
  const wanted = arnParts(pattern);
  const is = arnParts(arn);
  return wanted !== null && is !== null && wanted.every((part, index) => isLike(part, is[index]!));
}

function arnParts(arn: string): readonly string[] | null {
  const parts = arn.split(':');
  return parts.length < 6 || parts[0] !== 'arn' ? null : [...parts.slice(0, 5), parts.slice(5).join(':')];
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}
