import type { Deliberation } from './deliberation.js';
import type { Pool, Want } from './sandbox.js';

/**
 * Sandboxes that nobody waits for yet. They are asked for only while nobody waits for one of his own, a few at a time; a
 * pool for which there is no room, or whose init fails, gets no more of them: what nobody waits for is not worth insisting.
 */
export class Ahead {
  readonly #deliberation: Deliberation;
  /** In the order in which they were wanted. */
  readonly #wants = new Set<Want>();

  constructor(deliberation: Deliberation) {
    this.#deliberation = deliberation;
  }

  get isWanted(): boolean {
    return this.#wants.size > 0;
  }

  /** At least so many sandboxes of the pool shall exist; a new number replaces the one before. */
  total(pool: Pool, origin: Want['origin'], total: number): void {
    const want = this.#want(pool, origin, total - pool.alive > 0);
    if (want !== null) want.total = total;
  }

  /** So many more than there are. */
  more(pool: Pool, origin: Want['origin'], count: number): void {
    const want = this.#want(pool, origin, count > 0);
    if (want !== null) want.more += Math.max(0, count);
  }

  /** How many are still to be asked for. */
  missing(pool: Pool, origin: Want['origin']): number {
    const want = pool.wants.find((one) => one.origin === origin);
    return want === undefined ? 0 : missing(want);
  }

  drop(pool: Pool, origin?: Want['origin']): void {
    for (const want of [...pool.wants]) if (origin === undefined || want.origin === origin) this.#remove(want);
  }

  feed(): void {
    const { roster, options, hungry } = this.#deliberation;
    if (hungry.size > 0) return;
    for (const want of this.#wants) {
      while (missing(want) > 0) {
        if (roster.starting >= options.startingMax || roster.startingAhead >= options.aheadStartingMax) return;
        if (want.more > 0) want.more -= 1;
        this.#deliberation.create(want.pool, want.origin);
      }
      this.#remove(want);
      this.#deliberation.dropIfEmpty(want.pool);
    }
  }

  #want(pool: Pool, origin: Want['origin'], make: boolean): Want | null {
    const known = pool.wants.find((one) => one.origin === origin);
    if (known !== undefined) return known;
    if (!make || pool.aheadBlocked || pool.superseded !== null) return null;
    const want: Want = { pool, origin, total: 0, more: 0 };
    pool.wants.push(want);
    this.#wants.add(want);
    return want;
  }

  #remove(want: Want): void {
    const { wants } = want.pool;
    wants.splice(wants.indexOf(want), 1);
    this.#wants.delete(want);
  }
}

function missing({ pool, total, more }: Want): number {
  return Math.max(more, total - pool.alive);
}
