import type { PoolSample } from '../assignment/messages.js';
import type { VersionKey } from '../kernel/ids.js';
import { secondMs } from '../kernel/units.js';
import { DueList } from './duelist.js';
import type { CapacityEffect, CapacityInput } from './messages.js';
import { newPlan, notePool, noteUnchanged, type Plan } from './plan.js';
import { allotByWorth } from './policies/allot.js';
import { defaultChoice, forecastOf, keepAliveOf } from './policies/catalog.js';
import {
  type AllotPolicy,
  type KeepFacts,
  type PolicyChoice,
  recencyWorth,
  slotMs,
  type Want,
} from './policies/policy.js';

export interface CapacityOptions {
  /** Of functions without a choice of their own. */
  readonly choice?: PolicyChoice;
  readonly allot?: AllotPolicy;
  /** Function versions that are known; the one seen least recently is forgotten. */
  readonly versionsMax?: number;
  /** Part of the sandboxes' memory that idle ones may hold. */
  readonly idleMemoryShare?: number;
  /** Part of the memory nobody else needs that sandboxes may hold which nobody used yet. */
  readonly aheadMemoryShare?: number;
}

type Sample = Extract<CapacityInput, { kind: 'sample' }>;
type Wants = Map<VersionKey, Want>;

export const capacityDefaults = {
  choice: defaultChoice,
  allot: allotByWorth,
  /** 4 KiB each: 80 MiB. */
  versionsMax: 20_000,
  /** A burst finds a quarter of the memory free at once; for more, what is idle makes room. Ours. */
  idleMemoryShare: 0.75,
  /** Forecasts err: what they are wrong about must not push out what was used. Ours. */
  aheadMemoryShare: 0.2,
} as const;

/** Starts ahead of time: two boots a core and second on the smallest machine; as many saved up as one slot has. */
const startsPerSecond = 4;
const startsMax = (startsPerSecond * slotMs) / secondMs;
/** A forecast looks this far at least, and twice as far as a start takes: there must be time to act. */
const horizonMsMin = 20 * secondMs;
/** Sandboxes that will be there again in time go so soon after use: another invocation may follow at once. */
const afterUseMs = 10 * secondMs;
/** A keep that changed by less is not worth telling. */
const keepChangeMin = 0.1;
/** What was asked for exists after this, or was refused. */
const settledMs = slotMs;
const never = Number.POSITIVE_INFINITY;
const nothing: readonly CapacityEffect[] = [];

/**
 * Plans ahead, by policies: how long idle sandboxes of each pool are worth their memory, and how many sandboxes there shall
 * be before somebody waits for them. Sees sums, once a second; assignment alone decides about single sandboxes, and may
 * not follow (no room).
 */
export class CapacityMachine {
  readonly #options: Required<CapacityOptions>;
  /** Least recently seen first, slot by slot. */
  readonly #plans = new Map<VersionKey, Plan>();
  readonly #due = new DueList();
  /** With sandboxes that nobody used yet. */
  readonly #ahead = new Set<Plan>();
  /** Seen in the present sample, and in the present slot. */
  #seen: Plan[] = [];
  #inSlot: Plan[] = [];
  #sample = 0;
  #slot = -1;
  #starts = startsMax;
  #nowMs = 0;
  #effects: CapacityEffect[] = [];

  constructor(options: CapacityOptions = {}) {
    this.#options = { ...capacityDefaults, ...options };
  }

  /** Function versions known. */
  get versions(): number {
    return this.#plans.size;
  }

  step(input: CapacityInput): readonly CapacityEffect[] {
    this.#effects = [];
    switch (input.kind) {
      case 'sample':
        this.#look(input);
        break;
      case 'choose':
        this.#choose(this.#planOf(input.version), input.choice);
        break;
      case 'forget': {
        const plan = this.#plans.get(input.version);
        if (plan !== undefined) this.#forget(plan);
      }
    }
    return this.#effects.length === 0 ? nothing : this.#effects;
  }

