import type { StartOrigin } from '../wire/start.js';
import { JournalWriter } from './journalwriter.js';
import type { AssignmentEffect, StopReason } from './messages.js';
import { type SettledOptions, supersededKeptMs } from './options.js';
import { Roster } from './roster.js';
import type { Pool, Sandbox, SandboxState, Waiter } from './sandbox.js';

type RefuseReason = Extract<AssignmentEffect, { readonly kind: 'refuse' }>['reason'];

/** What the machine's parts share while they work on one input: who is there, the time, and the effects so far. */
export class Deliberation {
  readonly options: SettledOptions;
  readonly roster: Roster;
  readonly journal: JournalWriter;
  /** Pools with fewer sandboxes on their way than waiters, in the order in which they asked. */
  readonly hungry = new Set<Pool>();
  effects: AssignmentEffect[] = [];
  nowMs = 0;
  /** Invocations, over all pools. */
  waiting = 0;

  constructor(options: SettledOptions) {
    this.options = options;
    this.roster = new Roster(options.lifetimeMs, options.lifetimeSpread);
    this.journal = new JournalWriter(this.roster, options.nextSequence, options.checkpointEntriesMin);
  }

  /** Asks placement for one more. */
  create(pool: Pool, origin: StartOrigin): void {
    const sandboxId = this.options.newSandboxId();
    this.roster.enroll(sandboxId, pool, this.nowMs, 'placing', origin);
    // For what is provisioned others make room, as for what somebody waits for: it was promised.
    const ahead = origin !== 'demand' && origin !== 'provisioned';
    this.effects.push({ kind: 'place', sandboxId, pool: pool.key, memoryMib: pool.memoryMib, ahead });
  }

  enter(sandbox: Sandbox, state: SandboxState): void {
    this.roster.enter(sandbox, state, this.nowMs);
  }

  stop(sandbox: Sandbox, reason: StopReason): void {
    this.enter(sandbox, 'stopping');
    this.tellStop(sandbox, reason);
  }

  tellStop({ sandboxId, worker }: Sandbox, reason: StopReason): void {
    this.effects.push({ kind: 'stop', sandboxId, workerId: worker!.workerId, reason });
  }

  /** The waiter was taken from its pool. */
  refuse({ requestId }: Waiter, reason: RefuseReason): void {
    this.waiting -= 1;
    this.effects.push({ kind: 'refuse', requestId, reason });
  }

  /** How long an idle sandbox of the pool is kept. */
  keepMs(pool: Pool): number {
    return pool.idleMsMax ?? this.options.idleMsMax;
  }

  dropIfEmpty(pool: Pool): void {
    if (!pool.isEmpty || this.roster.pools.get(pool.key) !== pool) return;
    if (pool.superseded !== null && this.nowMs - pool.supersededMs < supersededKeptMs) {
      this.roster.wake(pool, pool.supersededMs + supersededKeptMs);
      return;
    }
    this.roster.drop(pool);
    this.hungry.delete(pool);
    this.effects.push({ kind: 'pool-gone', pool: pool.key });
  }
}
