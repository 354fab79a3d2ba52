import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import type { AccountId, Region } from '../../kernel/ids.js';

/** One layer: all versions of one name in an account and region. */
export interface LayerId {
  readonly account: AccountId;
  readonly region: Region;
  readonly name: string;
}

export function layerArn(id: LayerId, version: number | null = null): string {
  const arn = `arn:aws:lambda:${id.region}:${id.account}:layer:${id.name}`;
  return version === null ? arn : `${arn}:${version}`;
}

const pattern = /^arn:aws[a-zA-Z-]*:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+)(?::(\d+))?$/;

/** Reads the ARN of a layer or of a version of one; null: neither. */
export function parseLayerArn(arn: string): { readonly id: LayerId; readonly version: number | null } | null {
  const match = pattern.exec(arn);
  if (match === null) return null;
  const [, region, account, name, version] = match;
  const id = { account: account as AccountId, region: region as Region, name: name! };
  return { id, version: version === undefined ? null : Number(version) };
}

/** Reads LayerName, which the service takes as a name or as the layer's ARN. */
export function layerIdOf(account: AccountId, region: Region, text: string): LayerId {
  return parseLayerArn(text)?.id ?? { account, region, name: text };
}

/** What reading operations answer for a layer or version that is not there. */
export const noResource: ApiFailure = apiFailure(
  'ResourceNotFoundException',
  'The resource you requested does not exist.',
);

/** What operations on a version's policy answer. */
export function noLayerVersion(id: LayerId, version: number): ApiFailure {
  return apiFailure('ResourceNotFoundException', `Layer version ${layerArn(id, version)} does not exist.`);
}
