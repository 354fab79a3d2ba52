import { secondMs } from '../kernel/units.js';

/** How often it looks. */
const roundMs = 1 * secondMs;
/** Looks of one round: each reads a few small files of the kernel, all of them together take some 5 ms. */
const looksMax = 64;

/** What may be frozen: a sandbox, a spare, a clone that waits. */
export interface Patrolled {
  /** Something of it was killed while it was frozen, and ends when it is thawed. */
  readonly doomed: boolean;
  letDie(): void;
}

/**
 * Looks at what is frozen: where frozen processes cannot die (the freezer of cgroups, version 1), one that was killed
 * ends only when it runs on, which would be when it is needed.
 */
export class Patrol {
  readonly #patrolled: () => Iterable<Patrolled>;
  readonly #timer: NodeJS.Timeout;
  #ahead: Patrolled[] = [];

  constructor(patrolled: () => Iterable<Patrolled>) {
    this.#patrolled = patrolled;
    this.#timer = setInterval(() => this.round(), roundMs);
    this.#timer.unref();
  }

  /** Looks at the next ones; at all of them within a few rounds. */
  round(): void {
    if (this.#ahead.length === 0) this.#ahead = [...this.#patrolled()];
    for (const one of this.#ahead.splice(0, looksMax)) if (one.doomed) one.letDie();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#ahead = [];
  }
}
