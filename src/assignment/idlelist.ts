import type { Sandbox } from './sandbox.js';

/**
 * Idle sandboxes in the order in which they became idle, linked through the sandboxes themselves: joining, leaving from
 * anywhere, the oldest and the newest are all one step, and nothing is allocated on the warm path.
 */
export class IdleList {
  readonly #before: 'poolBefore' | 'workerBefore';
  readonly #after: 'poolAfter' | 'workerAfter';
  oldest: Sandbox | null = null;
  newest: Sandbox | null = null;

  /** `owner` says which pair of links this list uses. */
  constructor(owner: 'pool' | 'worker') {
    this.#before = owner === 'pool' ? 'poolBefore' : 'workerBefore';
    this.#after = owner === 'pool' ? 'poolAfter' : 'workerAfter';
  }

  add(sandbox: Sandbox): void {
    sandbox[this.#before] = this.newest;
    sandbox[this.#after] = null;
    if (this.newest === null) this.oldest = sandbox;
    else this.newest[this.#after] = sandbox;
    this.newest = sandbox;
  }

  /** The one that became idle after this one. */
  after(sandbox: Sandbox): Sandbox | null {
    return sandbox[this.#after];
  }

  remove(sandbox: Sandbox): void {
    const before = sandbox[this.#before];
    const after = sandbox[this.#after];
    if (before === null) this.oldest = after;
    else before[this.#after] = after;
    if (after === null) this.newest = before;
    else after[this.#before] = before;
    sandbox[this.#before] = null;
    sandbox[this.#after] = null;
  }
}
