import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { limits } from '../../kernel/limits.js';
import type { Code, LayerUse, VersionRecord } from '../messages.js';

/**
 * Every zip that a version runs, or may run again: its own, and those of its layers. The version holds the latter itself, so that a layer
 * version that is deleted goes on working where it is used.
 */
export function codesOf({ code, settings, previous }: VersionRecord): readonly Code[] {
  const own = [code, ...settings.layers.map((layer) => layer.code)];
  return previous === undefined ? own : [...own, previous.code, ...previous.settings.layers.map((layer) => layer.code)];
}

/** What invocations of the version run: during an update and after one that failed, what it was to replace. */
export function running(record: VersionRecord): Pick<VersionRecord, 'settings' | 'code' | 'generation'> {
  const { previous, update, generation } = record;
  if (previous === undefined || (update !== 'Failed' && update !== 'InProgress')) return record;
  if (previous.generation === undefined) return update === 'Failed' ? { ...previous, generation } : record;
  return { ...previous, generation: previous.generation };
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
