import type { AsyncPolicy } from '../async/messages.js';
import type { AccountId, PoolKey, Region } from '../kernel/ids.js';
import { poolKey, versionKey } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import { minuteMs, secondMs } from '../kernel/units.js';
import type { SeededRandom } from './random.js';

/** One simulated function; updates, deletion and reservation change it in place, as the configuration service would. */
export interface SimFunction {
  readonly name: string;
  readonly account: AccountId;
  readonly functionKey: string;
  readonly memoryMib: number;
  readonly timeoutMs: number;
  readonly durationMs: number;
  /** Its sandboxes start from a snapshot. */
  readonly saved: boolean;
  reserved: number | null;
  /** Provisioned sandboxes that somebody wants of it. */
  provisioned: number;
  generation: number;
  pool: PoolKey;
  exists: boolean;
}

/** What a seed draws before its run: each run has its own mix of load, sizes and faults (some of them switched off). */
export interface Scenario {
  readonly workers: number;
  readonly workerMemoryMib: number;
  readonly workerSandboxesMax: number;
  readonly accountConcurrency: number;
  readonly startingMax: number;
  readonly waitersMax: number;
  readonly idleMsMax: number;
  readonly lifetimeMs: number;
  readonly attemptsInFlightMax: number;
  readonly deliveriesInFlightMax: number;
  /** Mean milliseconds between arrivals, and the part of them that is asynchronous. */
  readonly arrivalGapMs: number;
  readonly asyncShare: number;
  /** Probability, per message. */
  readonly lost: number;
  readonly late: number;
  readonly repeated: number;
  /** Probability, per run of a box or invocation. */
  readonly bootFails: number;
  readonly bootHangs: number;
  readonly initFails: number;
  readonly initHangs: number;
  readonly crashes: number;
  readonly hangs: number;
  readonly errors: number;
  readonly deliveryFails: number;
  /** Mean milliseconds between events of the whole platform; infinite: never. */
  readonly updateGapMs: number;
  readonly workerDeathGapMs: number;
  readonly partitionGapMs: number;
  readonly restartGapMs: number;
  /** Part of the restarts that take the workers with them, as in the one-process platform. */
  readonly restartWithWorkers: number;
  /** Mean milliseconds between wishes for sandboxes ahead of invocations. */
  readonly planGapMs: number;
  /** Part of the updates that wait until the new version is ready. */
  readonly handovers: number;
  /** New sandboxes of one function in ten seconds. */
  readonly scalingEnvironmentsMax: number;
}

export const region = 'us-east-1' as Region;

/** Longest time a message is under way; what takes longer is lost (its connection is given up). */
export const messageMsMax = 2 * secondMs;
export const timeoutMsMax = 5 * secondMs;

export function drawScenario(random: SeededRandom): Scenario {
  const often = (probability: number, most: number) => (random.chance(probability) ? random.fraction() * most : 0);
  const gap = (probability: number, leastMs: number, mostMs: number) =>
    random.chance(probability) ? random.between(leastMs, mostMs) : Number.POSITIVE_INFINITY;
  return {
    workers: random.between(1, 5),
    workerMemoryMib: random.pick([1_024, 2_048, 4_096, 16_384]),
    workerSandboxesMax: random.pick([4, 16, 64, 1_000]),
    accountConcurrency: random.pick([10, 40, 200, 1_000]),
    startingMax: random.pick([1, 4, 64]),
    waitersMax: random.pick([5, 100, 10_000]),
    idleMsMax: random.pick([2, 20, 60]) * secondMs,
    lifetimeMs: random.pick([20, 120, 3_600]) * secondMs,
    attemptsInFlightMax: random.pick([1, 5, 50]),
    deliveriesInFlightMax: random.pick([1, 5, 50]),
    arrivalGapMs: random.pick([5, 20, 100, 500]),
    asyncShare: random.pick([0, 0.2, 0.5, 1]),
    lost: often(0.6, 0.02),
    late: often(0.6, 0.1),
    repeated: often(0.6, 0.1),
    bootFails: often(0.4, 0.6),
    bootHangs: often(0.2, 0.01),
    initFails: often(0.4, 0.2),
    initHangs: often(0.3, 0.05),
    crashes: often(0.5, 0.1),
    hangs: often(0.4, 0.05),
    errors: often(0.6, 0.2),
    deliveryFails: often(0.6, 0.5),
    updateGapMs: gap(0.8, 1_000, 30_000),
    workerDeathGapMs: gap(0.5, 10_000, 120_000),
    partitionGapMs: gap(0.3, 20_000, 120_000),
    restartGapMs: gap(0.5, 20_000, 120_000),
    restartWithWorkers: random.pick([0, 0.5, 1]),
    planGapMs: gap(0.7, 500, 20_000),
    handovers: random.pick([0, 0.5, 1]),
    scalingEnvironmentsMax: random.pick([10, 1_000, 1_000]),
  };
}

export function drawFunctions(random: SeededRandom, scenario: Scenario): SimFunction[] {
  const functions: SimFunction[] = [];
  const count = random.between(1, 12);
  for (let index = 0; index < count; index += 1) {
    const name = `f${index}`;
    const account = `00000000000${random.between(1, 2)}` as AccountId;
    functions.push({
      name,
      account,
      functionKey: `${account}/${region}/${name}`,
      memoryMib: random.pick([128, 256, 512, 1_024]),
      timeoutMs: random.pick([secondMs, 3 * secondMs, timeoutMsMax]),
      durationMs: random.pick([1, 20, 200]),
      saved: random.chance(0.3),
      reserved: random.chance(0.3) ? random.between(0, Math.ceil(scenario.accountConcurrency / 20)) : null,
      provisioned: 0,
      generation: 1,
      pool: poolOf(account, name, 1),
      exists: true,
    });
  }
  return functions;
}

/** What becomes of a function's events; the ARNs are as short as traces want them. */
export function drawPolicy(random: SeededRandom): Omit<AsyncPolicy, 'zeroReserved'> {
  const maybe = (arn: string) => (random.chance(0.4) ? arn : null);
  return {
    retriesMax: random.between(0, 2),
    eventAgeMsMax: random.pick([minuteMs, 10 * minuteMs, limits.asyncEventAgeMsMax]),
    onSuccessArn: maybe('success'),
    onFailureArn: maybe('failure'),
    deadLetterArn: maybe('dead'),
  };
}

export function poolOf(account: AccountId, name: string, generation: number): PoolKey {
  return poolKey(versionKey(account, region, name, '$LATEST'), generation);
}
