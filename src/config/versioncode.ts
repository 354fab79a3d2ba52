import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { limits } from '../kernel/limits.js';
import type { Code, LayerUse, VersionRecord } from './messages.js';

/**
 * Every zip that a version runs: its own, and those of its layers. The version holds the latter itself, so that a layer
 * version that is deleted goes on working where it is used.
 */
export function codesOf(record: VersionRecord): readonly Code[] {
  return [record.code, ...record.settings.layers.map(({ code }) => code)];
}

/** The bound of code and layers together, which a change of either may break; null: within it. */
export function tooLargeTogether(code: Code, layers: readonly LayerUse[]): ApiFailure | null {
  if (layers.length === 0) return null;
  const bytes = layers.reduce((sum, layer) => sum + layer.code.unzippedBytes, code.unzippedBytes);
  if (bytes <= limits.codeUnzippedBytesMax) return null;
  const start = 'Function code combined with layers exceeds the maximum allowed size of';
  const message = `${start} ${limits.codeUnzippedBytesMax} bytes. The actual size is ${bytes} bytes.`;
  return apiFailure('InvalidParameterValueException', message);
}
