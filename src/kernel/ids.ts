/**
 * Branded identifiers: the compiler keeps one kind from being passed as another.
 * A brand exists only at compile time; at run time every id is a plain string.
 */
declare const brand: unique symbol;
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** 12 decimal digits, as in every ARN. */
export type AccountId = Branded<string, 'AccountId'>;
/** For example `us-east-1`; taken from the credential scope of the request. */
export type Region = Branded<string, 'Region'>;
/** UUID v4, lower case; the value of `x-amzn-RequestId` and of every log line of the invocation. */
export type RequestId = Branded<string, 'RequestId'>;
/** One isolated execution environment, from its first boot to its shutdown. */
export type SandboxId = Branded<string, 'SandboxId'>;
/** A machine (or the process standing for one) that runs sandboxes. */
export type WorkerId = Branded<string, 'WorkerId'>;
/** UUID; changes with every change of a function's configuration or state. */
export type RevisionId = Branded<string, 'RevisionId'>;
/** `ACCOUNT/REGION/NAME/VERSION`: what AWS calls the qualified function, without its alias. */
export type VersionKey = Branded<string, 'VersionKey'>;
/**
 * `VERSIONKEY@GENERATION`: sandboxes of one pool are interchangeable. The generation counts the code and
 * configuration changes of the version, so an update makes a new pool and drains the old one.
 */
export type PoolKey = Branded<string, 'PoolKey'>;

export function versionKey(account: AccountId, region: Region, name: string, version: string): VersionKey {
  return `${account}/${region}/${name}/${version}` as VersionKey;
}

export function poolKey(key: VersionKey, generation: number): PoolKey {
  return `${key}@${generation}` as PoolKey;
}
