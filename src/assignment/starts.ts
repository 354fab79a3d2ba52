import type { WorkerId } from '../kernel/ids.js';
import type { Ahead } from './ahead.js';
import type { Deliberation } from './deliberation.js';
import type { Handovers } from './handovers.js';
import type { AssignmentInput } from './messages.js';
import type { Provision } from './provision.js';
import { createdEntry } from './roster.js';
import type { Rotation } from './rotation.js';
import type { Pool, Sandbox } from './sandbox.js';
import { ScalingRate } from './scalingrate.js';

/** The way of a new sandbox from the wish for it to the order to start it, and what follows from its end. */
export class Starts {
  readonly #deliberation: Deliberation;
  readonly #ahead: Ahead;
  readonly #provision: Provision;
  readonly #rotation: Rotation;
  readonly #handovers: Handovers;
  readonly #rate: ScalingRate;
  /** Created, but not yet durable; ascending by sequence. */
  #journaling: Sandbox[] = [];

  constructor(
    deliberation: Deliberation,
    ahead: Ahead,
    provision: Provision,
    rotation: Rotation,
    handovers: Handovers,
  ) {
    const { scalingEnvironmentsMax, scalingPeriodMs } = deliberation.options;
    this.#deliberation = deliberation;
    this.#ahead = ahead;
    this.#provision = provision;
    this.#rotation = rotation;
    this.#handovers = handovers;
    this.#rate = new ScalingRate(scalingEnvironmentsMax, scalingPeriodMs);
  }

  /** Asks for as many sandboxes as the pool wants and the bounds on starts allow. */
  feed(pool: Pool): void {
    const { roster, options, hungry, nowMs } = this.#deliberation;
    while (pool.wanted > 0 && roster.starting < options.startingMax) {
      if (!this.#rate.take(pool.functionKey, nowMs)) {
        this.#refuseExcess(pool);
        break;
      }
      this.#deliberation.create(pool, 'demand');
    }
    if (pool.isHungry) hungry.add(pool);
    else hungry.delete(pool);
  }

  feedAll(): void {
    const { roster, options, hungry } = this.#deliberation;
    for (const pool of hungry) {
      if (roster.starting >= options.startingMax) return;
      this.feed(pool);
    }
  }

  placed({ sandboxId, workerId }: Extract<AssignmentInput, { readonly kind: 'placed' }>): void {
    const { roster, journal, hungry } = this.#deliberation;
    const sandbox = roster.sandboxes.get(sandboxId);
    if (sandbox?.state !== 'placing') return;
    roster.settle(sandbox, workerId);
    this.#rotation.follow(sandbox);
    this.#deliberation.enter(sandbox, 'journaling');
    this.#journaling.push(sandbox);
    sandbox.sequence = journal.add(createdEntry(sandbox));
    sandbox.pool.refused = false;
    if (hungry.has(sandbox.pool)) this.feed(sandbox.pool);
  }

  /** What somebody waits for is tried again when a sandbox goes or becomes idle, and with every tick. */
  placementRefused({ sandboxId }: Extract<AssignmentInput, { readonly kind: 'placement-refused' }>): void {
    const { roster, hungry } = this.#deliberation;
    const sandbox = roster.sandboxes.get(sandboxId);
    if (sandbox?.state !== 'placing') return;
    roster.remove(sandbox);
    const { pool, origin } = sandbox;
    if (origin === 'demand') {
      this.#rate.give(pool.functionKey);
      pool.refused = true;
      // To the end of the line: other pools may want smaller sandboxes.
      hungry.delete(pool);
      if (pool.isHungry) hungry.add(pool);
    } else if (origin === 'provisioned') this.#provision.refused(pool);
    else {
      this.#ahead.drop(pool);
      // Somebody may have counted on it meanwhile; for him, others make room.
      this.feed(pool);
    }
    this.#handovers.look(pool);
    this.#deliberation.dropIfEmpty(pool);
  }

  persisted(sequence: number): void {
    const { effects, journal } = this.#deliberation;
    let done = 0;
    for (const sandbox of this.#journaling) {
      if (sandbox.sequence > sequence) break;
      done += 1;
      if (sandbox.state !== 'journaling') continue;
      const { sandboxId, worker, pool, memoryMib, origin } = sandbox;
      this.#deliberation.enter(sandbox, 'starting');
      effects.push({ kind: 'start', sandboxId, workerId: worker!.workerId, pool: pool.key, memoryMib, origin });
    }
    if (done > 0) this.#journaling.splice(0, done);
    const trimmable = journal.trimmable(sequence);
    if (trimmable !== null) effects.push({ kind: 'trim', sequence: trimmable });
  }

  gone(sandbox: Sandbox): void {
    const { roster, journal, options } = this.#deliberation;
    const { pool, origin } = sandbox;
    const failedStart = sandbox.state === 'starting';
    if (origin === 'provisioned' && sandbox.state === 'idle') this.#provision.lost(sandbox);
    if (sandbox.sequence > 0) journal.add({ kind: 'sandbox-gone', sandboxId: sandbox.sandboxId });
    roster.remove(sandbox);
    if (failedStart) {
      if (origin === 'provisioned') this.#provision.failed(pool);
      else if (origin !== 'demand') this.block(pool);
      pool.startFailures += 1;
      const waiter = pool.startFailures < options.startFailuresMax ? undefined : pool.takeFirst();
      if (waiter !== undefined) this.#deliberation.refuse(waiter, 'start-failed');
    }
    this.#provision.look(pool);
    this.#provision.retry();
    this.feed(pool);
    this.feedAll();
    this.#handovers.look(pool);
    this.#deliberation.dropIfEmpty(pool);
  }

  /** No more of it ahead, until an init succeeds. */
  block(pool: Pool): void {
    pool.aheadBlocked = true;
    this.#ahead.drop(pool);
  }

  workerLost(workerId: WorkerId): void {
    const { roster, journal, hungry } = this.#deliberation;
    const worker = roster.workers.get(workerId);
    if (worker === undefined) return;
    roster.workers.delete(workerId);
    const lost = new Map<Pool, number>();
    for (const sandbox of worker.sandboxes) {
      const { pool } = sandbox;
      if (sandbox.sequence > 0) journal.add({ kind: 'sandbox-gone', sandboxId: sandbox.sandboxId });
      roster.remove(sandbox);
      lost.set(pool, (lost.get(pool) ?? 0) + (sandbox.origin === 'provisioned' ? 0 : 1));
      this.#provision.look(pool);
      if (pool.isHungry) hungry.add(pool);
    }
    this.feedAll();
    this.#rotation.lost(lost);
    for (const pool of lost.keys()) {
      this.#handovers.look(pool);
      this.#deliberation.dropIfEmpty(pool);
    }
  }

  /** The function grows too fast: those who came last are not served. */
  #refuseExcess(pool: Pool): void {
    while (pool.isHungry) {
      const waiter = pool.takeLastPressing();
      if (waiter === undefined) return;
      this.#deliberation.refuse(waiter, 'scaling-rate');
    }
  }
}
