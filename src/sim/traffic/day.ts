import { AssignmentMachine } from '../../assignment/machine.js';
import type { AssignmentEffect, AssignmentInput } from '../../assignment/messages.js';
import { CapacityMachine } from '../../capacity/machine.js';
import type { PolicyChoice } from '../../capacity/policies/policy.js';
import { CountingMachine } from '../../counting/machine.js';
import { assert } from '../../kernel/assert.js';
import {
  type AccountId,
  type PoolKey,
  poolKey,
  type Region,
  type SandboxId,
  type VersionKey,
  versionKey,
  type WorkerId,
} from '../../kernel/ids.js';
import { dayMs, secondMs } from '../../kernel/units.js';
import { PlacementMachine } from '../../placement/machine.js';
import { Agenda } from './agenda.js';
import { Arrivals, drawTraffic, type TrafficFunction } from './azure.js';
import { ForecastScore } from './score.js';
import { RequestNames, SandboxSlots } from './slots.js';

export interface DayOptions {
  readonly seed: number;
  readonly functions: number;
  readonly workers: number;
  readonly workerMib: number;
  /** Null: nobody plans ahead; idle sandboxes are kept as assignment is configured. */
  readonly choice: PolicyChoice | null;
  /** Between two looks of the capacity machine, milliseconds. */
  readonly sampleMs: number;
  /** Simulated time. Default: a day. */
  readonly untilMs?: number;
  /** Also measure how forecasts err. */
  readonly scored?: boolean;
}

export interface DayResult {
  /** What the machines took, and what came of it and was performed. Both are events of a machine. */
  readonly inputs: number;
  readonly effects: number;
  readonly invocations: number;
  /** Invocations that waited for a start. */
  readonly cold: number;
  /** Of those that were the first of a sandbox made ahead. */
  readonly proactive: number;
  readonly refused: number;
  readonly sandboxes: number;
  readonly sandboxesPeak: number;
  /** Memory of sandboxes that did not work, GiB-hours. */
  readonly idleGibHours: number;
  /** Share of cold invocations of each app: median, and the upper quartile. */
  readonly appColdMedian: number;
  readonly appColdUpper: number;
  readonly errors: readonly { readonly forecast: string; readonly error: number }[];
}

const kindEnd = 0;
const kindReady = 1;
const kindArrival = 2;
const kindTick = 3;
const account = '000000000001' as AccountId;
const region = 'us-east-1' as Region;
/** Any date will do; times of the first days of the epoch are whole numbers of 31 bits, which cost nothing to pass on. */
const startMs = 140_800_000;
const waitMsMax = 15 * secondMs;
/** A box from a spare, before the function's own init. */
const boxMs = 20;

/**
 * A day of traffic over the very machines of counting, assignment, placement and capacity. Leaner than the world of faults:
 * messages take no time and get there, the journal is durable at once, a worker is two delays, init and run.
 */
export class TrafficDay {
  readonly #options: DayOptions;
  readonly #functions: readonly TrafficFunction[];
  readonly #arrivals: readonly Arrivals[];
  readonly #pools: readonly PoolKey[];
  readonly #indexOf = new Map<PoolKey, number>();
  readonly #byVersion = new Map<VersionKey, number>();
  readonly #agenda = new Agenda();
  readonly #counting = new CountingMachine({ accountConcurrency: 1_000_000 });
  readonly #placement = new PlacementMachine();
  readonly #assignment: AssignmentMachine;
  readonly #capacity: CapacityMachine | null;
  readonly #score: ForecastScore | null;
  readonly #slots = new SandboxSlots();
  readonly #requests = new RequestNames();
  readonly #queue: AssignmentInput[] = [];
  #isStepping = false;
  #nowMs = 0;

  #inputs = 0;
  #effects = 0;
  #invocations = 0;
  #cold = 0;
  #proactive = 0;
  #refused = 0;
  #alive = 0;
  #alivePeak = 0;
  #aliveMib = 0;
  #idleMib = 0;
  #idleSinceMs = 0;
  #idleMibMs = 0;
  readonly #memoryMib: Int32Array;
  readonly #coldOf: Int32Array;
  readonly #callsOf: Int32Array;

