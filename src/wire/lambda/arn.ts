import type { AccountId, Region } from '../../kernel/ids.js';

/** A function as a client named it. Null: not said, so the caller's own account and region are meant. */
export interface FunctionReference {
  readonly account: AccountId | null;
  readonly region: Region | null;
  readonly name: string;
  /** `$LATEST`, a version number or an alias name. */
  readonly qualifier: string | null;
}

const accountPattern = /^\d{12}$/;
const regionPattern = /^(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-\d$/;
/** Dots are for namespaced names of older services; no function has them, but lookups take them. */
const namePattern = /^[a-zA-Z0-9_.-]+$/;
const layerNamePattern = /^[a-zA-Z0-9_-]+$/;
const qualifierPattern = /^(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9_-]+)$/;
const partitionPattern = /^(aws[a-zA-Z-]*)?$/;
const layerNameCharsMax = 140;
/** AWS documentation, CreateFunction: names alone are limited to 64 characters; the table's bound is for ARNs. */
export const functionNameCharsMax = 64;

/**
 * Reads every spelling that Lambda accepts: `name`, `name:qualifier`, `123456789012:function:name`, with or without
 * region, and full ARNs, each with an optional qualifier: whatever the patterns of the table let through. Null when it
 * is none of them.
 */
export function parseFunctionName(text: string): FunctionReference | null {
  if (!text.includes(':')) {
    return namePattern.test(text) ? { account: null, region: null, name: text, qualifier: null } : null;
  }
  const parts = text.split(':');
  let at = 0;
  if (parts[0] === 'arn' && parts.length > 2) {
    if (!partitionPattern.test(parts[1] ?? '') || parts[2] !== 'lambda') return null;
    at = 3;
  }
  let region: string | null = null;
  let account: string | null = null;
  // Each prefix counts as one only when something follows it, so that a function may be called `function` or `123456789012`.
  const isPrefix = (pattern: RegExp) => at < parts.length - 1 && pattern.test(parts[at] ?? '');
  if (isPrefix(regionPattern)) region = parts[at++] ?? null;
  if (isPrefix(accountPattern)) account = parts[at++] ?? null;
  if (isPrefix(/^function$/)) at++;
  const [name = '', qualifier, ...rest] = parts.slice(at);
  if (rest.length > 0 || !namePattern.test(name)) return null;
  if (qualifier !== undefined && !qualifierPattern.test(qualifier)) return null;
  return {
    account: account as AccountId | null,
    region: region as Region | null,
    name,
    qualifier: qualifier ?? null,
  };
}

/** Partition of a region: `aws` but for China and US government regions. */
function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** Unqualified without `qualifier`. */
export function formatFunctionArn(
  account: AccountId,
  region: Region,
  name: string,
  qualifier: string | null = null,
): string {
  const arn = `arn:${partitionOf(region)}:lambda:${region}:${account}:function:${name}`;
  return qualifier === null ? arn : `${arn}:${qualifier}`;
}

/** A layer as a client named it. Null account and region: a bare name in the caller's own. Null version: the layer. */
export interface LayerReference {
  readonly account: AccountId | null;
  readonly region: Region | null;
  readonly name: string;
  readonly version: number | null;
}

/** Reads a layer name, layer ARN or layer version ARN. Null when it is none of them. */
export function parseLayerName(text: string): LayerReference | null {
  const isName = (name: string) => layerNamePattern.test(name) && name.length <= layerNameCharsMax;
  if (!text.includes(':')) return isName(text) ? { account: null, region: null, name: text, version: null } : null;
  const [arn, partition = '', service, region = '', account = '', kind, name = '', version, ...rest] = text.split(':');
  if (arn !== 'arn' || service !== 'lambda' || kind !== 'layer' || rest.length > 0) return null;
  if (!partitionPattern.test(partition) || !regionPattern.test(region) || !accountPattern.test(account)) return null;
  if (!isName(name) || (version !== undefined && !/^[1-9]\d{0,14}$/.test(version))) return null;
  return {
    account: account as AccountId,
    region: region as Region,
    name,
    version: version === undefined ? null : Number(version),
  };
}

/** ARN of the layer, or of one version of it. */
export function formatLayerArn(
  account: AccountId,
  region: Region,
  name: string,
  version: number | null = null,
): string {
  const arn = `arn:${partitionOf(region)}:lambda:${region}:${account}:layer:${name}`;
  return version === null ? arn : `${arn}:${version}`;
}
