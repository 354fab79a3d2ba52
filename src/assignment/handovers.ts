import type { Ahead } from './ahead.js';
import type { Deliberation } from './deliberation.js';
import { Alarm, DueList } from './duelist.js';
import type { AssignmentInput } from './messages.js';
import { handoverMax, handoverMsMax } from './options.js';
import type { Handover, Pool } from './sandbox.js';

/** Makes one version's sandboxes ready before it takes over from another. Every handover is answered, and soon. */
export class Handovers {
  readonly #deliberation: Deliberation;
  readonly #ahead: Ahead;
  readonly #ends = new DueList<Handover>();

  constructor(deliberation: Deliberation, ahead: Ahead) {
    this.#deliberation = deliberation;
    this.#ahead = ahead;
  }

  begin({ from, to: key, memoryMib }: Extract<AssignmentInput, { readonly kind: 'handover' }>): void {
    const { roster, effects, nowMs } = this.#deliberation;
    const old = roster.pools.get(from);
    const known = roster.pools.get(key);
    if (known?.handover?.from.has(from)) return;
    const peak = old === undefined ? 0 : old.peak.largest(old.busy + old.pressing, nowMs);
    const count = Math.min(peak, handoverMax);
    const isHopeless = known !== undefined && (known.superseded !== null || known.aheadBlocked);
    if (count === 0 || isHopeless) {
      effects.push({ kind: 'handed-over', from, to: key });
      return;
    }
    const to = known ?? roster.poolOf(key, memoryMib);
    if (to.memoryMib === 0) to.memoryMib = memoryMib;
    if (to.handover === null) {
      to.handover = new OpenHandover(to);
      this.#ends.set(to.handover.end, nowMs + handoverMsMax);
    }
    to.handover.from.add(from);
    to.handover.count = Math.max(to.handover.count, count);
    this.#ahead.total(to, 'deploy', to.handover.count);
    this.look(to);
  }

  /** Something has become of the pool's sandboxes: ends its handover when they are ready, or cannot be had. */
  look(pool: Pool): void {
    const { handover } = pool;
    if (handover === null) return;
    const isReady = pool.alive - pool.startingAll >= handover.count;
    const isStuck = pool.startingAll === 0 && this.#ahead.missing(pool, 'deploy') === 0;
    if (isReady || isStuck || pool.superseded !== null) this.#finish(handover);
  }

  /** Ends those that have taken too long. */
  tick(): void {
    for (;;) {
      const handover = this.#ends.takeDue(this.#deliberation.nowMs);
      if (handover === null) return;
      this.#finish(handover);
    }
  }

  #finish(handover: Handover): void {
    const { to, from } = handover;
    this.#ends.clear(handover.end);
    to.handover = null;
    // What is not there by now is started when it is asked for.
    this.#ahead.drop(to, 'deploy');
    for (const pool of from) this.#deliberation.effects.push({ kind: 'handed-over', from: pool, to: to.key });
    this.#deliberation.dropIfEmpty(to);
  }
}

class OpenHandover implements Handover {
  readonly to: Pool;
  readonly from = new Set<Handover['to']['key']>();
  count = 0;
  readonly end: Alarm<Handover> = new Alarm<Handover>(this);

  constructor(to: Pool) {
    this.to = to;
  }
}
