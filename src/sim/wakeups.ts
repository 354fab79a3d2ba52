import type { AssignmentEffect, AssignmentInput } from '../assignment/messages.js';
import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import { secondMs } from '../kernel/units.js';
import { Violation } from './violation.js';

/** Whoever has waited this long is past all patience with busy sandboxes, and takes an idle one. */
const waitMsMax = secondMs;

interface Waiting {
  readonly pool: PoolKey;
  readonly sinceMs: number;
}

interface Known {
  readonly pool: PoolKey;
  /** `way`: asked for, not ready. */
  state: 'way' | 'free' | 'taken' | 'stopping';
  started: boolean;
  workerId: WorkerId | null;
  epoch: number;
}

/**
 * Holds assignment to what it was told: one sandbox for each invocation, no more started than wait, and nobody waits while a
 * sandbox of his pool is free. What only workers' reports repair is not judged.
 */
export class WakeUps {
  /** Who asked first is first. */
  readonly #waiting = new Map<RequestId, Waiting>();
  readonly #sandboxes = new Map<SandboxId, Known>();
  readonly #free = new Map<PoolKey, number>();
  readonly #onTheWay = new Map<PoolKey, number>();
  readonly #waiters = new Map<PoolKey, number>();
  /** Pools that had provisioned sandboxes: those are started whoever waits. */
  readonly #provisioned = new Set<PoolKey>();

  /** Another control plane begins: what this one knew is lost. */
  forget(): void {
    for (const map of [this.#waiting, this.#sandboxes, this.#free, this.#onTheWay, this.#waiters]) map.clear();
    this.#provisioned.clear();
  }

  /** What assignment was told, and what it made of it. */
  observe(input: AssignmentInput, effects: readonly AssignmentEffect[]): void {
    this.#hear(input);
    for (const effect of effects) this.#judge(effect);
    if (input.kind === 'tick') this.#look(input.nowMs);
  }

  #hear(input: AssignmentInput): void {
    switch (input.kind) {
      case 'acquire':
        this.#waiting.set(input.requestId, { pool: input.pool, sinceMs: input.nowMs });
        add(this.#waiters, input.pool, 1);
        return;
      case 'provision':
        if (input.count > 0) this.#provisioned.add(input.pool);
        return;
      case 'placed': {
        const known = this.#sandboxes.get(input.sandboxId);
        if (known !== undefined) known.workerId = input.workerId;
        return;
      }
      case 'sandbox-ready':
        this.#ready(input.sandboxId);
        return;
      case 'released': {
        const known = this.#sandboxes.get(input.sandboxId);
        if (known?.state === 'taken' && known.epoch === input.epoch) this.#enter(known, 'free');
        return;
      }
      case 'sandbox-gone':
      case 'placement-refused':
        this.#drop(input.sandboxId);
        return;
      case 'worker-lost':
        for (const [id, { workerId }] of this.#sandboxes) if (workerId === input.workerId) this.#drop(id);
        return;
      case 'worker-report':
        for (const { sandboxId, state } of input.sandboxes) {
          if (state === 'idle' && this.#sandboxes.get(sandboxId)?.workerId === input.workerId) this.#ready(sandboxId);
        }
    }
  }

  #judge(effect: AssignmentEffect): void {
    switch (effect.kind) {
      case 'grant':
        this.#granted(effect);
        return;
      case 'refuse':
        this.#answered(effect.requestId);
        return;
      case 'place':
        this.#placing(effect);
        return;
      case 'start': {
        const known = this.#sandboxes.get(effect.sandboxId);
        if (known !== undefined) known.started = true;
        return;
      }
      case 'stop': {
        const known = this.#sandboxes.get(effect.sandboxId);
        if (known !== undefined) this.#enter(known, 'stopping');
        return;
      }
      case 'forget':
        this.#drop(effect.sandboxId);
    }
  }

  #granted({ requestId, sandboxId, epoch }: Extract<AssignmentEffect, { readonly kind: 'grant' }>): void {
    const waiting = this.#answered(requestId);
    if (waiting === null) throw new Violation(`${sandboxId} granted to ${requestId}, which waits for none`);
    let known = this.#sandboxes.get(sandboxId);
    if (known === undefined) {
      // Of an earlier control plane.
      known = { pool: waiting.pool, state: 'taken', started: true, workerId: null, epoch };
      this.#sandboxes.set(sandboxId, known);
    } else this.#enter(known, 'taken');
    known.epoch = epoch;
  }

  #placing({ sandboxId, pool, ahead }: Extract<AssignmentEffect, { readonly kind: 'place' }>): void {
    const onTheWay = add(this.#onTheWay, pool, 1);
    const waiters = this.#waiters.get(pool) ?? 0;
    if (!ahead && onTheWay > waiters && !this.#provisioned.has(pool)) {
      throw new Violation(`${onTheWay} sandboxes of ${pool} are started for ${waiters} invocations that wait`);
    }
    this.#sandboxes.set(sandboxId, { pool, state: 'way', started: false, workerId: null, epoch: 0 });
  }

  #answered(requestId: RequestId): Waiting | null {
    const waiting = this.#waiting.get(requestId);
    if (waiting === undefined) return null;
    this.#waiting.delete(requestId);
    add(this.#waiters, waiting.pool, -1);
    return waiting;
  }

  #look(nowMs: number): void {
    for (const [requestId, { pool, sinceMs }] of this.#waiting) {
      if (nowMs - sinceMs < waitMsMax) return;
      if (this.#free.has(pool))
        throw new Violation(`lost wake-up: ${requestId} waits, and a sandbox of ${pool} is free`);
    }
  }

  #ready(sandboxId: SandboxId): void {
    const known = this.#sandboxes.get(sandboxId);
    if (known?.state === 'way' && known.started) this.#enter(known, 'free');
  }

  #drop(sandboxId: SandboxId): void {
    const known = this.#sandboxes.get(sandboxId);
    if (known === undefined) return;
    this.#enter(known, 'stopping');
    this.#sandboxes.delete(sandboxId);
  }

  #enter(known: Known, state: Known['state']): void {
    if (known.state === 'way') add(this.#onTheWay, known.pool, -1);
    else if (known.state === 'free') add(this.#free, known.pool, -1);
    known.state = state;
    if (state === 'free') add(this.#free, known.pool, 1);
  }
}

/** Pools without any are not kept. Returns the new number. */
function add(counts: Map<PoolKey, number>, pool: PoolKey, change: 1 | -1): number {
  const count = (counts.get(pool) ?? 0) + change;
  if (count === 0) counts.delete(pool);
  else counts.set(pool, count);
  return count;
}
