import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { limits } from '../../kernel/limits.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import { accessDenied, rootArn } from '../arns.js';
import type { LayerUse } from '../messages.js';
import type { Caller } from '../queries.js';
import { layerArn, parseLayerArn } from './arns.js';
import { allows, type Principal } from './policy.js';
import type { LayerTable } from './table.js';

/** Layers of one function, most. (AWS documentation, "Lambda quotas".) */
export const layersMax = 5;

/**
 * The layer versions that a function names, in its order. They have to exist in the function's region, no layer may
 * occur twice, and those of other accounts have to be shared with the caller's.
 */
export function layersInUse(
  table: LayerTable,
  caller: Caller,
  principal: Principal,
  arns: readonly string[],
): Result<readonly LayerUse[]> {
  if (arns.length > layersMax) return invalid(`Cannot reference more than ${layersMax} layers.`);
  const uses: LayerUse[] = [];
  const seen = new Map<string, string>();
  for (const arn of arns) {
    const parsed = parseLayerArn(arn);
    if (parsed === null || parsed.version === null) return invalid(`Layer version ${arn} does not exist.`);
    const { id, version } = parsed;
    const record = table.version(id, version);
    if (id.account === caller.account) {
      if (id.region !== caller.region) {
        const expected = `Layers are expected to be in region ${caller.region}.`;
        return invalid(`Layers are not in the same region as the function. ${expected}`);
      }
      if (record === null) return invalid(`Layer version ${arn} does not exist.`);
    } else if (record === null || id.region !== caller.region || !allows(record.policy, principal)) {
      // Others are not told whether it exists.
      return fail(layerDenied(caller, arn));
    }
    const layer = layerArn(id);
    const other = seen.get(layer);
    if (other !== undefined) {
      const start = 'Two different versions of the same layer are not allowed to be referenced in the same function.';
      return invalid(`${start} ${other} and ${arn} are versions of the same layer.`);
    }
    seen.set(layer, arn);
    uses.push({ arn, code: record.code });
  }
  const bytes = uses.reduce((sum, { code }) => sum + code.unzippedBytes, 0);
  if (bytes > limits.codeUnzippedBytesMax) {
    return invalid(`Layers consume more than the available size of ${limits.codeUnzippedBytesMax} bytes`);
  }
  return ok(uses);
}

export function layerDenied(caller: Caller, resource: string, action = 'GetLayerVersion'): ApiFailure {
  return accessDenied(caller.arn ?? rootArn(caller.account), action, resource);
}

function invalid(message: string): { readonly ok: false; readonly failure: ApiFailure } {
  return fail(apiFailure('InvalidParameterValueException', message));
}
