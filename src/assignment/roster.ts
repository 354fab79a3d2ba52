import { assert } from '../kernel/assert.js';
import type { PoolKey, SandboxId, WorkerId } from '../kernel/ids.js';
import type { AssignmentEntry } from './messages.js';
import { AssignedWorker, Pool, type Sandbox, type SandboxState } from './sandbox.js';

/** Every sandbox, pool and worker that assignment knows, and the sums over them; decides nothing. */
export class Roster {
  readonly sandboxes = new Map<SandboxId, Sandbox>();
  readonly pools = new Map<PoolKey, Pool>();
  readonly workers = new Map<WorkerId, AssignedWorker>();
  /** Sandboxes on their way to their first idle moment. */
  starting = 0;
  /** Leaders that this journal has seen. */
  term = 0;
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
      this.pools.set(key, pool);
    } else if (pool.memoryMib === 0) pool.memoryMib = memoryMib;
    return pool;
  }

  enroll(sandboxId: SandboxId, pool: Pool, createdMs: number, state: 'placing' | 'recovering'): Sandbox {
    assert(!this.sandboxes.has(sandboxId), 'a sandbox id is used once');
    const sandbox: Sandbox = {
      sandboxId,
      pool,
      memoryMib: pool.memoryMib,
      expiresMs: createdMs + this.#lifetimeMs * (1 - this.#lifetimeSpread * fractionOf(sandboxId)),
      state,
      stateMs: createdMs,
      worker: null,
      epoch: 0,
      sequence: 0,
      createdMs,
      poolBefore: null,
      poolAfter: null,
      workerBefore: null,
      workerAfter: null,
    };
    pool.sandboxes += 1;
    this.#countStarting(sandbox, 1);
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
    const { pool, worker } = sandbox;
    this.#leave(sandbox);
    sandbox.state = state;
    sandbox.stateMs = nowMs;
    if (state === 'idle') {
      pool.idle.add(sandbox);
      worker!.idle.add(sandbox);
    } else if (state === 'stopping') worker!.stoppingMib += sandbox.memoryMib;
    else if (state === 'busy') pool.busy += 1;
    else this.#countStarting(sandbox, 1);
  }

  remove(sandbox: Sandbox): void {
    this.#leave(sandbox);
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
          const sandbox = this.enroll(entry.sandboxId, pool, entry.createdMs, 'recovering');
          sandbox.stateMs = nowMs;
          sandbox.sequence = 1;
          this.settle(sandbox, entry.workerId);
          break;
        }
        case 'sandbox-gone': {
          const sandbox = this.sandboxes.get(entry.sandboxId);
          if (sandbox === undefined) break;
          this.remove(sandbox);
          if (sandbox.pool.isEmpty) this.pools.delete(sandbox.pool.key);
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
    this.sandboxes.clear();
    this.pools.clear();
    this.workers.clear();
    this.starting = 0;
  }

  #leave(sandbox: Sandbox): void {
    if (sandbox.state === 'idle') {
      sandbox.pool.idle.remove(sandbox);
      sandbox.worker!.idle.remove(sandbox);
    } else if (sandbox.state === 'stopping') sandbox.worker!.stoppingMib -= sandbox.memoryMib;
    else if (sandbox.state === 'busy') sandbox.pool.busy -= 1;
    else this.#countStarting(sandbox, -1);
  }

  #countStarting({ state, pool }: Sandbox, change: 1 | -1): void {
    if (state !== 'placing' && state !== 'journaling' && state !== 'starting') return;
    pool.starting += change;
    this.starting += change;
  }
}

export function createdEntry({ sandboxId, pool, worker, memoryMib, createdMs }: Sandbox): AssignmentEntry {
  assert(worker !== null, 'a created sandbox has a worker');
  return { kind: 'sandbox-created', sandboxId, pool: pool.key, workerId: worker.workerId, memoryMib, createdMs };
}

/** A fixed number in [0, 1) for each id (FNV-1a): chance without randomness. */
function fractionOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
