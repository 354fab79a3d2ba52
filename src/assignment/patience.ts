import type { Pool } from './sandbox.js';

/**
 * Work shorter than this is computing, not waiting for somebody else: more sandboxes than cores do not speed it up. One
 * tick of the clock by which runs are measured.
 */
const shortMsMax = 1;

/**
 * So many alarms in a row without a sandbox given back are no hiccup of the machine: the work has become long. Alarms, not
 * time: when this process itself was held up, what was given back meanwhile is heard between the first and the second.
 */
const stuckAlarms = 10;

/** What the last alarm saw of a pool. */
interface Watch {
  releasedMs: number;
  /** In a row, with nothing given back since the one before. */
  quietAlarms: number;
}

/** Decides which invocations wait for a busy sandbox although an idle or a new one could be had; see `patienceMs`. */
export class Patience {
  readonly #ms: number;
  readonly #busyMin: number;
  /** Pools that have, or just had, patient waiters. */
  readonly #pools = new Map<Pool, Watch>();
  #armed = false;

  constructor({ patienceMs, busyMin }: { readonly patienceMs: number; readonly busyMin: number }) {
    this.#ms = patienceMs;
    this.#busyMin = busyMin;
  }

  suits(pool: Pool): boolean {
    return isShort(pool) && pool.busy >= this.#busyMin && pool.expectedWaitMs <= this.#ms;
  }

  /** Of `count` sandboxes that a forecast wants, those that could be of use: short work has enough of a few. */
  useful(pool: Pool, count: number): number {
    return isShort(pool) ? Math.min(count, this.#busyMin) : count;
  }

  /** The pool's last waiter is patient. */
  hold(pool: Pool): void {
    if (!this.#pools.has(pool)) this.#pools.set(pool, { releasedMs: pool.releasedMs, quietAlarms: 0 });
  }

  /** When to call `over`, or null: a call is on its way already, or nobody is patient. */
  takeAlarm(nowMs: number): number | null {
    if (this.#armed || this.#pools.size === 0) return null;
    this.#armed = true;
    return nowMs + this.#ms;
  }

  /**
   * Calls back with each pool that has waiters. Those who have waited long enough (`sinceMsMax` and before) take what is
   * idle. A pool that has given nothing back for long is stuck: its work has become long, and sandboxes are started.
   */
  over(nowMs: number, press: (pool: Pool, sinceMsMax: number, isStuck: boolean) => void): void {
    this.#armed = false;
    const sinceMsMax = nowMs - this.#ms;
    for (const [pool, watch] of this.#pools) {
      const first = pool.waiters[0];
      watch.quietAlarms = pool.releasedMs === watch.releasedMs ? watch.quietAlarms + 1 : 0;
      watch.releasedMs = pool.releasedMs;
      const isStuck = first !== undefined && first.sinceMs <= sinceMsMax && watch.quietAlarms >= stuckAlarms;
      if (isStuck) pool.runMs = null;
      if (isStuck || first === undefined) this.#pools.delete(pool);
      if (first !== undefined) press(pool, isStuck ? nowMs : sinceMsMax, isStuck);
    }
  }
}

function isShort({ runMs }: Pool): boolean {
  return runMs !== null && runMs < shortMsMax;
}