  #look({ nowMs, pools, memory }: Sample): void {
    const elapsedMs = this.#sample === 0 ? 0 : Math.max(0, nowMs - this.#nowMs);
    this.#starts = Math.min(startsMax, this.#starts + (elapsedMs * startsPerSecond) / secondMs);
    this.#nowMs = nowMs;
    const slot = Math.floor(nowMs / slotMs);
    if (this.#sample === 0) this.#slot = slot;
    this.#sample += 1;
    this.#seen = [];
    for (const pool of pools) this.#add(pool);
    for (const plan of this.#seen) this.#follow(plan);
    const idleMibMax = Math.max(1, memory.totalMib * this.#options.idleMemoryShare);
    const idleMib = this.#letGo(idleMibMax);
    const wants: Wants = new Map();
    if (slot !== this.#slot) {
      this.#slot = slot;
      this.#endSlot(idleMib / idleMibMax, wants);
    }
    for (const plan of this.#seen) this.#keep(plan);
    this.#takeDue(wants);
    const aheadMib = this.#countAhead();
    if (wants.size === 0) return;
    const freeMib = memory.totalMib - memory.usedMib;
    // What is there ahead of time counts as free, or each slot would take its share of what is left. It is idle, too, and
    // must not be what is let go next.
    const aheadMibMax = this.#options.aheadMemoryShare * Math.max(0, freeMib + aheadMib);
    this.#warm([...wants.values()], Math.min(freeMib, aheadMibMax - aheadMib, idleMibMax - idleMib));
  }

  #add(pool: PoolSample): void {
    const plan = this.#planOf(pool.version);
    if (noteUnchanged(plan, pool, this.#sample)) {
      this.#seen.push(plan);
      return;
    }
    if (plan.sample !== this.#sample) {
      if (plan.sample !== this.#sample - 1) {
        plan.inUse = false;
        plan.fullMs = this.#nowMs;
      }
      plan.sample = this.#sample;
      plan.busy = 0;
      plan.peak = 0;
      plan.arrivals = 0;
      plan.unused = 0;
      plan.have = 0;
      this.#seen.push(plan);
    }
    plan.memoryMib = pool.memoryMib;
    plan.busy += pool.busy;
    plan.peak += pool.peak;
    plan.arrivals += pool.arrivals;
    plan.have += pool.busy + pool.idle + pool.starting;
    // One that served a moment ago is no idle one; provisioned ones are there to wait.
    const used = Math.max(pool.busy, pool.peak, pool.provisioned.available);
    const unused = Math.min(pool.idle, Math.max(0, pool.busy + pool.idle - used));
    plan.unused += unused;
    if (pool.startMs !== undefined) plan.startMs = pool.startMs;
    notePool(plan, pool, this.#sample, unused);
  }

  /** Takes up whether it was used since the last sample, and after what gap. */
  #follow(plan: Plan): void {
    const nowMs = this.#nowMs;
    if (plan.slot !== this.#slot) {
      plan.slot = this.#slot;
      plan.slotPeak = 0;
      this.#inSlot.push(plan);
    }
    if (plan.pools.length > 1) plan.pools = plan.pools.filter(({ sample }) => sample === this.#sample);
    if (plan.unused === 0) plan.fullMs = nowMs;
    const inUse = plan.busy > 0 || plan.peak > 0 || plan.arrivals > 0;
    if (inUse) {
      plan.slotPeak = Math.max(plan.slotPeak, plan.peak, plan.busy);
      if (plan.usedMs >= 0 && !plan.inUse && plan.keepAlive !== null) {
        plan.keepState = plan.keepAlive.observe(plan.keepState, nowMs - plan.usedMs, nowMs);
        plan.decision = null;
      }
      plan.usedMs = nowMs;
    }
    plan.inUse = inUse;
    if (plan.decision === null) this.#decide(plan, 0);
    if (!inUse) return;
    plan.prewarmMs = nowMs + (plan.decision?.prewarmMs ?? never);
    if (plan.prewarmMs < never) this.#due.list(plan, plan.prewarmMs);
  }

  #decide(plan: Plan, pressure: number): void {
    const idleMs = plan.usedMs < 0 ? 0 : this.#nowMs - plan.usedMs;
    plan.decision = plan.keepAlive?.decide(plan.keepState, this.#factsOf(plan, idleMs, pressure)) ?? null;
  }

  #factsOf({ memoryMib, startMs }: Plan, idleMs: number, pressure: number): KeepFacts {
    return { nowMs: this.#nowMs, memoryMib: Math.max(1, memoryMib), initMs: startMs, idleMs, pressure };
  }

  /**
   * Lets go what is worth least until idle memory fits its budget: as many as that takes, and none that was at work a moment
   * ago, for it is about to be again. Returns what idle sandboxes hold then, MiB.
   */
  #letGo(budgetMib: number): number {
    let idleMib = 0;
    for (const { unused, memoryMib } of this.#seen) idleMib += unused * memoryMib;
    if (idleMib <= budgetMib) return idleMib;
    for (const { plan, count } of this.#leastFirst(idleMib / budgetMib)) {
      const going = Math.min(count, Math.ceil((idleMib - budgetMib) / Math.max(1, plan.memoryMib)));
      if (going <= 0) break;
      idleMib -= going * plan.memoryMib;
      this.#tellGoing(plan, going);
    }
    return idleMib;
  }

  /** Idle sandboxes by what the next cold start without them costs; those beyond a function's last use of many by their own. */
  #leastFirst(pressure: number): readonly { plan: Plan; count: number; worth: number }[] {
    const candidates = [];
    for (const plan of this.#seen) {
      if (plan.unused === 0) continue;
      const worth = (sinceMs: number) => {
        const facts = this.#factsOf(plan, this.#nowMs - sinceMs, pressure);
        return (plan.keepAlive?.decide(plan.keepState, facts) ?? { worth: recencyWorth(facts) }).worth;
      };
      const inReserve = Math.max(plan.usedPeak, plan.slotPeak) - (plan.have - plan.unused);
      const reserve = Math.min(plan.unused, Math.max(0, inReserve));
      const surplus = plan.unused - reserve;
      if (surplus > 0) candidates.push({ plan, count: surplus, worth: worth(plan.fullMs) });
      if (reserve > 0) candidates.push({ plan, count: reserve, worth: worth(Math.max(plan.fullMs, plan.usedMs)) });
    }
    return candidates.sort((one, other) => one.worth - other.worth);
  }

  #tellGoing(plan: Plan, count: number): void {
    let left = count;
    for (const { pool, sample, unused } of plan.pools) {
      const going = sample === this.#sample ? Math.min(left, unused) : 0;
      if (going <= 0) continue;
      left -= going;
      this.#effects.push({ kind: 'let-go', pool, count: going });
    }
  }

  #endSlot(pressure: number, wants: Wants): void {
    for (const plan of this.#inSlot) {
      if (plan.forgotten) continue;
      if (plan.slotPeak > 0) plan.usedPeak = plan.slotPeak;
      // Who goes first matters when there are many.
      if (2 * this.#plans.size > this.#options.versionsMax) {
        this.#plans.delete(plan.version);
        this.#plans.set(plan.version, plan);
      }
      this.#decide(plan, pressure);
      if (plan.forecast === null) continue;
      plan.forecastState = plan.forecast.observe(plan.forecastState, plan.slotPeak, this.#slot * slotMs);
      this.#predict(plan, wants);
    }
    // What is in the present sample belongs to the new slot, too.
    this.#inSlot = this.#seen.filter((plan) => !plan.forgotten);
    for (const plan of this.#inSlot) {
      plan.slot = this.#slot;
      plan.slotPeak = plan.busy;
    }
  }

  #predict(plan: Plan, wants: Wants): void {
    const horizonMs = Math.max(horizonMsMin, 2 * plan.startMs);
    const forecast = plan.forecast!.predict(plan.forecastState, this.#nowMs, horizonMs);
    const have = this.#haveOf(plan);
    if (forecast.concurrency > have) {
      const sureness = forecast.concurrency / (forecast.concurrency + forecast.error);
      want(wants, plan, forecast.concurrency, have, plan.startMs * sureness);
    }
    plan.againMs = forecast.nextMs === null ? never : Math.max(this.#nowMs + 1, forecast.nextMs - horizonMs);
    if (plan.againMs < never) this.#due.list(plan, plan.againMs);
  }

  #takeDue(wants: Wants): void {
    for (;;) {
      const plan = this.#due.take(this.#nowMs, this.#plans.size);
      if (plan === null) return;
      if (plan.prewarmMs <= this.#nowMs) {
        plan.prewarmMs = never;
        const have = this.#haveOf(plan);
        if (have === 0) want(wants, plan, 1, 0, plan.startMs);
      }
      if (plan.againMs <= this.#nowMs) {
        plan.againMs = never;
        if (plan.forecast !== null) this.#predict(plan, wants);
      }
      this.#due.list(plan, Math.min(plan.prewarmMs, plan.againMs));
    }
  }

  #haveOf(plan: Plan): number {
    return plan.sample === this.#sample ? plan.have : 0;
  }

  #warm(wants: readonly Want[], memoryMib: number): void {
    const budget = { memoryMib, startsMax: Math.floor(this.#starts) };
    for (const { version, count } of this.#options.allot(wants, budget)) {
      const plan = this.#plans.get(version);
      if (plan === undefined) continue;
      const more = count - this.#haveOf(plan);
      this.#starts -= more;
      plan.ahead += more;
      plan.aheadMs = this.#nowMs;
      this.#ahead.add(plan);
      this.#effects.push({ kind: 'warm', version, count });
    }
  }

  /** MiB of sandboxes that were asked for and not used yet, or cannot be told from such. */
  #countAhead(): number {
    let sumMib = 0;
    for (const plan of this.#ahead) {
      if (this.#nowMs - plan.aheadMs >= settledMs) {
        plan.ahead = Math.min(plan.ahead, Math.max(0, this.#haveOf(plan) - Math.max(plan.busy, plan.peak)));
      }
      if (plan.ahead === 0 || plan.forgotten) this.#ahead.delete(plan);
      else sumMib += plan.ahead * plan.memoryMib;
    }
    return sumMib;
  }

  #keep(plan: Plan): void {
    const wantedMs = this.#keepMsOf(plan);
    for (const known of plan.pools) {
      const { toldMs } = known;
      if (known.sample !== this.#sample || toldMs === wantedMs) continue;
      if (toldMs !== null && wantedMs !== null && toldMs > 0 && wantedMs > 0) {
        if (Math.abs(wantedMs - toldMs) <= keepChangeMin * toldMs) continue;
      }
      known.toldMs = wantedMs;
      this.#effects.push({ kind: 'keep', pool: known.pool, idleMsMax: wantedMs });
    }
  }

  #keepMsOf(plan: Plan): number | null {
    const { decision } = plan;
    if (decision === null) return null;
    const isAwaited = decision.prewarmMs !== null && plan.usedMs >= 0 && this.#nowMs < plan.usedMs + decision.prewarmMs;
    return Math.round(isAwaited ? Math.min(afterUseMs, decision.keepMs) : decision.keepMs);
  }

  #choose(plan: Plan, choice: PolicyChoice | null): void {
    const { keepAlive, forecast } = this.#policiesOf(choice);
    if (plan.keepAlive !== keepAlive && plan.keepAlive?.name !== keepAlive?.name) {
      plan.keepAlive = keepAlive;
      plan.keepState = keepAlive?.begin() ?? null;
      plan.decision = null;
      plan.prewarmMs = never;
    }
    if (plan.forecast === forecast) return;
    plan.forecast = forecast;
    plan.forecastState = forecast?.begin() ?? null;
    plan.againMs = never;
  }

  #policiesOf(choice: PolicyChoice | null) {
    const own = this.#options.choice;
    const keepAlive = keepAliveOf(choice?.keepAlive ?? own.keepAlive);
    const forecast = forecastOf(choice?.forecast ?? own.forecast);
    return {
      keepAlive: keepAlive === undefined ? (keepAliveOf(own.keepAlive) ?? null) : keepAlive,
      forecast: forecast === undefined ? (forecastOf(own.forecast) ?? null) : forecast,
    };
  }

  #planOf(version: VersionKey): Plan {
    const known = this.#plans.get(version);
    if (known !== undefined) return known;
    if (this.#plans.size >= this.#options.versionsMax) {
      for (const least of this.#plans.values()) {
        this.#forget(least);
        break;
      }
    }
    const { keepAlive, forecast } = this.#policiesOf(null);
    const plan = newPlan(version, keepAlive, forecast);
    this.#plans.set(version, plan);
    return plan;
  }

  #forget(plan: Plan): void {
    plan.forgotten = true;
    this.#plans.delete(plan.version);
    this.#ahead.delete(plan);
  }
}

/** The larger of two for one version. */
function want(wants: Wants, { version, memoryMib }: Plan, count: number, have: number, worth: number): void {
  if (count <= (wants.get(version)?.count ?? 0)) return;
  wants.set(version, { version, memoryMib: Math.max(1, memoryMib), count, have, worth });
}
