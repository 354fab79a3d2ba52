import { assert } from '../kernel/assert.js';
import type { PoolKey, SandboxId, WorkerId } from '../kernel/ids.js';
import type { StartOrigin } from '../wire/start.js';
import { DueList } from './duelist.js';
import type { AssignmentEntry } from './messages.js';
import { AssignedWorker, Pool, Sandbox, type SandboxState } from './sandbox.js';

/** Pools that are kept differently than configured, most: twice the functions of a large installation. */
const keepsMax = 20_000;

/** Every sandbox, pool and worker that assignment knows, and the sums over them; decides nothing. */
export class Roster {
  readonly sandboxes = new Map<SandboxId, Sandbox>();
  readonly pools = new Map<PoolKey, Pool>();
  readonly workers = new Map<WorkerId, AssignedWorker>();
  /** Pools by when to look after them next, sandboxes by when to look after their age. */
  readonly poolsDue = new DueList<Pool>();
  readonly ageing = new DueList<Sandbox>();
  /** Sandboxes on their way to their first idle moment. */
  starting = 0;
  /** Those of them that are provisioned, and the others that nobody waited for when they were asked for. */
  startingProvisioned = 0;
  startingAhead = 0;
  /** Leaders that this journal has seen. */
  term = 0;
  #idleOrder = 0;
  /** How long idle ones of a pool are kept, also while none are there; who was set longest ago first. */
  readonly #keeps = new Map<PoolKey, number>();
  readonly #lifetimeMs: number;
  readonly #lifetimeSpread: number;

  constructor(lifetimeMs: number, lifetimeSpread: number) {
    this.#lifetimeMs = lifetimeMs;
    this.#lifetimeSpread = lifetimeSpread;
  }

  poolOf(key: PoolKey, memoryMib: number): Pool {
    let pool = this.pools.get(key);
    if (pool === undefined) {
      pool = new Pool(key, memoryMib);
      pool.idleMsMax = this.#keeps.get(key) ?? null;
      this.pools.set(key, pool);
    } else if (pool.memoryMib === 0) pool.memoryMib = memoryMib;
    return pool;
  }

  drop(pool: Pool): void {
    this.pools.delete(pool.key);
    this.poolsDue.clear(pool.alarm);
    if (pool.superseded !== null) this.#keeps.delete(pool.key);
  }

  /** Idle ones of the pool are kept so long; null: as configured. */
  keep(key: PoolKey, idleMsMax: number | null): void {
    const pool = this.pools.get(key);
    if (pool !== undefined) pool.idleMsMax = idleMsMax;
    this.#keeps.delete(key);
    if (idleMsMax === null) return;
    this.#keeps.set(key, idleMsMax);
    if (this.#keeps.size <= keepsMax) return;
    for (const oldest of this.#keeps.keys()) {
      this.#keeps.delete(oldest);
      return;
    }
  }

  /** Looks after the pool at this time, or before. */
  wake(pool: Pool, dueMs: number): void {
    if (dueMs < pool.alarm.dueMs) this.poolsDue.set(pool.alarm, dueMs);
  }

  /** When to look after its age is for the caller to say. */
  enroll(
    sandboxId: SandboxId,
    pool: Pool,
    createdMs: number,
    state: 'placing' | 'recovering',
    origin: StartOrigin = 'demand',
  ): Sandbox {
    assert(!this.sandboxes.has(sandboxId), 'a sandbox id is used once');
    const expiresMs = createdMs + this.#lifetimeMs * (1 - this.#lifetimeSpread * fractionOf(sandboxId));
    const sandbox = new Sandbox(sandboxId, pool, { createdMs, expiresMs }, state, origin);
    pool.sandboxes += 1;
    this.#join(sandbox);
    this.sandboxes.set(sandboxId, sandbox);
    return sandbox;
  }

  settle(sandbox: Sandbox, workerId: WorkerId): void {
    let worker = this.workers.get(workerId);
    if (worker === undefined) {
      worker = new AssignedWorker(workerId);
      this.workers.set(workerId, worker);
    }
    worker.sandboxes.add(sandbox);
    sandbox.worker = worker;
  }

  /** Every change of state goes through here: lists and sums follow it. */
  enter(sandbox: Sandbox, state: SandboxState, nowMs: number): void {
    this.#leave(sandbox);
    if (state === 'stopping') this.#endAgeing(sandbox);
    sandbox.state = state;
    sandbox.stateMs = nowMs;
    this.#join(sandbox);
  }

  /** A replacement was asked for. */
  retire(sandbox: Sandbox): void {
    this.#leave(sandbox);
    sandbox.retiring = true;
    sandbox.pool.retiring.push(sandbox);
    this.#join(sandbox);
  }

  remove(sandbox: Sandbox): void {
    this.#leave(sandbox);
    this.#endAgeing(sandbox);
    sandbox.pool.sandboxes -= 1;
    sandbox.worker?.sandboxes.delete(sandbox);
    this.sandboxes.delete(sandbox.sandboxId);
  }

  /** Rebuilds existence from the journal; every sandbox is `recovering`. */
  replay(entries: readonly AssignmentEntry[], nowMs: number): void {
    for (const entry of entries) {
      // Any sequence but 0 means durable.
      switch (entry.kind) {
        case 'checkpoint':
          this.clear();
          this.term = entry.term;
          break;
        case 'sandbox-created': {
          const pool = this.poolOf(entry.pool, entry.memoryMib);
          const sandbox = this.enroll(entry.sandboxId, pool, entry.createdMs, 'recovering', entry.origin);
          sandbox.stateMs = nowMs;
          sandbox.sequence = 1;
          this.settle(sandbox, entry.workerId);
          break;
        }
        case 'sandbox-gone': {
          const sandbox = this.sandboxes.get(entry.sandboxId);
          if (sandbox === undefined) break;
          this.remove(sandbox);
          if (sandbox.pool.isEmpty) this.drop(sandbox.pool);
          break;
        }
        case 'pool-superseded': {
          const pool = this.pools.get(entry.pool);
          if (pool === undefined) break;
          pool.superseded = 'superseded';
          pool.supersededMs = nowMs;
        }
      }
    }
  }

  /** All that exists durably, as entries that `replay` understands. */
  checkpoint(): AssignmentEntry[] {
    const entries: AssignmentEntry[] = [{ kind: 'checkpoint', term: this.term }];
    for (const sandbox of this.sandboxes.values()) if (sandbox.sequence > 0) entries.push(createdEntry(sandbox));
    for (const pool of this.pools.values()) {
      if (pool.superseded !== null && pool.sandboxes > 0) entries.push({ kind: 'pool-superseded', pool: pool.key });
    }
    return entries;
  }

  clear(): void {
    for (const sandbox of this.sandboxes.values()) this.ageing.clear(sandbox.ageing);
    for (const pool of this.pools.values()) this.poolsDue.clear(pool.alarm);
    this.sandboxes.clear();
    this.pools.clear();
    this.workers.clear();
    this.starting = 0;
    this.startingProvisioned = 0;
    this.startingAhead = 0;
  }

  #join(sandbox: Sandbox): void {
    const { pool, worker } = sandbox;
    if (sandbox.origin === 'provisioned') this.#countProvisioned(sandbox, 1);
    switch (sandbox.state) {
      case 'idle':
        sandbox.idleIn = idleListOf(sandbox);
        sandbox.idleIn.add(sandbox);
        this.#idleOrder += 1;
        sandbox.idleOrder = this.#idleOrder;
        return;
      case 'busy':
        pool.busy += 1;
        return;
      case 'stopping':
        pool.stopping += 1;
        worker!.stoppingMib += sandbox.memoryMib;
        return;
      case 'recovering':
        return;
      default:
        this.#countStarting(sandbox, 1);
    }
  }

