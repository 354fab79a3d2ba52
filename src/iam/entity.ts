/** A role as it was described to us. Roles give nobody anything here: every function runs with what its account may. */
export interface Role {
  readonly kind: 'role';
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly createdMs: number;
  /** JSON text, as given. */
  readonly trustPolicy: string;
  readonly description: string;
  readonly sessionSecondsMax: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Inline policies: JSON text by name. */
  readonly policies: Readonly<Record<string, string>>;
  /** ARNs of attached policies; AWS's own are accepted unseen. */
  readonly attached: readonly string[];
}

/** A managed policy of an account. */
export interface Policy {
  readonly kind: 'policy';
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly createdMs: number;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  /** In the order they were made. */
  readonly versions: readonly { readonly id: string; readonly document: string; readonly createdMs: number }[];
  readonly defaultVersion: string;
}

export type Entity = Role | Policy;

/** An expected failure, as IAM names it. */
export interface IamFailure {
  readonly code:
    | 'NoSuchEntity'
    | 'EntityAlreadyExists'
    | 'DeleteConflict'
    | 'LimitExceeded'
    | 'MalformedPolicyDocument'
    | 'ValidationError'
    | 'InvalidAction';
  readonly message: string;
}

/** https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and each operation's page. */
export const iamStatus: Readonly<Record<IamFailure['code'], number>> = {
  NoSuchEntity: 404,
  EntityAlreadyExists: 409,
  DeleteConflict: 409,
  LimitExceeded: 409,
  MalformedPolicyDocument: 400,
  ValidationError: 400,
  InvalidAction: 400,
};

/** IAM's quotas (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html). */
export const iamLimits = {
  rolesMax: 1_000,
  policiesMax: 1_500,
  versionsMax: 5,
  attachedMax: 20,
  tagsMax: 50,
  /** All inline policies of a role together. */
  inlineCharactersMax: 10_240,
  policyCharactersMax: 6_144,
  trustCharactersMax: 2_048,
} as const;
