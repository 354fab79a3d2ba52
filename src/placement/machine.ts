import type { PoolKey, SandboxId, WorkerId } from '../kernel/ids.js';
import type { PlacementEffect, PlacementInput } from './messages.js';
import { type Ranked, Ranking } from './ranking.js';

type Place = Extract<PlacementInput, { kind: 'place' }>;
type Joined = Extract<PlacementInput, { kind: 'worker-joined' }>;

/** Ranks by how full it is; never first where nothing more may go. */
interface Worker extends Ranked {
  readonly workerId: WorkerId;
  zone: string;
  memoryMib: number;
  sandboxesMax: number;
  /** It is being emptied. */
  draining: boolean;
  usedMib: number;
  sandboxes: number;
  /** Sandboxes of each pool here: spread is by pool. */
  readonly perPool: Map<PoolKey, number>;
}

interface Placed {
  readonly worker: Worker;
  readonly pool: PoolKey;
  readonly memoryMib: number;
}

const nothing: readonly PlacementEffect[] = [];

/**
 * Chooses the worker of a new sandbox: it must fit by memory and count; among those, the one with the fewest sandboxes
 * of the same pool (a worker's death then hurts a function least), then the one least full. Its account is what it
 * placed minus what is `sandbox-gone`; a repeated `place` gets the same answer.
 */
export class PlacementMachine {
  readonly #workers = new Map<WorkerId, Worker>();
  readonly #placed = new Map<SandboxId, Placed>();
  readonly #ranking = new Ranking<Worker>();

  /** Memory in use on a worker, MiB; 0 for an unknown one. */
  usedMib(workerId: WorkerId): number {
    return this.#workers.get(workerId)?.usedMib ?? 0;
  }

  step(input: PlacementInput): readonly PlacementEffect[] {
    switch (input.kind) {
      case 'place':
        return [this.#place(input)];
      case 'sandbox-gone':
        this.#forget(input.sandboxId);
        return nothing;
      case 'worker-joined':
        this.#join(input);
        return nothing;
      case 'worker-lost':
        this.#lose(input.workerId);
        return nothing;
      case 'worker-draining': {
        const worker = this.#workers.get(input.workerId);
        if (worker !== undefined) {
          worker.draining = true;
          this.#rank(worker);
        }
        return nothing;
      }
      case 'sandbox-found': {
        const worker = this.#workers.get(input.workerId);
        if (worker !== undefined && !this.#placed.has(input.sandboxId)) this.#put(worker, input);
        return nothing;
      }
    }
  }

  #place(input: Place): PlacementEffect {
    const { sandboxId } = input;
    const before = this.#placed.get(sandboxId);
    if (before !== undefined) return { kind: 'placed', sandboxId, workerId: before.worker.workerId };
    const worker = this.#choose(input);
    if (worker === null) return { kind: 'refused', sandboxId, pressure: this.#pressure(input.memoryMib) };
    this.#put(worker, input);
    return { kind: 'placed', sandboxId, workerId: worker.workerId };
  }

  #choose({ pool, memoryMib }: Place): Worker | null {
    // Mostly the one least full has none of the pool: there is no better one then.
    const { first } = this.#ranking;
    if (first !== null && canHold(first, memoryMib) && !first.perPool.has(pool)) return first;
    let best: Worker | null = null;
    let bestSame = 0;
    let bestFull = 0;
    for (const worker of this.#workers.values()) {
      if (!canHold(worker, memoryMib)) continue;
      const same = worker.perPool.get(pool) ?? 0;
      const full = fullOf(worker);
      if (best === null || same < bestSame || (same === bestSame && full < bestFull)) {
        best = worker;
        bestSame = same;
        bestFull = full;
      }
    }
    return best;
  }

  /** The worker that lacks least, and how much must go there; null when none could ever hold it. */
  #pressure(memoryMib: number): { readonly workerId: WorkerId; readonly memoryMib: number } | null {
    let best: Worker | null = null;
    let bestLack = 0;
    for (const worker of this.#workers.values()) {
      if (worker.draining || memoryMib > worker.memoryMib || worker.sandboxesMax === 0) continue;
      // At least 1: where only the count is exhausted, any one sandbox has to go.
      const lack = Math.max(1, worker.usedMib + memoryMib - worker.memoryMib);
      if (best === null || lack < bestLack) {
        best = worker;
        bestLack = lack;
      }
    }
    return best && { workerId: best.workerId, memoryMib: bestLack };
  }

  #put(worker: Worker, placed: { sandboxId: SandboxId; pool: PoolKey; memoryMib: number }): void {
    const { sandboxId, pool, memoryMib } = placed;
    const entry = { worker, pool, memoryMib };
    this.#placed.set(sandboxId, entry);
    worker.sandboxes += 1;
    worker.usedMib += memoryMib;
    worker.perPool.set(pool, (worker.perPool.get(pool) ?? 0) + 1);
    this.#rank(worker);
  }

  #forget(sandboxId: SandboxId): void {
    const placed = this.#placed.get(sandboxId);
    if (placed === undefined) return;
    const { worker, pool, memoryMib } = placed;
    this.#placed.delete(sandboxId);
    worker.sandboxes -= 1;
    worker.usedMib -= memoryMib;
    const same = (worker.perPool.get(pool) ?? 1) - 1;
    if (same === 0) worker.perPool.delete(pool);
    else worker.perPool.set(pool, same);
    this.#rank(worker);
  }

  /** A worker that joins again keeps its sandboxes, may have changed its size, and is not emptied any more. */
  #join({ workerId, zone, memoryMib, sandboxesMax }: Joined): void {
    const known = this.#workers.get(workerId);
    if (known !== undefined) {
      Object.assign(known, { zone, memoryMib, sandboxesMax, draining: false });
      this.#rank(known);
      return;
    }
    const worker: Worker = {
      workerId,
      zone,
      memoryMib,
      sandboxesMax,
      draining: false,
      usedMib: 0,
      sandboxes: 0,
      perPool: new Map(),
      rank: 0,
      leaf: -1,
    };
    this.#workers.set(workerId, worker);
    this.#ranking.join(worker);
    this.#rank(worker);
  }

  #rank(worker: Worker): void {
    worker.rank = canHold(worker, 0) ? fullOf(worker) : Number.POSITIVE_INFINITY;
    this.#ranking.moved(worker);
  }

  #lose(workerId: WorkerId): void {
    const worker = this.#workers.get(workerId);
    if (worker === undefined) return;
    for (const [sandboxId, placed] of this.#placed) if (placed.worker === worker) this.#placed.delete(sandboxId);
    this.#workers.delete(workerId);
    this.#ranking.leave(worker);
  }
}

function canHold({ draining, usedMib, memoryMib, sandboxes, sandboxesMax }: Worker, moreMib: number): boolean {
  return !draining && usedMib + moreMib <= memoryMib && sandboxes < sandboxesMax;
}

function fullOf({ usedMib, memoryMib }: Worker): number {
  return memoryMib > 0 ? usedMib / memoryMib : 1;
}
