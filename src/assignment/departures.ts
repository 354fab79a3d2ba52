import type { Deliberation } from './deliberation.js';
import type { IdleList } from './idlelist.js';
import type { AssignmentInput } from './messages.js';
import type { Pool } from './sandbox.js';

type Input<K extends AssignmentInput['kind']> = Extract<AssignmentInput, { readonly kind: K }>;

/** Idle sandboxes go: for room on a worker, because memory is short, or because nobody used them for long. */
export class Departures {
  readonly #deliberation: Deliberation;

  constructor(deliberation: Deliberation) {
    this.#deliberation = deliberation;
  }

  evict({ workerId, memoryMib }: Input<'memory-pressure'>): void {
    const worker = this.#deliberation.roster.workers.get(workerId);
    if (worker === undefined) return;
    // What is already going counts: pressure is reported again and again until it is gone.
    if (worker.stoppingMib >= memoryMib) return;
    for (const sandbox of worker.evictable()) {
      this.#deliberation.stop(sandbox, 'memory-pressure');
      if (worker.stoppingMib >= memoryMib) return;
    }
  }

  letGo({ pool: key, count }: Input<'let-go'>): void {
    const pool = this.#deliberation.roster.pools.get(key);
    if (pool === undefined) return;
    for (let left = count; left > 0; left -= 1) {
      const sandbox = pool.idleRaw.oldest ?? pool.idle.oldest;
      if (sandbox === null) return;
      this.#deliberation.stop(sandbox, 'memory-pressure');
    }
  }

  ofIdleness(pool: Pool): void {
    this.#endIdle(pool, pool.idle);
    this.#endIdle(pool, pool.idleRaw);
  }

  #endIdle(pool: Pool, { oldest }: IdleList): void {
    const { roster, nowMs } = this.#deliberation;
    const keepMs = this.#deliberation.keepMs(pool);
    let sandbox = oldest;
    while (sandbox !== null && nowMs - sandbox.stateMs >= keepMs) {
      const { idleAfter } = sandbox;
      this.#deliberation.stop(sandbox, 'idle');
      sandbox = idleAfter;
    }
    if (sandbox !== null) roster.wake(pool, sandbox.stateMs + keepMs);
  }
}
