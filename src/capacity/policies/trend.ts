import { minuteMs } from '../../kernel/units.js';
import {
  type MinutePeaks,
  minutesMax,
  noMinutes,
  peakOf,
  recordPeak,
  repeatedNextMs,
  repeatedPeak,
} from './minutes.js';
import { periodOf } from './period.js';
import { type Forecast, type ForecastPolicy, slotMs } from './policy.js';

/** Holt's double smoothing: how much the last slot counts for level and slope. Ours, by the simulator. */
const levelShare = 0.5;
const slopeShare = 0.3;
const errorShare = 0.1;
/** Slots without use after which nothing is left of level and slope: 0.5^20. */
const forgottenSlots = 20;
/** Minutes between two looks for a period. */
const periodEvery = 5;
/** A day repeats itself when it misses less than this part of what it is made of. */
const dayMissMax = 0.5;
/** A step grows to at most this many times what was seen. */
const growthMax = 2;
const noiseShare = 0.5;
/** A part of a sandbox that is not worth one. */
const roundedDown = 0.1;
const half = 0.5;

export interface Trend {
  level: number;
  slope: number;
  error: number;
  /** Mean of what was too little: what is added on top. Too much is no reason for more. */
  shortfall: number;
  lastMs: number;
  lastPeak: number;
  /** Made with the second minute of use: most functions never have one. */
  minutes: MinutePeaks | null;
  /** Of the first minute, until then. */
  firstMs: number;
  firstPeak: number;
  period: number;
  lookedMinute: number;
  periodShortfall: number;
  dayMiss: number;
  dayPeak: number;
  /** Peak of the present minute a day ago. */
  yesterday: number;
}

/**
 * Level and slope of the last slots (Holt), or what was one period before, whichever is more; and what either
 * was short of on average, on top. A period is the strongest autocorrelation of the minutes' peaks, 2 to 60 minutes, or a day.
 */
export const trendForecast: ForecastPolicy<Trend> = {
  name: 'trend',
  begin: () => ({
    level: 0,
    slope: 0,
    error: 0,
    shortfall: 0,
    lastMs: -1,
    lastPeak: 0,
    minutes: null,
    firstMs: -1,
    firstPeak: 0,
    period: 0,
    lookedMinute: -1,
    periodShortfall: 0,
    dayMiss: 0,
    dayPeak: 0,
    yesterday: 0,
  }),

  observe(state, peak, nowMs) {
    if (state.lastMs < 0) state.level = peak;
    else {
      skip(state, Math.round((nowMs - state.lastMs) / slotMs) - 1);
      smooth(state, peak);
    }
    state.lastMs = nowMs;
    state.lastPeak = peak;
    remember(state, peak, nowMs);
    return state;
  },

  predict(state, nowMs, horizonMs) {
    const slots = Math.ceil(horizonMs / slotMs);
    const isQuiet = nowMs - state.lastMs > slotMs * forgottenSlots;
    // A slope within what the last slots were off by is noise: as many as there were are there already.
    const slope = state.slope > state.error * noiseShare ? state.slope : 0;
    const rise = state.level + slots * slope;
    const risen = isQuiet ? 0 : Math.min(rise, growthMax * Math.max(1, state.lastPeak));
    const trend = sandboxesOf(risen, slope > 0 ? state.shortfall : 0);
    const { minutes } = state;
    if (minutes === null) return { concurrency: trend, error: state.error, nextMs: null };
    return seasonal(state, minutes, trend, nowMs, horizonMs);
  },
};

function seasonal(state: Trend, minutes: MinutePeaks, trend: number, nowMs: number, horizonMs: number): Forecast {
  let concurrency = trend;
  let nextMs: number | null = null;
  if (isStill(state, nowMs)) {
    const peak = repeatedPeak(minutes, state.period, nowMs, horizonMs);
    concurrency = Math.max(concurrency, sandboxesOf(peak, state.periodShortfall));
    nextMs = repeatedNextMs(minutes, state.period, nowMs, horizonMs);
  }
  if (state.dayPeak > 0 && state.dayMiss <= dayMissMax * state.dayPeak) {
    concurrency = Math.max(concurrency, repeatedPeak(minutes, minutesMax, nowMs, horizonMs));
    const dayNextMs = repeatedNextMs(minutes, minutesMax, nowMs, horizonMs);
    if (dayNextMs !== null) nextMs = Math.min(nextMs ?? dayNextMs, dayNextMs);
  }
  return { concurrency, error: state.error, nextMs };
}

/** The period was met lately; one that was missed twice is none. */
function isStill({ period, lastMs }: Trend, nowMs: number): boolean {
  return period > 0 && nowMs - lastMs < 2 * period * minuteMs;
}

function sandboxesOf(expected: number, error: number): number {
  return expected < half ? 0 : Math.ceil(expected + error - roundedDown);
}

function smooth(state: Trend, peak: number): void {
  const expected = Math.max(0, state.level + state.slope);
  state.error += errorShare * (Math.abs(expected - peak) - state.error);
  state.shortfall += errorShare * (Math.max(0, peak - expected) - state.shortfall);
  const level = levelShare * peak + (1 - levelShare) * expected;
  state.slope = level > 0 ? slopeShare * (level - state.level) + (1 - slopeShare) * state.slope : 0;
  state.level = level;
}

function skip(state: Trend, slots: number): void {
  for (let slot = 0; slot < Math.min(slots, forgottenSlots); slot += 1) smooth(state, 0);
  if (slots < forgottenSlots) return;
  state.level = 0;
  state.slope = 0;
}

function remember(state: Trend, peak: number, nowMs: number): void {
  const minute = Math.floor((nowMs - 1) / minuteMs);
  if (state.minutes === null) {
    if (state.firstMs < 0) state.firstMs = nowMs;
    if (Math.floor((state.firstMs - 1) / minuteMs) === minute) {
      state.firstPeak = Math.max(state.firstPeak, peak);
      return;
    }
    state.minutes = noMinutes();
    recordPeak(state.minutes, state.firstPeak, state.firstMs);
  }
  const { minutes } = state;
  if (minute > minutes.lastMinute) {
    assess(state, minutes, minute);
    recordPeak(minutes, peak, nowMs);
    if (minute - state.lookedMinute >= periodEvery) {
      state.lookedMinute = minute;
      const period = periodOf(minutes);
      if (period !== state.period) state.periodShortfall = 0;
      state.period = period;
    }
  } else recordPeak(minutes, peak, nowMs);
}

/** Before a new minute: what its period and the day before would have said of those that are over. */
function assess(state: Trend, minutes: MinutePeaks, minute: number): void {
  const { lastMinute } = minutes;
  const met = peakOf(minutes, lastMinute);
  if (state.period > 0) {
    const short = Math.max(0, met - peakOf(minutes, lastMinute - state.period));
    state.periodShortfall += errorShare * (short - state.periodShortfall);
  }
  compareDays(state, state.yesterday, met);
  for (let unused = Math.max(lastMinute + 1, minute - minutesMax); unused < minute; unused += 1) {
    compareDays(state, peakOf(minutes, unused - minutesMax), 0);
  }
  // A minute is written where its yesterday was.
  state.yesterday = peakOf(minutes, minute - minutesMax);
}

function compareDays(state: Trend, yesterday: number, today: number): void {
  if (yesterday === 0 && (today === 0 || state.dayPeak === 0)) return;
  state.dayMiss += errorShare * (Math.abs(yesterday - today) - state.dayMiss);
  state.dayPeak += errorShare * (Math.max(yesterday, today) - state.dayPeak);
}
