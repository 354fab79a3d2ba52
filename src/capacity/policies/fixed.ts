import { minuteMs } from '../../kernel/units.js';
import { type KeepAlivePolicy, recencyWorth } from './policy.js';

/** Within the 5 to 15 minutes that are observed of Lambda; as assignment's own. */
export const fixedKeepMs = 10 * minuteMs;

/** Every idle sandbox is kept equally long. */
export function fixedKeep(name: string, keepMs: number): KeepAlivePolicy<null> {
  return {
    name,
    begin: () => null,
    observe: () => null,
    decide: (_, facts) => ({ keepMs, prewarmMs: null, worth: recencyWorth(facts) }),
  };
}