  #leave(sandbox: Sandbox): void {
    const { pool, worker } = sandbox;
    if (sandbox.origin === 'provisioned') this.#countProvisioned(sandbox, -1);
    switch (sandbox.state) {
      case 'idle':
        sandbox.idleIn!.remove(sandbox);
        sandbox.idleIn = null;
        return;
      case 'busy':
        pool.busy -= 1;
        return;
      case 'stopping':
        pool.stopping -= 1;
        worker!.stoppingMib -= sandbox.memoryMib;
        return;
      case 'recovering':
        return;
      default:
        this.#countStarting(sandbox, -1);
    }
  }

  #endAgeing(sandbox: Sandbox): void {
    this.ageing.clear(sandbox.ageing);
    if (!sandbox.retiring) return;
    sandbox.retiring = false;
    const { retiring } = sandbox.pool;
    retiring.splice(retiring.indexOf(sandbox), 1);
  }

  #countStarting({ pool, origin }: Sandbox, change: 1 | -1): void {
    this.starting += change;
    if (origin === 'provisioned') {
      pool.startingProvisioned += change;
      this.startingProvisioned += change;
      return;
    }
    pool.starting += change;
    if (origin !== 'demand') this.startingAhead += change;
  }

  #countProvisioned({ pool, state, retiring }: Sandbox, change: 1 | -1): void {
    if (state === 'stopping') return;
    pool.provisioned += change;
    if (state === 'idle' || state === 'busy') pool.provisionedReady += change;
    if (state === 'busy') pool.provisionedBusy += change;
    if (retiring) pool.provisionedRetiring += change;
  }
}

export function createdEntry({ sandboxId, pool, worker, memoryMib, createdMs, origin }: Sandbox): AssignmentEntry {
  assert(worker !== null, 'a created sandbox has a worker');
  const { key } = pool;
  const { workerId } = worker;
  // Each in one piece: spreading one into the other took a tenth of all that a cold start costs here.
  if (origin === 'demand') return { kind: 'sandbox-created', sandboxId, pool: key, workerId, memoryMib, createdMs };
  return { kind: 'sandbox-created', sandboxId, pool: key, workerId, memoryMib, createdMs, origin };
}

function idleListOf({ pool, origin, initialized, epoch }: Sandbox) {
  if (origin === 'provisioned') return pool.idleProvisioned;
  return initialized || epoch > 0 ? pool.idle : pool.idleRaw;
}

/** A fixed number in [0, 1) for each id (FNV-1a): chance without randomness. */
function fractionOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
