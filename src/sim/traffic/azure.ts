import { dayMs, hourMs, minuteMs } from '../../kernel/units.js';
import { SeededRandom } from '../random.js';

// Synthetic traffic shaped by what "Serverless in the Wild" (Shahrad et al., ATC '20) tells of Azure Functions.

/** How invocations of a function come; what the paper's triggers become here is ours. */
export type Pattern = 'timer' | 'poisson' | 'daily' | 'bursts';

export interface TrafficFunction {
  readonly name: string;
  /** Number of its app. */
  readonly app: number;
  readonly memoryMib: number;
  readonly initMs: number;
  /** Median of its runs; single ones vary by a third. */
  readonly durationMs: number;
  readonly perDay: number;
  readonly pattern: Pattern;
  /** Milliseconds into the day: when a timer ticks, when a day's use is largest. */
  readonly phaseMs: number;
}

/** 54 % of the apps have one function. */
const singleShare = 0.54;
const appFunctionsMax = 30;
/** 45 % run at most hourly, 81 % at most once a minute; the rest make 99.6 % of the calls. */
const hourlyShare = 0.45;
export const minutelyShare = 0.814;
const timerShare = 0.29;
const durationMsMax = 900_000;
/** No function alone is at work more often than this at once: the longest ones are not the most frequent ones. Ours. */
const concurrencyMax = 200;
const memorySizes = [128, 256, 512, 1_024, 1_536, 2_048, 3_072, 4_096, 6_144, 8_192, 10_240];

/** Evenly spread over 0 … 1 in random order: the shares of a small world are those of a large one. */
function stratified(count: number, random: SeededRandom): number[] {
  const all = Array.from({ length: count }, (_, index) => (index + 0.5) / count);
  for (let index = count - 1; index > 0; index -= 1) {
    const other = random.between(0, index);
    [all[index], all[other]] = [all[other]!, all[index]!];
  }
  return all;
}

/** Between `least` and `most`, density falling with the power `1 + alpha`. */
function pareto(fraction: number, alpha: number, least: number, most: number): number {
  const rest = 1 - (least / most) ** alpha;
  return least * (1 - fraction * rest) ** (-1 / alpha);
}

/** Exponents are ours: those with which the top makes 99.6 %. */
function perDayOf(quantile: number): number {
  if (quantile < hourlyShare) return pareto(quantile / hourlyShare, 1, 1, 24);
  if (quantile < minutelyShare) return pareto((quantile - hourlyShare) / (minutelyShare - hourlyShare), 3, 24, 1_440);
  return pareto((quantile - minutelyShare) / (1 - minutelyShare), 0.7, 1_441, 1_000_000);
}

/** The paper's Burr distribution of allocated memory: c 11.652, k 0.221, λ 107.083 MB. */
export function memoryMbOf(quantile: number): number {
  return 107.083 * ((1 - quantile) ** (-1 / 0.221) - 1) ** (1 / 11.652);
}

/** Standard normal, from two fractions (Box and Muller). */
function normal(random: SeededRandom): number {
  return Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction());
}

export function drawTraffic(seed: number, count: number): TrafficFunction[] {
  const random = new SeededRandom(seed);
  const rates = stratified(count, random);
  const memories = stratified(count, random);
  const functions: TrafficFunction[] = [];
  for (let app = 0, singles = 0; functions.length < count; app += 1) {
    const isSingle = singles < singleShare * (app + 1);
    if (isSingle) singles += 1;
    const size = isSingle ? 1 : Math.floor(pareto(random.fraction(), 1, 2, appFunctionsMax));
    for (let member = 0; member < size && functions.length < count; member += 1) {
      const index = functions.length;
      const perDay = Math.ceil(perDayOf(rates[index]!));
      // Durations of the paper: log-normal, μ −0.38 and σ 2.36 of seconds.
      const drawnMs = Math.exp(-0.38 + 2.36 * normal(random)) * 1_000;
      const mb = memoryMbOf(memories[index]!);
      functions.push({
        name: `f${index}`,
        app,
        memoryMib: memorySizes.find((size) => size >= mb) ?? memorySizes.at(-1)!,
        // Median 250 ms, log-normal. Ours.
        initMs: Math.round(Math.min(10_000, 250 * Math.exp(0.7 * normal(random)))),
        durationMs: Math.max(1, Math.min(drawnMs, durationMsMax, (concurrencyMax * dayMs) / perDay)),
        perDay,
        pattern: patternOf(random.fraction()),
        phaseMs: random.between(0, dayMs - 1),
      });
    }
  }
  return functions;
}

function patternOf(fraction: number): Pattern {
  if (fraction < timerShare) return 'timer';
  if (fraction < 0.5) return 'poisson';
  return fraction < 0.85 ? 'daily' : 'bursts';
}

/** A burst: so many within so long. */
const burstMean = 10;
const burstGapMs = 500;
const dailySwing = 0.8;

/** The function's arrivals, one after the other; by its own chance, so that they are the same whatever serves them. */
export class Arrivals {
  readonly #pattern: Pattern;
  readonly #perDay: number;
  readonly #phaseMs: number;
  readonly #durationMs: number;
  readonly #random: SeededRandom;
  /** Of its own: runs begin in another order under another policy. */
  readonly #runs: SeededRandom;
  #left = 0;

  constructor(of: TrafficFunction, seed: number) {
    // What is looked at all the time lies in one place.
    this.#pattern = of.pattern;
    this.#perDay = of.perDay;
    this.#phaseMs = of.phaseMs;
    this.#durationMs = of.durationMs;
    this.#random = new SeededRandom(seed);
    this.#runs = new SeededRandom(seed + 0.5 * 2 ** 32);
  }

  /** Milliseconds into the day of the first one. */
  first(): number {
    return this.#pattern === 'timer' ? Math.floor(this.#phaseMs % (dayMs / this.#perDay)) : this.#gap(0);
  }

  /** Of the one after that at `atMs`. */
  next(atMs: number): number {
    return atMs + (this.#pattern === 'timer' ? Math.max(1, Math.round(dayMs / this.#perDay)) : this.#gap(atMs));
  }

  /** How long the run takes that begins now, milliseconds. */
  duration(): number {
    const share = Math.exp(0.3 * normal(this.#runs));
    return Math.max(1, Math.round(Math.min(durationMsMax, this.#durationMs * share)));
  }

  #gap(atMs: number): number {
    const pattern = this.#pattern;
    const perDay = this.#perDay;
    const meanMs = dayMs / perDay;
    if (pattern === 'poisson') return this.#random.gap(meanMs);
    if (pattern === 'daily') {
      const rate = 1 + dailySwing * Math.cos((2 * Math.PI * (atMs - this.#phaseMs)) / dayMs);
      // A quiet night must not be jumped over: at most an hour at the rate of now.
      const gapMs = this.#random.gap(meanMs / rate);
      return meanMs < hourMs ? Math.min(gapMs, hourMs + this.#random.gap(meanMs)) : gapMs;
    }
    if (this.#left > 0) {
      this.#left -= 1;
      return this.#random.gap(Math.min(burstGapMs, meanMs));
    }
    this.#left = Math.min(perDay, this.#random.gap(burstMean)) - 1;
    return this.#random.gap(Math.max(meanMs, meanMs * burstMean - minuteMs / 10));
  }
}
