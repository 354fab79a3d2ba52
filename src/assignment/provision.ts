import { secondMs } from '../kernel/units.js';
import type { Deliberation } from './deliberation.js';
import type { AssignmentInput, PoolSample } from './messages.js';
import { lossMsMin, lossPauseMsMax, provisionFailuresMax } from './options.js';
import type { Pool, Sandbox } from './sandbox.js';

/** Keeps so many provisioned sandboxes of a pool as were asked for: what goes is replaced, what is too many goes. */
export class Provision {
  readonly #deliberation: Deliberation;
  /** Pools that lack some. */
  readonly #lacking = new Set<Pool>();

  constructor(deliberation: Deliberation) {
    this.#deliberation = deliberation;
  }

  get isWanted(): boolean {
    return this.#lacking.size > 0;
  }

  set({ pool: key, memoryMib, count }: Extract<AssignmentInput, { readonly kind: 'provision' }>): void {
    const { roster } = this.#deliberation;
    const known = roster.pools.get(key);
    if (known === undefined && count === 0) return;
    const pool = known ?? roster.poolOf(key, memoryMib);
    if (pool.memoryMib === 0) pool.memoryMib = memoryMib;
    if (pool.superseded !== null || pool.provisionedTarget === count) return;
    pool.provisionedTarget = count;
    pool.provisionFailures = 0;
    pool.provisionLosses = 0;
    pool.provisionAgainMs = 0;
    pool.provisionRefused = false;
    for (;;) {
      const idle = pool.idleProvisioned.oldest;
      if (idle === null || this.#missing(pool) >= 0) break;
      this.#deliberation.stop(idle, 'unprovisioned');
    }
    this.look(pool);
    this.#deliberation.dropIfEmpty(pool);
  }

  /** One more or one less is there, or wanted. */
  look(pool: Pool): void {
    const lacks = this.#missing(pool) > 0 && !hasFailed(pool) && pool.superseded === null;
    if (lacks) this.#lacking.add(pool);
    else this.#lacking.delete(pool);
  }

  /** Before others, whoever waits: it was promised. Its own bound keeps slow inits from holding up all other starts. */
  feed(): void {
    const { roster, options, nowMs } = this.#deliberation;
    for (const pool of this.#lacking) {
      while (nowMs >= pool.provisionAgainMs && !pool.provisionRefused && this.#missing(pool) > 0) {
        if (roster.starting >= options.startingMax || roster.startingProvisioned >= options.aheadStartingMax) return;
        this.#deliberation.create(pool, 'provisioned');
      }
      this.look(pool);
    }
  }

  /** There may be room again. */
  retry(): void {
    for (const pool of this.#lacking) pool.provisionRefused = false;
  }

  /** There was no room. */
  refused(pool: Pool): void {
    pool.provisionRefused = true;
    this.look(pool);
  }

  /** One ended before it was ready, or its init failed. */
  failed(pool: Pool): void {
    pool.provisionFailures += 1;
    this.look(pool);
  }

  succeeded(pool: Pool): void {
    // What failed stays so until another number is asked for.
    if (!hasFailed(pool)) pool.provisionFailures = 0;
  }

  /**
   * One is gone that could serve. It is replaced at once; one that ended soon after its init, as others did before, later
   * and later: it will end again.
   */
  lost({ pool, epoch, stateMs }: Sandbox): void {
    const { nowMs } = this.#deliberation;
    pool.provisionLosses = epoch > 0 || nowMs - stateMs >= lossMsMin ? 0 : pool.provisionLosses + 1;
    if (pool.provisionLosses < 2) return;
    pool.provisionAgainMs = nowMs + Math.min(lossPauseMsMax, secondMs * 2 ** (pool.provisionLosses - 2));
  }

  /** It was provisioned and is one too many: it goes, for what runs in it was told how it was initialized. */
  isSurplus({ origin, pool, retiring }: Sandbox): boolean {
    return origin === 'provisioned' && !retiring && this.#missing(pool) < 0;
  }

  /** Negative: too many. Those that are being replaced do not count. */
  #missing(pool: Pool): number {
    if (pool.provisionedTarget === null) return 0;
    return pool.provisionedTarget - (pool.provisioned - pool.provisionedRetiring);
  }
}

function hasFailed(pool: Pool): boolean {
  return pool.provisionFailures >= provisionFailuresMax;
}

/** As it is told: while one is being replaced there is one more than that. */
export function provisionedOf(pool: Pool): PoolSample['provisioned'] {
  const requested = pool.provisionedTarget ?? 0;
  return {
    requested,
    allocated: Math.min(requested, pool.provisioned),
    available: Math.min(requested, pool.provisionedReady),
    busy: Math.min(requested, pool.provisionedBusy),
    failed: requested > 0 && hasFailed(pool),
  };
}
