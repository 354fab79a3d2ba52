import type { PoolSample } from '../../assignment/messages.js';
import { type AnyForecast, forecastOf } from '../../capacity/policies/catalog.js';
import { slotMs } from '../../capacity/policies/policy.js';
import type { PoolKey } from '../../kernel/ids.js';

/** What is compared. */
const names = ['trend', 'naive', 'daily', 'maximum'] as const;

interface Scored {
  readonly states: unknown[];
  readonly expected: number[];
  peak: number;
  slot: number;
}

/** Mean absolute error of each forecast, of the next slot's concurrency, over slots with a pool. Changes nothing. */
export class ForecastScore {
  readonly #policies: readonly AnyForecast[] = names.map((name) => forecastOf(name)!);
  readonly #pools = new Map<PoolKey, Scored>();
  readonly #sums = names.map(() => 0);
  #count = 0;

  see(samples: readonly PoolSample[], nowMs: number): void {
    const slot = Math.floor(nowMs / slotMs);
    for (const { pool, peak, busy } of samples) {
      let scored = this.#pools.get(pool);
      if (scored === undefined) {
        scored = { states: this.#policies.map((policy) => policy.begin()), expected: [], peak: 0, slot };
        this.#pools.set(pool, scored);
      }
      scored.peak = Math.max(scored.peak, peak, busy);
      if (scored.slot === slot) continue;
      // A slot without a look in it was not expected by anybody.
      const wasNext = slot === scored.slot + 1 && scored.expected.length > 0;
      if (wasNext) this.#count += 1;
      for (const [index, policy] of this.#policies.entries()) {
        if (wasNext) this.#sums[index]! += Math.abs(scored.expected[index]! - scored.peak);
        scored.states[index] = policy.observe(scored.states[index], scored.peak, slot * slotMs);
        scored.expected[index] = policy.predict(scored.states[index], slot * slotMs, slotMs - 1).concurrency;
      }
      scored.peak = busy;
      scored.slot = slot;
    }
  }

  errors(): { readonly forecast: string; readonly error: number }[] {
    return names.map((forecast, index) => ({ forecast, error: this.#sums[index]! / Math.max(1, this.#count) }));
  }
}
