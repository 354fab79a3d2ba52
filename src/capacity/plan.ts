import type { PoolSample } from '../assignment/messages.js';
import type { PoolKey, VersionKey } from '../kernel/ids.js';
import type { AnyForecast, AnyKeepAlive } from './policies/catalog.js';
import type { KeepDecision } from './policies/policy.js';

/** One pool of a version: what was seen in the last sample, and what assignment was told. */
export interface PlannedPool {
  readonly pool: PoolKey;
  /** As it was then. */
  last: PoolSample;
  /** Number of the last sample it was in, and its sandboxes then that nobody used since the one before and that may go. */
  sample: number;
  unused: number;
  /** Assignment keeps its idle sandboxes so long; null: as configured. */
  toldMs: number | null;
}

/** All that is known of one function version. At most 4 KiB: a histogram of 480 B, a day's minutes of 2,880 B, the rest. */
export interface Plan {
  readonly version: VersionKey;
  memoryMib: number;
  /** How long a start takes, as of late. */
  startMs: number;
  keepAlive: AnyKeepAlive | null;
  keepState: unknown;
  forecast: AnyForecast | null;
  forecastState: unknown;
  decision: KeepDecision | null;

  /** Sums over its pools in sample number `sample`. */
  sample: number;
  busy: number;
  peak: number;
  arrivals: number;
  /** Sandboxes that nobody used since the sample before, and that may go. */
  unused: number;
  /** Sandboxes that exist or are on their way. */
  have: number;
  pools: PlannedPool[];

  /** In use in its last sample. */
  inUse: boolean;
  /** Epoch ms; -1: not yet. */
  usedMs: number;
  /** Number of the slot it was seen in last, and largest concurrency in it. */
  slot: number;
  slotPeak: number;
  /** The same of the slot before in which it was in use at all. */
  usedPeak: number;
  /** When all of its sandboxes were last in use: since then, about, those idle longest have been idle. Epoch ms. */
  fullMs: number;
  /** Sandboxes asked for that nobody used yet, and since when. */
  ahead: number;
  aheadMs: number;
  /** When idle time makes it worth having a sandbox again, and when the forecast wants to be asked again; Infinity: never. */
  prewarmMs: number;
  againMs: number;
  /** When the list of due ones holds it; Infinity: it does not. */
  listedMs: number;
  forgotten: boolean;
}

export function newPlan(version: VersionKey, keepAlive: AnyKeepAlive | null, forecast: AnyForecast | null): Plan {
  return {
    version,
    memoryMib: 0,
    startMs: startMsDefault,
    keepAlive,
    keepState: keepAlive?.begin() ?? null,
    forecast,
    forecastState: forecast?.begin() ?? null,
    decision: null,
    sample: -1,
    busy: 0,
    peak: 0,
    arrivals: 0,
    unused: 0,
    have: 0,
    pools: [],
    inUse: false,
    usedMs: -1,
    slot: -1,
    slotPeak: 0,
    usedPeak: 0,
    fullMs: 0,
    ahead: 0,
    aheadMs: 0,
    prewarmMs: Number.POSITIVE_INFINITY,
    againMs: Number.POSITIVE_INFINITY,
    listedMs: Number.POSITIVE_INFINITY,
    forgotten: false,
  };
}

/** True: the only pool of the plan is in sample number `sample` as it was in the one before, as most are, and all sums are right. */
export function noteUnchanged(plan: Plan, pool: PoolSample, sample: number): boolean {
  const { pools } = plan;
  const only = pools[0];
  if (only?.last !== pool || pools.length > 1 || plan.sample !== sample - 1) return false;
  plan.sample = sample;
  only.sample = sample;
  return true;
}

/** The pool is in sample number `sample`. */
export function notePool({ pools }: Plan, last: PoolSample, sample: number, unused: number): void {
  const known = pools.find(({ pool }) => pool === last.pool);
  if (known === undefined) {
    pools.push({ pool: last.pool, last, sample, unused, toldMs: null });
    return;
  }
  // It was gone in between: a new one is kept as configured.
  if (known.sample !== sample - 1) known.toldMs = null;
  known.sample = sample;
  known.last = last;
  known.unused = unused;
}

/** Until one was seen. Ours: a boot from a spare and the init of a function of medium size. */
const startMsDefault = 250;
