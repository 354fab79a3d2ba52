import { dayMs, hourMs } from '../../kernel/units.js';
import type { KeepAlivePolicy } from './policy.js';

/** Uses count half after this time. Ours: the paper's logical clock is a worker's, this one is each function's own. */
const halfLifeMs = hourMs;

export interface UseFrequency {
  uses: number;
  atMs: number;
}

/**
 * Keep-alive as caching (FaasCache; Fuerst and Sharma, ASPLOS '21): nothing goes before memory is short, then what is
 * worth least: frequency × cost of a start ÷ memory.
 */
export const greedyDualKeep: KeepAlivePolicy<UseFrequency> = {
  name: 'greedydual',
  begin: () => ({ uses: 0, atMs: 0 }),
  observe(state, _, nowMs) {
    state.uses = usesAt(state, nowMs) + 1;
    state.atMs = nowMs;
    return state;
  },
  decide(state, { nowMs, initMs, memoryMib }) {
    // At least the one that made its sandbox.
    const perSecond = (Math.max(1, usesAt(state, nowMs)) * Math.LN2 * 1_000) / halfLifeMs;
    return { keepMs: dayMs, prewarmMs: null, worth: (perSecond * initMs) / memoryMib };
  },
};

function usesAt({ uses, atMs }: UseFrequency, nowMs: number): number {
  return uses * 0.5 ** ((nowMs - atMs) / halfLifeMs);
}
