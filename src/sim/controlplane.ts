import type { AssignmentEffect, AssignmentEntry, AssignmentInput, SandboxReport } from '../assignment/messages.js';
import type { AsyncInput } from '../async/messages.js';
import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import { secondMs } from '../kernel/units.js';
import type { PlacementInput } from '../placement/messages.js';
import { bootMsMax } from '../worker/machine.js';
import { AsyncPlane } from './asyncplane.js';
import type { Outcome } from './eventchecks.js';
import { messageMsMax, region, type SimFunction } from './scenario.js';
import { Violation } from './violation.js';
import type { WorkerAnswer, WorkerListener } from './worker.js';
import type { World } from './world.js';

/** Invocations wait this long for a sandbox; tried again this often after a worker refused them. */
export const waitMsMax = 10 * secondMs;
export const attemptsMax = 4;
/** Workers report this often, and are lost after this much silence. */
export const reportMs = 2 * secondMs;
export const silenceMsMax = 10 * secondMs;

type Created = Extract<AssignmentEntry, { kind: 'sandbox-created' }>;

interface Running {
  readonly requestId: RequestId;
  readonly fn: SimFunction;
  readonly pool: PoolKey;
  readonly waitUntilMs: number;
  readonly done: (outcome: Outcome) => void;
  attempts: number;
  lease: { readonly sandboxId: SandboxId; readonly workerId: WorkerId; readonly epoch: number } | null;
}

/**
 * One life of the control plane: real counting, assignment, placement and async machines, joined as the services and
 * the dispatcher of the real platform join them. A restart makes a new one; only journal and queue go on.
 */
export class ControlPlane implements WorkerListener {
  readonly #world: World;
  readonly #counting;
  readonly #assignment;
  readonly #placement;
  readonly #async: AsyncPlane;
  readonly #running = new Map<RequestId, Running>();
  readonly #heardMs = new Map<WorkerId, number>();
  readonly #joined = new Set<WorkerId>();
  /** Sandboxes of the journal that may still exist, until something is heard of their end. */
  readonly #found = new Map<SandboxId, Created>();
  readonly #fenced = new Set<WorkerId>();
  alive = true;