  constructor(options: DayOptions) {
    this.#options = options;
    this.#functions = drawTraffic(options.seed, options.functions);
    this.#arrivals = this.#functions.map((one, index) => new Arrivals(one, options.seed * 1_000_003 + index));
    this.#pools = this.#functions.map(({ name }) => poolKey(versionKey(account, region, name, '1'), 1));
    this.#memoryMib = Int32Array.from(this.#functions, ({ memoryMib }) => memoryMib);
    this.#coldOf = new Int32Array(options.functions);
    this.#callsOf = new Int32Array(options.functions);
    for (const [index, pool] of this.#pools.entries()) {
      this.#indexOf.set(pool, index);
      this.#byVersion.set(pool.slice(0, pool.lastIndexOf('@')) as VersionKey, index);
    }
    this.#assignment = new AssignmentMachine({
      newSandboxId: () => this.#slots.name(),
      // Cores that wait for work are a matter of one worker.
      patienceMs: 0,
      startingMax: 10_000,
      waitersMax: 100_000,
    });
    this.#capacity = options.choice === null ? null : new CapacityMachine({ choice: options.choice });
    this.#score = options.scored === true ? new ForecastScore() : null;
    for (let worker = 0; worker < options.workers; worker += 1) {
      this.#placement.step({
        kind: 'worker-joined',
        nowMs: startMs,
        workerId: `w${worker}` as WorkerId,
        zone: 'a',
        memoryMib: options.workerMib,
        sandboxesMax: 10_000,
      });
    }
  }

  run(): DayResult {
    const { untilMs = dayMs } = this.#options;
    const agenda = this.#agenda;
    for (const effect of this.#assignment.recover({ entries: [], nextSequence: 1, nowMs: startMs, survivors: false })) {
      this.#perform(effect);
    }
    for (const [index, arrivals] of this.#arrivals.entries()) agenda.add(arrivals.first(), kindArrival, index);
    agenda.add(secondMs, kindTick, 0);
    for (;;) {
      agenda.take();
      if (agenda.atMs >= untilMs) return this.#result(untilMs);
      this.#nowMs = startMs + agenda.atMs;
      const { index } = agenda;
      switch (agenda.kind) {
        case kindEnd:
          this.#end(index);
          break;
        case kindReady:
          this.#ready(index, agenda.atMs);
          break;
        case kindArrival:
          this.#arrive(index, agenda.atMs);
          break;
        case kindTick:
          agenda.add(agenda.atMs + secondMs, kindTick, 0);
          this.#step({ kind: 'tick', nowMs: this.#nowMs });
          if (agenda.atMs % this.#options.sampleMs === 0) this.#look();
      }
    }
  }

  #arrive(index: number, atMs: number): void {
    this.#agenda.add(this.#arrivals[index]!.next(atMs), kindArrival, index);
    this.#invocations += 1;
    this.#callsOf[index]! += 1;
    const number = this.#requests.begin(index);
    const requestId = this.#requests.nameOf(number);
    const nowMs = this.#nowMs;
    const memoryMib = this.#memoryMib[index]!;
    const pool = this.#pools[index]!;
    this.#inputs += 1;
    const answers = this.#counting.step({
      kind: 'admit',
      nowMs,
      requestId,
      account,
      region,
      // Of one version each: any name of its own will do.
      functionKey: pool,
      reserved: null,
      reservedInAccount: 0,
      provisioned: 0,
      provisionedInAccount: 0,
    });
    this.#effects += answers.length;
    if (answers[0]?.kind !== 'admitted') {
      this.#refused += 1;
      this.#requests.end(number);
      return;
    }
    this.#step({ kind: 'acquire', nowMs, requestId, pool, memoryMib, waitUntilMs: nowMs + waitMsMax });
  }

  /** What was started then is ready now, if it is still there. */
  #ready(slot: number, atMs: number): void {
    const sandboxId = this.#slots.ids[slot];
    if (sandboxId == null || this.#slots.readyMs[slot] !== atMs) return;
    this.#step({ kind: 'sandbox-ready', nowMs: this.#nowMs, sandboxId });
  }

  #end(slot: number): void {
    const { ids, requests, epochs } = this.#slots;
    const sandboxId = ids[slot];
    const number = requests[slot]!;
    assert(sandboxId != null && number >= 0, 'what ends was running');
    requests[slot] = -1;
    this.#release(number);
    this.#idle(this.#memoryOf(slot));
    this.#step({ kind: 'released', nowMs: this.#nowMs, sandboxId, epoch: epochs[slot]! });
  }

  #release(number: number): void {
    this.#inputs += 1;
    this.#counting.step({ kind: 'release', nowMs: this.#nowMs, requestId: this.#requests.nameOf(number) });
    this.#requests.end(number);
  }

  /** Effects that are answered at once come in after the step that they are of. */
  #step(input: AssignmentInput): void {
    const queue = this.#queue;
    if (this.#isStepping) {
      queue.push(input);
      return;
    }
    this.#isStepping = true;
    this.#take(input);
    if (queue.length > 0) {
      for (let next = 0; next < queue.length; next += 1) this.#take(queue[next]!);
      queue.length = 0;
    }
    this.#isStepping = false;
  }

  #take(input: AssignmentInput): void {
    this.#inputs += 1;
    const effects = this.#assignment.step(input);
    this.#effects += effects.length;
    for (let next = 0; next < effects.length; next += 1) this.#perform(effects[next]!);
  }

  #perform(effect: AssignmentEffect): void {
    const nowMs = this.#nowMs;
    switch (effect.kind) {
      case 'grant':
        this.#run(effect);
        return;
      case 'refuse':
        this.#refused += 1;
        this.#release(this.#requests.numberOf(effect.requestId));
        return;
      case 'place':
        this.#place(effect);
        return;
      case 'start': {
        const index = this.#indexOf.get(effect.pool)!;
        const readyMs = nowMs - startMs + boxMs + this.#functions[index]!.initMs;
        const slot = this.#slots.start(effect.sandboxId, index, readyMs);
        this.#alive += 1;
        this.#aliveMib += this.#memoryOf(slot);
        this.#alivePeak = Math.max(this.#alivePeak, this.#alive);
        this.#idle(this.#memoryOf(slot));
        this.#agenda.add(readyMs, kindReady, slot);
        return;
      }
      case 'stop': {
        const { sandboxId } = effect;
        const memoryMib = this.#memoryOf(this.#slots.slotOf(sandboxId));
        this.#idle(-memoryMib);
        this.#aliveMib -= memoryMib;
        this.#slots.end(sandboxId);
        this.#alive -= 1;
        this.#forget(sandboxId);
        this.#queue.push({ kind: 'sandbox-gone', nowMs, sandboxId });
        return;
      }
      case 'persist':
        this.#queue.push({ kind: 'persisted', nowMs, sequence: effect.sequence + effect.entries.length - 1 });
        return;
      case 'forget':
        this.#forget(effect.sandboxId);
    }
  }

  #run({ requestId, sandboxId, epoch, start }: Extract<AssignmentEffect, { kind: 'grant' }>): void {
    const slot = this.#slots.slotOf(sandboxId);
    const number = this.#requests.numberOf(requestId);
    const index = this.#requests.functions[number]!;
    if (start.kind === 'cold') {
      this.#cold += 1;
      this.#coldOf[index]! += 1;
    } else if (start.kind === 'proactive') this.#proactive += 1;
    this.#slots.requests[slot] = number;
    this.#slots.epochs[slot] = epoch;
    this.#idle(-this.#memoryOf(slot));
    this.#agenda.add(this.#nowMs - startMs + this.#arrivals[index]!.duration(), kindEnd, slot);
  }

  #place({ sandboxId, pool, memoryMib, ahead }: Extract<AssignmentEffect, { kind: 'place' }>): void {
    const nowMs = this.#nowMs;
    this.#inputs += 1;
    for (const answer of this.#placement.step({ kind: 'place', nowMs, sandboxId, pool, memoryMib })) {
      this.#effects += 1;
      if (answer.kind === 'placed') this.#queue.push({ kind: 'placed', nowMs, sandboxId, workerId: answer.workerId });
      else {
        this.#slots.end(sandboxId);
        this.#queue.push({ kind: 'placement-refused', nowMs, sandboxId });
        if (answer.pressure !== null && !ahead)
          this.#queue.push({ kind: 'memory-pressure', nowMs, ...answer.pressure });
      }
    }
  }

  #forget(sandboxId: SandboxId): void {
    this.#inputs += 1;
    this.#placement.step({ kind: 'sandbox-gone', nowMs: this.#nowMs, sandboxId });
  }

  #look(): void {
    const nowMs = this.#nowMs;
    if (this.#capacity === null && this.#score === null) return;
    const pools = this.#assignment.samples();
    this.#score?.see(pools, nowMs);
    if (this.#capacity === null) return;
    const totalMib = this.#options.workers * this.#options.workerMib;
    const usedMib = this.#aliveMib;
    this.#inputs += 1;
    for (const effect of this.#capacity.step({ kind: 'sample', nowMs, pools, memory: { totalMib, usedMib } })) {
      this.#effects += 1;
      if (effect.kind !== 'warm') this.#step({ nowMs, ...effect });
      else {
        const index = this.#byVersion.get(effect.version)!;
        const memoryMib = this.#memoryMib[index]!;
        const pool = this.#pools[index]!;
        this.#step({ kind: 'warm', nowMs, pool, memoryMib, count: effect.count, trigger: 'forecast' });
      }
    }
  }

  #memoryOf(slot: number): number {
    return this.#memoryMib[this.#slots.functions[slot]!]!;
  }

  #idle(moreMib: number): void {
    this.#idleMibMs += this.#idleMib * (this.#nowMs - this.#idleSinceMs);
    this.#idleSinceMs = this.#nowMs;
    this.#idleMib += moreMib;
  }

  #result(untilMs: number): DayResult {
    this.#nowMs = startMs + untilMs;
    this.#idle(0);
    const apps = new Map<number, { calls: number; cold: number }>();
    for (const [index, { app }] of this.#functions.entries()) {
      const sums = apps.get(app) ?? { calls: 0, cold: 0 };
      sums.calls += this.#callsOf[index]!;
      sums.cold += this.#coldOf[index]!;
      apps.set(app, sums);
    }
    const shares = [...apps.values()].filter(({ calls }) => calls > 0).map(({ calls, cold }) => cold / calls);
    shares.sort((one, other) => one - other);
    return {
      inputs: this.#inputs,
      effects: this.#effects,
      invocations: this.#invocations,
      cold: this.#cold,
      proactive: this.#proactive,
      refused: this.#refused,
      sandboxes: this.#slots.made,
      sandboxesPeak: this.#alivePeak,
      idleGibHours: this.#idleMibMs / 1_024 / 3_600_000,
      appColdMedian: shares[Math.floor(shares.length / 2)] ?? 0,
      appColdUpper: shares[Math.floor((shares.length * 3) / 4)] ?? 0,
      errors: this.#score?.errors() ?? [],
    };
  }
}
