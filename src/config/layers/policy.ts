import type { AccountId } from '../../kernel/ids.js';

/** One permission to use a layer version. */
export interface LayerStatement {
  readonly sid: string;
  /** `*`, twelve digits, or `arn:aws:iam::ACCOUNT:root`. */
  readonly principal: string;
  /** Only accounts of this organization. */
  readonly organizationId: string | null;
}

/** Who may use a layer version besides its own account. */
export interface LayerPolicy {
  readonly revisionId: string;
  /** Never empty: a version without statements has no policy. */
  readonly statements: readonly LayerStatement[];
}

/** An account, and the organization it belongs to if it belongs to any. */
export interface Principal {
  readonly account: AccountId;
  readonly organizationId: string | null;
}

/** Whether one of the statements lets the account use the layer version (`lambda:GetLayerVersion`). */
export function allows(policy: LayerPolicy | null, principal: Principal): boolean {
  return (policy?.statements ?? []).some(
    (statement) =>
      (statement.principal === '*' || accountOf(statement.principal) === principal.account) &&
      (statement.organizationId === null || statement.organizationId === principal.organizationId),
  );
}

/** A statement as the service writes it: an object of IAM's policy language, in this order of members. */
export function statementDocument(statement: LayerStatement, resource: string): object {
  const { sid, principal, organizationId } = statement;
  return {
    Sid: sid,
    Effect: 'Allow',
    Principal: principal === '*' ? '*' : { AWS: `arn:aws:iam::${accountOf(principal)}:root` },
    Action: 'lambda:GetLayerVersion',
    Resource: resource,
    ...(organizationId === null ? {} : { Condition: { StringEquals: { 'aws:PrincipalOrgID': organizationId } } }),
  };
}

export function policyDocument(statements: readonly LayerStatement[], resource: string): string {
  const Statement = statements.map((statement) => statementDocument(statement, resource));
  return JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement });
}

function accountOf(principal: string): string {
  return /^\d{12}$/.test(principal) ? principal : (principal.split(':')[4] ?? '');
}
