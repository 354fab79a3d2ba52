import { handoverMsMax } from '../assignment/options.js';
import type { PoolKey } from '../kernel/ids.js';
import { secondMs } from '../kernel/units.js';
import type { ControlPlane } from './controlplane.js';
import type { SimFunction } from './scenario.js';
import { Violation } from './violation.js';
import type { World } from './world.js';

/** The assignment machine's clock ticks once a second. */
const tickMs = secondMs;

interface Succession {
  readonly to: PoolKey;
  readonly byMs: number;
  readonly succeed: () => void;
}

/** Those who want sandboxes ahead of invocations: provisioned concurrency, updates under way, a forecast, an operator. */
export class Planner {
  readonly #world: World;
  readonly #functions: readonly SimFunction[];
  /** By the pool that is replaced. */
  readonly #successions = new Map<PoolKey, Succession>();

  constructor(world: World, functions: readonly SimFunction[]) {
    this.#world = world;
    this.#functions = functions;
  }

  /** Somebody asks for something. */
  plan(plane: ControlPlane): void {
    const { random, schedule } = this.#world;
    const { nowMs } = schedule;
    const fn = random.pick(this.#functions);
    if (!fn.exists) return;
    const { pool, memoryMib } = fn;
    const kind = random.pick(['provision', 'provision', 'warm', 'keep', 'let-go', 'drain'] as const);
    if (kind === 'provision') {
      fn.provisioned = random.between(0, 3);
      this.#provision(plane, fn);
    } else if (kind === 'warm') {
      plane.assignment({ kind, nowMs, pool, memoryMib, count: random.between(1, 5), trigger: 'forecast' });
    } else if (kind === 'keep') {
      plane.assignment({ kind, nowMs, pool, idleMsMax: random.pick([null, 0, secondMs, 30 * secondMs]) });
    } else if (kind === 'let-go') {
      plane.assignment({ kind, nowMs, pool, count: random.between(1, 3) });
    } else if (this.#world.workers.size > 0) {
      plane.drain(random.pick([...this.#world.workers.keys()]), this.#world.workers.size === 1);
    }
  }

  isSucceeding(pool: PoolKey): boolean {
    return this.#successions.has(pool);
  }

  /** `succeed` is called when `to` can take over from `from`. */
  handover(plane: ControlPlane, from: PoolKey, to: PoolKey, memoryMib: number, succeed: () => void): void {
    const { nowMs } = this.#world.schedule;
    this.#successions.set(from, { to, byMs: nowMs + handoverMsMax + tickMs, succeed });
    plane.assignment({ kind: 'handover', nowMs, from, to, memoryMib });
  }

  handedOver(from: PoolKey, to: PoolKey): void {
    const succession = this.#successions.get(from);
    if (succession?.to !== to) throw new Violation(`${from} is handed over to ${to}, which nobody asked for`);
    this.#successions.delete(from);
    if (this.#world.schedule.nowMs > succession.byMs) throw new Violation(`${from} is handed over late`);
    succession.succeed();
  }

  /** The control plane is gone, and with it what was handed over: updates are over, as after a restart of configuration. */
  forget(): void {
    const open = [...this.#successions.values()];
    this.#successions.clear();
    for (const { succeed } of open) succeed();
  }

  /** A new control plane learns from configuration what shall be provisioned. */
  begin(plane: ControlPlane): void {
    for (const fn of this.#functions) if (fn.exists) this.#provision(plane, fn);
  }

  /** The function has a new pool. */
  succeeded(plane: ControlPlane, fn: SimFunction): void {
    if (fn.provisioned > 0) this.#provision(plane, fn);
  }

  /** From now on nobody wants anything. */
  settle(plane: ControlPlane | null): void {
    for (const fn of this.#functions) fn.provisioned = 0;
    if (plane !== null) this.begin(plane);
  }

  /** Called often: a handover that is never answered would keep an update from ending. */
  check(nowMs: number): void {
    for (const [from, { byMs }] of this.#successions) {
      if (nowMs > byMs) throw new Violation(`the handover of ${from} is not answered`);
      return;
    }
  }

  #provision(plane: ControlPlane, { pool, memoryMib, provisioned: count }: SimFunction): void {
    plane.assignment({ kind: 'provision', nowMs: this.#world.schedule.nowMs, pool, memoryMib, count });
  }
}