  constructor(world: World, survivors: boolean) {
    const { parts, scenario } = world;
    this.#world = world;
    this.#counting = parts.counting({ accountConcurrency: scenario.accountConcurrency });
    this.#placement = parts.placement();
    this.#async = new AsyncPlane(
      world,
      (requestId, fn, done) => this.invoke(requestId, fn, done),
      () => this.alive,
    );
    this.#assignment = parts.assignment({
      newSandboxId: () => world.newSandboxId(),
      idleMsMax: scenario.idleMsMax,
      lifetimeMs: scenario.lifetimeMs,
      waitersMax: scenario.waitersMax,
      startingMax: scenario.startingMax,
      scalingEnvironmentsMax: scenario.scalingEnvironmentsMax,
      // As long as invocations of the simulated functions take, so that patience is met often.
      patienceMs: 100,
      busyMin: 1,
      reportGraceMs: 5 * messageMsMax,
      checkpointEntriesMin: 200,
    });
    this.#recover(survivors);
    this.#tick();
    this.async({ kind: 'wake', nowMs: this.#nowMs });
  }

  /** All memory is lost; what clients and workers still say is heard by nobody. */
  die(): void {
    this.alive = false;
    for (const { requestId } of this.#running.values()) this.#world.checks.invocationEnded(requestId);
    this.#running.clear();
  }

  invoke(requestId: RequestId, fn: SimFunction, done: (outcome: Outcome) => void): void {
    const nowMs = this.#nowMs;
    const { account, functionKey, reserved } = fn;
    const reservedInAccount = this.#world.reservedIn(account);
    const input = {
      kind: 'admit',
      nowMs,
      requestId,
      account,
      region,
      functionKey,
      reserved,
      reservedInAccount,
      provisioned: 0,
      provisionedInAccount: 0,
    } as const;
    this.#world.count('counting', input);
    const [effect] = this.#counting.step(input);
    if (effect?.kind !== 'admitted' || this.#running.has(requestId)) {
      done('throttled');
      return;
    }
    this.#world.checks.admitted(requestId, fn, reservedInAccount, nowMs);
    const waitUntilMs = nowMs + waitMsMax;
    const running: Running = { requestId, fn, pool: fn.pool, waitUntilMs, done, attempts: 0, lease: null };
    this.#running.set(requestId, running);
    this.#acquire(running);
  }

  supersede(pool: PoolKey, reason: 'superseded' | 'function-deleted'): void {
    this.assignment({ kind: 'pool-superseded', nowMs: this.#nowMs, pool, reason });
  }

  assignment(input: AssignmentInput): void {
    this.#world.count('assignment', input);
    const effects = this.#assignment.step(input);
    const { starts, wakeUps } = this.#world.checks;
    wakeUps.observe(input, effects);
    starts.observe(input, effects);
    this.#performAll(effects);
  }

  async(input: AsyncInput): void {
    this.#async.input(input);
  }

  /** Nothing new goes there any more; `renew`: it goes on, with new sandboxes. */
  drain(workerId: WorkerId, renew: boolean): void {
    if (!renew) this.#place({ kind: 'worker-draining', nowMs: this.#nowMs, workerId });
    this.assignment({ kind: 'worker-drain', nowMs: this.#nowMs, workerId, renew });
  }

  ready(sandboxId: SandboxId, initialized: boolean): void {
    this.assignment({ kind: 'sandbox-ready', nowMs: this.#nowMs, sandboxId, initialized });
  }

  idle(sandboxId: SandboxId, epoch: number): void {
    this.assignment({ kind: 'released', nowMs: this.#nowMs, sandboxId, epoch });
  }

  gone(sandboxId: SandboxId): void {
    this.#forget(sandboxId);
    this.assignment({ kind: 'sandbox-gone', nowMs: this.#nowMs, sandboxId });
  }

  answer(requestId: RequestId, sandboxId: SandboxId, epoch: number, answer: WorkerAnswer): void {
    const running = this.#running.get(requestId);
    if (running?.lease?.sandboxId !== sandboxId || running.lease.epoch !== epoch) return;
    if (answer !== 'refused') this.#end(running, answer);
    else if (running.attempts < attemptsMax) this.#acquire(running);
    else this.#end(running, 'system-error');
  }

  report(workerId: WorkerId, sandboxes: readonly SandboxReport[]): void {
    if (this.#fenced.has(workerId)) {
      this.#world.fence(workerId);
      return;
    }
    this.#heardMs.set(workerId, this.#nowMs);
    if (!this.#joined.has(workerId)) this.#join(workerId, sandboxes);
    this.assignment({ kind: 'worker-report', nowMs: this.#nowMs, workerId, sandboxes });
  }

  get #nowMs(): number {
    return this.#world.schedule.nowMs;
  }

  #recover(survivors: boolean): void {
    const { journal } = this.#world;
    const nextSequence = journal.first + journal.entries.length;
    const entries = [...journal.entries];
    const pools = new Set<PoolKey>();
    const found = this.#found;
    for (const entry of entries) {
      if (entry.kind === 'checkpoint') found.clear();
      else if (entry.kind === 'sandbox-created') found.set(entry.sandboxId, entry);
      else if (entry.kind === 'sandbox-gone') found.delete(entry.sandboxId);
    }
    this.#world.count('sim', { kind: 'recover', nextSequence, survivors });
    this.#performAll(this.#assignment.recover({ entries, nextSequence, nowMs: this.#nowMs, survivors }));
    if (!survivors) found.clear();
    for (const { workerId, pool } of found.values()) {
      this.#heardMs.set(workerId, this.#nowMs);
      pools.add(pool);
    }
    // Updates may have happened while nobody was there to drain.
    for (const pool of pools) if (!this.#world.isCurrent(pool)) this.supersede(pool, 'superseded');
  }

  #forget(sandboxId: SandboxId): void {
    this.#found.delete(sandboxId);
    this.#place({ kind: 'sandbox-gone', nowMs: this.#nowMs, sandboxId });
  }

  /**
   * A worker is used only after a report without sandboxes unknown to the journal: those (left from before the worker
   * was declared lost, perhaps by an earlier leader) hold memory that placement cannot know of, and are stopped first.
   */
  #join(workerId: WorkerId, sandboxes: readonly SandboxReport[]): void {
    if (sandboxes.some(({ sandboxId }) => this.#found.get(sandboxId)?.workerId !== workerId)) return;
    this.#joined.add(workerId);
    const { workerMemoryMib: memoryMib, workerSandboxesMax: sandboxesMax } = this.#world.scenario;
    this.#place({ kind: 'worker-joined', nowMs: this.#nowMs, workerId, zone: 'a', memoryMib, sandboxesMax });
    for (const { sandboxId, pool, memoryMib, ...entry } of this.#found.values()) {
      if (entry.workerId !== workerId) continue;
      this.#place({ kind: 'sandbox-found', nowMs: this.#nowMs, sandboxId, pool, workerId, memoryMib });
    }
  }

  #acquire(running: Running): void {
    const { requestId, pool, fn, waitUntilMs } = running;
    running.attempts += 1;
    running.lease = null;
    this.#world.checks.asked(pool, this.#world.isCurrent(pool), this.#nowMs);
    const { memoryMib } = fn;
    this.assignment({ kind: 'acquire', nowMs: this.#nowMs, requestId, pool, memoryMib, waitUntilMs });
  }

  #end(running: Running, outcome: Outcome): void {
    const { requestId } = running;
    this.#running.delete(requestId);
    this.#world.checks.invocationEnded(requestId);
    const input = { kind: 'release', nowMs: this.#nowMs, requestId } as const;
    this.#world.count('counting', input);
    this.#counting.step(input);
    running.done(outcome);
  }

  #performAll(effects: readonly AssignmentEffect[]): void {
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: AssignmentEffect): void {
    const { schedule, network } = this.#world;
    switch (effect.kind) {
      case 'grant':
        this.#invokeAt(effect);
        return;
      case 'refuse': {
        const running = this.#running.get(effect.requestId);
        if (running !== undefined) this.#end(running, 'system-error');
        return;
      }
      case 'place':
        this.#place({ ...effect, nowMs: this.#nowMs }, effect.ahead);
        return;
      case 'handed-over':
        this.#world.planner.handedOver(effect.from, effect.to);
        return;
      case 'forget':
        this.#forget(effect.sandboxId);
        return;
      case 'start':
      case 'stop': {
        const worker = this.#world.workers.get(effect.workerId);
        if (worker === undefined) return;
        network.tell(worker.partitioned, () => {
          if (effect.kind === 'start') worker.start(effect.sandboxId, effect.pool, effect.origin);
          else worker.stop(effect.sandboxId);
        });
        return;
      }
      case 'persist': {
        const { journal, random } = this.#world;
        journal.durableMs = Math.max(journal.durableMs, this.#nowMs + random.between(1, 20));
        schedule.at(journal.durableMs, () => {
          // A crash meanwhile: the append may or may not have reached the disk; later ones then did not.
          if (!this.alive) return;
          if (effect.sequence !== journal.first + journal.entries.length)
            throw new Violation(
              `journal out of order: ${effect.sequence}, expected ${journal.first + journal.entries.length}`,
            );
          journal.entries.push(...effect.entries);
          const sequence = effect.sequence + effect.entries.length - 1;
          const tell = () => this.alive && this.assignment({ kind: 'persisted', nowMs: this.#nowMs, sequence });
          // Written, but the answer is late: a crash in between leaves entries that nobody acted on.
          if (random.chance(this.#world.faults.late)) {
            schedule.after(random.between(1, 200), tell);
          } else tell();
        });
        return;
      }
      case 'arm':
        schedule.at(effect.atMs, () => this.alive && this.assignment({ kind: 'patience-over', nowMs: this.#nowMs }));
        return;
      case 'trim': {
        const { journal } = this.#world;
        journal.entries.splice(0, effect.sequence - journal.first);
        journal.first = effect.sequence;
        return;
      }
    }
  }

  #invokeAt({ requestId, sandboxId, workerId, epoch }: Extract<AssignmentEffect, { kind: 'grant' }>): void {
    const { checks, network, schedule, workers } = this.#world;
    const running = this.#running.get(requestId);
    checks.granted(sandboxId, running?.pool ?? null, epoch);
    if (running === undefined) return;
    const lease = { sandboxId, workerId, epoch };
    running.lease = lease;
    const worker = workers.get(workerId);
    const lost = () => checks.leaseOver(sandboxId, epoch);
    if (worker === undefined) lost();
    else network.ask(worker.partitioned, () => worker.invoke(requestId, sandboxId, epoch), lost);
    // The dispatcher's own deadline: the longest an invocation can take there and back, and then the client is told.
    const deadlineMs = bootMsMax + running.fn.timeoutMs + 3 * messageMsMax;
    schedule.after(deadlineMs, () => {
      if (this.alive && this.#running.get(requestId)?.lease === lease) this.#end(running, 'system-error');
    });
  }

  #place(input: PlacementInput, ahead = false): void {
    this.#world.count('placement', input);
    const { nowMs } = input;
    for (const effect of this.#placement.step(input)) {
      const { sandboxId } = effect;
      if (effect.kind === 'placed') this.assignment({ kind: 'placed', nowMs, sandboxId, workerId: effect.workerId });
      else {
        this.assignment({ kind: 'placement-refused', nowMs, sandboxId });
        if (effect.pressure !== null && !ahead) this.assignment({ kind: 'memory-pressure', nowMs, ...effect.pressure });
      }
    }
  }

  #tick(): void {
    if (!this.alive) return;
    const nowMs = this.#nowMs;
    for (const [workerId, heardMs] of this.#heardMs) {
      if (nowMs - heardMs > silenceMsMax) this.#lose(workerId);
    }
    this.assignment({ kind: 'tick', nowMs });
    this.#world.schedule.after(secondMs, () => this.#tick());
  }

  #lose(workerId: WorkerId): void {
    this.#heardMs.delete(workerId);
    this.#joined.delete(workerId);
    for (const entry of this.#found.values()) if (entry.workerId === workerId) this.#found.delete(entry.sandboxId);
    this.#fenced.add(workerId);
    this.#place({ kind: 'worker-lost', nowMs: this.#nowMs, workerId });
    this.assignment({ kind: 'worker-lost', nowMs: this.#nowMs, workerId });
    for (const running of [...this.#running.values()]) {
      if (running.lease?.workerId === workerId) this.#end(running, 'system-error');
    }
  }
}
