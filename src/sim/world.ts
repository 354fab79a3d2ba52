import type { AsyncEvent, AsyncPolicy } from '../async/messages.js';
import type { AccountId, PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports/clock.js';
import { minuteMs, secondMs } from '../kernel/units.js';
import { bootMsMax } from '../worker/machine.js';
import { Checks } from './checks.js';
import { attemptsMax, ControlPlane, reportMs, waitMsMax } from './controlplane.js';
import { Network } from './network.js';
import type { Parts } from './parts.js';
import { Planner } from './planner.js';
import type { SimQueue } from './queue.js';
import { SeededRandom } from './random.js';
import {
  drawFunctions,
  drawPolicy,
  drawScenario,
  messageMsMax,
  poolOf,
  region,
  type Scenario,
  type SimFunction,
  timeoutMsMax,
} from './scenario.js';
import { Schedule } from './schedule.js';
import type { SimJournal } from './simjournal.js';
import { type Part, Trace } from './trace.js';
import { Violation } from './violation.js';
import { SimWorker } from './worker.js';

/** Any date will do; this one is fixed, so that traces are. */
const startMs = 1_750_000_000_000;
/** Longest partition: the worker is fenced at its first report after it. */
const partitionMsMax = 20 * secondMs;
const downMsMax = 5 * secondMs;

/** One attempt at a worker: its message, the longest run there, the answer. */
const attemptMsMax = bootMsMax + timeoutMsMax + 3 * messageMsMax;
const invocationMsMax = waitMsMax + attemptsMax * attemptMsMax + 2 * secondMs;
/** Wait, boot, init and run; partition, restart and lost messages on the way, each repaired by the reports after it. */
const drainMsMax = waitMsMax + 2 * attemptMsMax + partitionMsMax + 2 * downMsMax + 60 * secondMs;
/** Everything ends within this after load and faults have stopped: an event grows too old at the latest. */
const settleMsMax = limits.asyncEventAgeMsMax + 20 * minuteMs;
/** What becomes of an event is told to a destination or two; with a single place for that, one event after the other. */
const tellingMsMax = secondMs;

/** Everything around the machines: functions, clients, faults, virtual time; and the checks. */
export class World {
  readonly parts: Parts;
  readonly random: SeededRandom;
  /** Of its own, so that what becomes of events changes nothing else. */
  readonly eventRandom: SeededRandom;
  readonly scenario: Scenario;
  readonly schedule = new Schedule(startMs);
  readonly clock: Clock = {
    nowMs: () => this.schedule.nowMs,
    monotonicMs: () => this.schedule.nowMs,
    after: () => () => {},
  };
  readonly trace = new Trace();
  readonly network: Network;
  readonly checks: Checks;
  readonly queue: SimQueue;
  readonly workers = new Map<WorkerId, SimWorker>();
  readonly journal: SimJournal = { entries: [], first: 1, durableMs: 0 };
  /** Probabilities in force: those of the scenario, or none while the run settles. */
  faults: Scenario;
  readonly planner: Planner;
  readonly #functions: SimFunction[];
  readonly #byName = new Map<string, SimFunction>();
  readonly #byPool = new Map<PoolKey, SimFunction>();
  readonly #policies = new Map<string, AsyncPolicy>();
  #plane: ControlPlane | null = null;
  #loaded = true;
  #requests = 0;
  #sandboxes = 0;
  #workerCount = 0;

  constructor(seed: number, parts: Parts) {
    this.parts = parts;
    this.random = new SeededRandom(seed);
    this.eventRandom = new SeededRandom(seed + 1_000_003);
    this.scenario = drawScenario(this.random);
    this.faults = this.scenario;
    this.network = new Network(this.random, this.schedule, this.scenario);
    this.queue = parts.queue();
    this.checks = new Checks({ ...this.scenario, invocationMsMax, drainMsMax });
    this.#functions = drawFunctions(this.random, this.scenario);
    this.planner = new Planner(this, this.#functions);
    for (const fn of this.#functions) {
      this.#byName.set(fn.name, fn);
      this.#byPool.set(fn.pool, fn);
      this.#policies.set(fn.name, { ...drawPolicy(this.eventRandom), zeroReserved: false });
    }
  }

  /** Where messages to the control plane arrive; nobody is there between two of its lives. */
  get listener(): ControlPlane | null {
    return this.#plane;
  }

  /** Runs `events` machine steps under load and faults, then until everything has ended. Throws `Violation`. */
  run(events: number): void {
    this.#plane = new ControlPlane(this, false);
    for (let index = 0; index < this.scenario.workers; index += 1) this.#addWorker();
    this.#recur(this.scenario.arrivalGapMs, () => this.#arrive());
    this.#recur(this.scenario.updateGapMs, () => this.#update());
    this.#recur(this.scenario.workerDeathGapMs, () => this.#killWorker());
    this.#recur(this.scenario.partitionGapMs, () => this.#partition());
    this.#recur(this.scenario.restartGapMs, () => this.#restart());
    this.#recur(this.scenario.planGapMs, () => this.#plane !== null && this.planner.plan(this.#plane));
    while (this.trace.steps < events) this.#next();
    this.#settle();
  }

  count(part: Part, input: object): void {
    this.trace.record(part, input);
  }

  newSandboxId(): SandboxId {
    this.#sandboxes += 1;
    return `s${this.#sandboxes}` as SandboxId;
  }

  functionOf(pool: PoolKey): SimFunction {
    return this.#byPool.get(pool)!;
  }

  functionNamed(name: string): SimFunction {
    return this.#byName.get(name)!;
  }

  policyOf(name: string): AsyncPolicy {
    const zeroReserved = this.#byName.get(name)!.reserved === 0;
    const known = this.#policies.get(name)!;
    if (known.zeroReserved === zeroReserved) return known;
    const policy = { ...known, zeroReserved };
    this.#policies.set(name, policy);
    return policy;
  }

  isCurrent(pool: PoolKey): boolean {
    const fn = this.#byPool.get(pool)!;
    return fn.exists && fn.pool === pool;
  }

  reservedIn(account: AccountId): number {
    let sum = 0;
    for (const fn of this.#functions) if (fn.account === account && fn.exists) sum += fn.reserved ?? 0;
    return sum;
  }

  /** A worker that was declared lost shows up again: it must forget everything and join anew. */
  fence(workerId: WorkerId): void {
    this.#removeWorker(workerId);
  }

  #next(): void {
    this.schedule.runNext();
    this.checks.step(this.schedule.nowMs, this.queue.depth);
    this.planner.check(this.schedule.nowMs);
  }

  #recur(meanMs: number, action: () => void): void {
    if (!Number.isFinite(meanMs)) return;
    this.schedule.after(this.random.gap(meanMs), () => {
      if (!this.#loaded) return;
      action();
      this.#recur(meanMs, action);
    });
  }

  #arrive(): void {
    const fn = this.random.pick(this.#functions);
    if (this.#plane === null || !fn.exists) return;
    this.#requests += 1;
    const requestId = `r${this.#requests}` as RequestId;
    if (!this.random.chance(this.scenario.asyncShare)) {
      this.#plane.invoke(requestId, fn, () => {});
      return;
    }
    const id = this.queue.publish(eventFor(fn, requestId, this.schedule.nowMs));
    this.checks.events.accepted(id, this.policyOf(fn.name));
    this.#plane.async({ kind: 'wake', nowMs: this.schedule.nowMs });
  }

  /** New code, a deletion, or another reservation. */
  #update(): void {
    const fn = this.random.pick(this.#functions);
    if (this.random.chance(0.3)) {
      const most = Math.ceil(this.scenario.accountConcurrency / 20);
      fn.reserved = this.random.chance(0.5) ? null : this.random.between(0, most);
      this.count('sim', { kind: 'reserve', name: fn.name, reserved: fn.reserved });
      return;
    }
    const old = fn.pool;
    // As the real configuration: one update at a time.
    if (this.planner.isSucceeding(old)) return;
    const isDeletion = fn.exists && this.random.chance(0.2);
    const wasThere = fn.exists;
    fn.generation += 1;
    const pool = poolOf(fn.account, fn.name, fn.generation);
    this.#byPool.set(pool, fn);
    this.count('sim', { kind: 'update', name: fn.name, generation: fn.generation, exists: !isDeletion });
    const succeed = () => {
      fn.exists = !isDeletion;
      fn.pool = pool;
      if (!wasThere) return;
      this.checks.superseded(old, this.schedule.nowMs);
      this.#plane?.supersede(old, isDeletion ? 'function-deleted' : 'superseded');
      if (this.#plane !== null && !isDeletion) this.planner.succeeded(this.#plane, fn);
    };
    const waits = wasThere && !isDeletion && this.random.chance(this.scenario.handovers);
    if (waits && this.#plane !== null) this.planner.handover(this.#plane, old, pool, fn.memoryMib, succeed);
    else succeed();
  }

  #killWorker(): void {
    const alive = [...this.workers.keys()];
    if (alive.length > 0) this.#removeWorker(this.random.pick(alive));
  }

  /** The machine is gone for good; its replacement comes after a while. */
  #removeWorker(workerId: WorkerId): void {
    const worker = this.workers.get(workerId);
    if (worker === undefined) return;
    this.count('sim', { kind: 'worker-death', workerId });
    worker.die();
    this.workers.delete(workerId);
    this.schedule.after(this.random.between(1, 5 * secondMs), () => this.#addWorker());
  }

  #addWorker(): void {
    this.#workerCount += 1;
    const worker = new SimWorker(`w${this.#workerCount}` as WorkerId, this);
    this.workers.set(worker.workerId, worker);
    const report = () => {
      if (!worker.alive) return;
      worker.report();
      this.schedule.after(reportMs, report);
    };
    this.schedule.after(this.random.between(1, reportMs), report);
  }

  #partition(): void {
    if (this.workers.size === 0) return;
    const worker = this.random.pick([...this.workers.values()]);
    this.count('sim', { kind: 'partition', workerId: worker.workerId });
    worker.partitioned = true;
    this.schedule.after(this.random.between(secondMs, partitionMsMax), () => {
      worker.partitioned = false;
    });
  }

  #restart(): void {
    if (this.#plane === null) return;
    const withWorkers = this.random.chance(this.scenario.restartWithWorkers);
    this.count('sim', { kind: 'restart', withWorkers });
    this.#plane.die();
    this.#plane = null;
    this.checks.leasesForgotten();
    this.checks.events.forgotten();
    this.planner.forget();
    if (withWorkers) for (const workerId of [...this.workers.keys()]) this.#removeWorker(workerId);
    this.schedule.after(this.random.between(1, downMsMax), () => {
      this.queue.releaseAll(this.schedule.nowMs);
      this.#plane = new ControlPlane(this, !withWorkers);
      this.planner.begin(this.#plane);
    });
  }

  /** No more load, no more faults: now everything that was begun has to end. */
  #settle(): void {
    this.#loaded = false;
    this.network.faulty = false;
    const none = {
      bootFails: 0,
      bootHangs: 0,
      initFails: 0,
      initHangs: 0,
      crashes: 0,
      hangs: 0,
      errors: 0,
      deliveryFails: 0,
    };
    this.faults = { ...this.scenario, ...none, repeated: 0, late: 0 };
    // A small reservation throttles a backlog for hours; that is right, and not what is to be seen here.
    for (const fn of this.#functions) fn.reserved = null;
    this.planner.settle(this.#plane);
    const { checks } = this;
    const byMs = this.schedule.nowMs + settleMsMax + checks.openEvents * tellingMsMax;
    while (checks.openInvocations > 0 || checks.openEvents > 0 || checks.livingSandboxes > 0 || this.#plane === null) {
      this.#next();
      if (this.schedule.nowMs <= byMs) continue;
      const open = `${checks.openInvocations} invocations, ${checks.openEvents} events`;
      throw new Violation(`does not settle: ${open}, ${checks.livingSandboxes} sandboxes are left`);
    }
  }
}

function eventFor(fn: SimFunction, requestId: RequestId, nowMs: number): AsyncEvent {
  return {
    requestId,
    account: fn.account,
    region,
    functionName: fn.name,
    qualifier: null,
    invokedFunctionArn: `arn:aws:lambda:${region}:${fn.account}:function:${fn.name}`,
    clientContext: null,
    traceHeader: '',
    acceptedMs: nowMs,
    attempts: 0,
    setbacks: 0,
  };
}
