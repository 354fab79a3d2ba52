import { limits } from '../kernel/limits.js';
import type { Ahead } from './ahead.js';
import type { Deliberation } from './deliberation.js';
import type { WorkerStanding } from './messages.js';
import { handoverMsMax, rotateAheadMs } from './options.js';
import type { Provision } from './provision.js';
import type { AssignedWorker, Pool, Sandbox } from './sandbox.js';

/** Replaces sandboxes before they go: those whose time is nearly over, and those of a worker that is emptied or lost. */
export class Rotation {
  readonly #deliberation: Deliberation;
  readonly #ahead: Ahead;
  readonly #provision: Provision;
  /** Sandboxes that workers are drained of; those that are gone are forgotten with the next tick. */
  readonly #leaving = new Set<Sandbox>();

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
    for (const sandbox of this.#leaving) this.#drain(sandbox);
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

  /** The worker's sandboxes serve until others are ready, but not for long. `renew`: it goes on with new ones. */
  drain(worker: AssignedWorker, renew: boolean): void {
    const { roster, nowMs } = this.#deliberation;
    const byMs = nowMs + handoverMsMax;
    if (!renew) worker.drainedMs = Math.min(worker.drainedMs, byMs);
    const going = new Map<Pool, number>();
    for (const sandbox of worker.sandboxes) {
      const { pool, state, origin, retiring } = sandbox;
      const isNew = renew && state !== 'idle' && state !== 'busy';
      if (isNew || state === 'stopping' || sandbox.drainedMs < Number.POSITIVE_INFINITY) continue;
      this.#leaving.add(sandbox);
      if (origin !== 'provisioned') {
        sandbox.drainedMs = byMs;
        going.set(pool, (going.get(pool) ?? 0) + 1);
        continue;
      }
      sandbox.drainedMs = nowMs + limits.provisionedInitMsMin;
      if (!retiring) roster.retire(sandbox);
      this.#provision.look(pool);
    }
    for (const [pool, count] of going) this.#makeUp(pool, count, this.#staying(pool));
  }

  /** The worker is gone, with so many sandboxes of each pool. */
  lost(gone: ReadonlyMap<Pool, number>): void {
    for (const [pool, count] of gone) this.#makeUp(pool, count, this.#staying(pool));
  }

  standing({ workerId, sandboxes }: AssignedWorker): WorkerStanding {
    let busy = 0;
    let leaving = 0;
    for (const { state, drainedMs } of sandboxes) {
      if (state === 'busy') busy += 1;
      if (drainedMs < Number.POSITIVE_INFINITY) leaving += 1;
    }
    return { workerId, sandboxes: sandboxes.size, busy, leaving };
  }

  #makeUp(pool: Pool, lost: number, left: number): void {
    if (!this.#deliberation.options.replacedAhead) return;
    this.#ahead.more(pool, 'drain', Math.min(lost, this.#peak(pool) - left));
  }

  /** Those that will be there when the others have left. */
  #staying(pool: Pool): number {
    let leaving = 0;
    for (const sandbox of this.#leaving) if (sandbox.pool === pool && sandbox.state !== 'stopping') leaving += 1;
    return pool.alive - leaving + this.#ahead.missing(pool, 'drain');
  }

  #replace(sandbox: Sandbox): void {
    const { roster, nowMs } = this.#deliberation;
    const { pool, state, retiring } = sandbox;
    const stays = (state === 'idle' || state === 'busy') && sandbox.drainedMs === Number.POSITIVE_INFINITY;
    if (stays && !retiring && pool.superseded === null && this.#isNeeded(sandbox)) {
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

  /** One goes when what shall replace it is there, or cannot be had. */
  #drain(sandbox: Sandbox): void {
    const { roster, nowMs } = this.#deliberation;
    if (sandbox.state === 'stopping' || roster.sandboxes.get(sandbox.sandboxId) !== sandbox) {
      this.#leaving.delete(sandbox);
      return;
    }
    if (nowMs < sandbox.drainedMs && this.#isAwaited(sandbox)) return;
    sandbox.drainedMs = Math.min(sandbox.drainedMs, nowMs);
    if (sandbox.state === 'idle') this.#deliberation.stop(sandbox, 'drain');
  }

  #isAwaited({ pool, origin, retiring }: Sandbox): boolean {
    if (origin === 'provisioned') return retiring;
    return this.#ahead.missing(pool, 'drain') > 0 || pool.startingAll > pool.pressing;
  }

  #peak(pool: Pool): number {
    return pool.peak.largest(pool.busy + pool.pressing, this.#deliberation.nowMs);
  }
}

/** Short lives, as in tests, keep three quarters to themselves. */
function aheadMs({ createdMs, expiresMs }: Sandbox): number {
  return Math.min(rotateAheadMs, (expiresMs - createdMs) / 4);
}
