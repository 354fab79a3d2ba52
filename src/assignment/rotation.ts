import type { Ahead } from './ahead.js';
import type { Deliberation } from './deliberation.js';
import { handoverMsMax, rotateAheadMs } from './options.js';
import type { Provision } from './provision.js';
import type { AssignedWorker, Pool, Sandbox } from './sandbox.js';

/** Replaces sandboxes before they go: those whose time is nearly over, and those of a worker that is emptied or lost. */
export class Rotation {
  readonly #deliberation: Deliberation;
  readonly #ahead: Ahead;
  readonly #provision: Provision;
  readonly #draining = new Set<AssignedWorker>();

  constructor(deliberation: Deliberation, ahead: Ahead, provision: Provision) {
    this.#deliberation = deliberation;
    this.#ahead = ahead;
    this.#provision = provision;
  }

  /** From now on its age is watched. */
  follow(sandbox: Sandbox): void {
    this.#deliberation.roster.ageing.set(sandbox.ageing, sandbox.expiresMs - aheadMs(sandbox));
  }

  tick(): void {
    const { roster, nowMs } = this.#deliberation;
    for (;;) {
      const sandbox = roster.ageing.takeDue(nowMs);
      if (sandbox === null) break;
      if (nowMs < sandbox.expiresMs) this.#replace(sandbox);
      // A busy one goes when it is released.
      else if (sandbox.state === 'idle') this.#deliberation.stop(sandbox, 'lifetime');
    }
    for (const worker of this.#draining) this.#drain(worker);
  }

  /** A new sandbox is ready: one that it was meant to replace goes. */
  replaced({ pool, origin }: Sandbox): void {
    if (pool.retiring.length === 0 || (origin !== 'rotation' && origin !== 'provisioned')) return;
    const { roster, nowMs } = this.#deliberation;
    const isKin = (old: Sandbox) => (old.origin === 'provisioned') === (origin === 'provisioned');
    const old = pool.retiring.find((one) => isKin(one) && nowMs < one.expiresMs);
    if (old === undefined) return;
    roster.ageing.clear(old.ageing);
    old.expiresMs = nowMs;
    if (old.state === 'idle') this.#deliberation.stop(old, 'lifetime');
  }

  /** The worker is emptied: its sandboxes serve until others are ready elsewhere, but not for long. */
  drain(worker: AssignedWorker): void {
    if (this.#draining.has(worker)) return;
    this.#draining.add(worker);
    worker.drainedMs = this.#deliberation.nowMs + handoverMsMax;
    const going = new Map<Pool, number>();
    for (const sandbox of worker.sandboxes) {
      if (sandbox.state === 'stopping') continue;
      const { pool } = sandbox;
      if (sandbox.origin !== 'provisioned') going.set(pool, (going.get(pool) ?? 0) + 1);
      else if (!sandbox.retiring) {
        this.#deliberation.roster.retire(sandbox);
        this.#provision.look(pool);
      }
    }
    for (const [pool, count] of going) this.#makeUp(pool, count, pool.alive - count);
  }

  /** The worker is gone, with so many sandboxes of each pool. */
  lost(worker: AssignedWorker, gone: ReadonlyMap<Pool, number>): void {
    this.#draining.delete(worker);
    for (const [pool, count] of gone) this.#makeUp(pool, count, pool.alive);
  }

  #makeUp(pool: Pool, lost: number, left: number): void {
    if (!this.#deliberation.options.replacedAhead) return;
    this.#ahead.more(pool, 'drain', Math.min(lost, this.#peak(pool) - left));
  }

  #replace(sandbox: Sandbox): void {
    const { roster, nowMs } = this.#deliberation;
    const { pool, state, retiring } = sandbox;
    const canServe = state === 'idle' || state === 'busy';
    if (canServe && !retiring && pool.superseded === null && this.#isNeeded(sandbox)) {
      // The latest, if no replacement becomes ready.
      sandbox.expiresMs += aheadMs(sandbox);
      roster.retire(sandbox);
      if (sandbox.origin === 'provisioned') this.#provision.look(pool);
      else this.#ahead.more(pool, 'rotation', 1);
    }
    roster.ageing.set(sandbox.ageing, Math.max(sandbox.expiresMs, nowMs));
  }

  /** Whether the pool would lack it: lately more were at work than will be left. */
  #isNeeded({ pool, origin }: Sandbox): boolean {
    if (origin === 'provisioned') {
      return pool.provisioned - pool.provisionedRetiring <= (pool.provisionedTarget ?? 0);
    }
    if (!this.#deliberation.options.replacedAhead || pool.aheadBlocked) return false;
    return this.#peak(pool) > pool.alive - pool.retiring.length - 1;
  }

  /** Over when what shall replace its sandboxes is there, or cannot be had. */
  #drain(worker: AssignedWorker): void {
    const { nowMs } = this.#deliberation;
    const isAwaited = ({ pool }: Sandbox) => this.#ahead.missing(pool, 'drain') > 0 || pool.startingAll > pool.pressing;
    if (nowMs < worker.drainedMs && [...worker.sandboxes].some(isAwaited)) return;
    worker.drainedMs = Math.min(worker.drainedMs, nowMs);
    for (const sandbox of [...worker.sandboxes]) {
      if (sandbox.state === 'idle') this.#deliberation.stop(sandbox, 'drain');
    }
  }

  #peak(pool: Pool): number {
    return pool.peak.largest(pool.busy + pool.pressing, this.#deliberation.nowMs);
  }
}

/** Short lives, as in tests, keep three quarters to themselves. */
function aheadMs({ createdMs, expiresMs }: Sandbox): number {
  return Math.min(rotateAheadMs, (expiresMs - createdMs) / 4);
}
