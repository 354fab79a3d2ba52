import type { PoolSample } from '../assignment/messages.js';
import type { FunctionId } from '../config/messages.js';
import type { PoolKey } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import { secondMs } from '../kernel/units.js';
import type { FunctionSpec } from '../wire/functionspec.js';

/** Who says what shall be provisioned, and when it may have changed. */
export interface ProvisioningSource {
  onFunctionChanged(listener: (id: FunctionId) => void): () => void;
  provisionedTargets(id: FunctionId): readonly Target[];
}

/** Who sees to it. */
export interface ProvisioningPeer {
  provision(spec: FunctionSpec, count: number): void;
  provisioned(pool: PoolKey): PoolSample['provisioned'] | null;
}

interface Target {
  readonly spec: FunctionSpec;
  readonly count: number;
}

/** Of one function. */
interface Asked {
  readonly pools: Map<PoolKey, Target>;
  /** When what is to be lowered is, whatever has become of what was raised; null: there is nothing to lower. */
  deadlineMs: number | null;
  stopTimer: () => void;
}

/** What an alias has left stays so long at most while what it leads to now gets ready: as long as a hand-over. */
export const overlapMsMax = 15 * secondMs;
/** Looked at so often meanwhile: an init takes tenths of a second. */
const lookMs = 100;

/**
 * Asks for as many provisioned sandboxes as the configuration says, of all functions, from now on: what is raised at
 * once, what is lowered when that is there. So an alias that moves is never without. The returned function ends it.
 */
export function keepProvisioned(source: ProvisioningSource, peer: ProvisioningPeer, clock: Clock): () => void {
  const functions = new Map<string, Asked>();

  function settle(id: FunctionId): void {
    const key = `${id.account}/${id.region}/${id.name}`;
    const targets = source.provisionedTargets(id);
    let asked = functions.get(key);
    if (asked === undefined) {
      if (targets.length === 0) return;
      asked = { pools: new Map(), deadlineMs: null, stopTimer: () => {} };
      functions.set(key, asked);
    }
    asked.stopTimer();
    const countOf = (pool: PoolKey): number => targets.find(({ spec }) => spec.pool === pool)?.count ?? 0;
    for (const { spec, count } of targets) {
      if (count > (asked.pools.get(spec.pool)?.count ?? 0)) ask(asked, { spec, count });
    }
    const lowered = [...asked.pools.values()].filter(({ spec, count }) => countOf(spec.pool) < count);
    if (lowered.length === 0) asked.deadlineMs = null;
    else {
      const nowMs = clock.nowMs();
      asked.deadlineMs ??= nowMs + overlapMsMax;
      if (nowMs < asked.deadlineMs && !targets.every(isThere)) {
        asked.stopTimer = clock.after(lookMs, () => settle(id));
        return;
      }
      for (const { spec } of lowered) ask(asked, { spec, count: countOf(spec.pool) });
      asked.deadlineMs = null;
    }
    if (asked.pools.size === 0) functions.delete(key);
  }

  function ask(asked: Asked, target: Target): void {
    if (target.count === 0) asked.pools.delete(target.spec.pool);
    else asked.pools.set(target.spec.pool, target);
    peer.provision(target.spec, target.count);
  }

  function isThere({ spec, count }: Target): boolean {
    return (peer.provisioned(spec.pool)?.available ?? 0) >= count;
  }

  const end = source.onFunctionChanged(settle);
  return () => {
    end();
    for (const { stopTimer } of functions.values()) stopTimer();
    functions.clear();
  };
}
