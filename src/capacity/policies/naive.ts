import { minuteMs } from '../../kernel/units.js';
import { type MinutePeaks, minutesMax, noMinutes, recordPeak, repeatedNextMs, repeatedPeak } from './minutes.js';
import { type ForecastPolicy, slotMs } from './policy.js';

// What a forecast has to be better than.

const errorShare = 0.1;
/** A last slot counts till the one after the next begins. */
const lastedMs = 2 * slotMs;

interface LastSlot {
  peak: number;
  atMs: number;
  error: number;
}

/** The next slot will be as the last one. */
export const naiveForecast: ForecastPolicy<LastSlot> = {
  name: 'naive',
  begin: () => ({ peak: 0, atMs: 0, error: 0 }),
  observe(state, peak, nowMs) {
    state.error += errorShare * (Math.abs(peak - state.peak) - state.error);
    state.peak = peak;
    state.atMs = nowMs;
    return state;
  },
  predict: ({ peak, atMs, error }, nowMs) => ({ concurrency: nowMs - atMs < lastedMs ? peak : 0, error, nextMs: null }),
};

interface LastDay {
  readonly minutes: MinutePeaks;
  error: number;
}

/** Each minute will be as it was a day before. */
export const dailyForecast: ForecastPolicy<LastDay> = {
  name: 'daily',
  begin: () => ({ minutes: noMinutes(), error: 0 }),
  observe(state, peak, nowMs) {
    const before = repeatedPeak(state.minutes, minutesMax, nowMs - 1, 0);
    state.error += errorShare * (Math.abs(peak - before) - state.error);
    recordPeak(state.minutes, peak, nowMs);
    return state;
  },
  predict: ({ minutes, error }, nowMs, horizonMs) => ({
    concurrency: repeatedPeak(minutes, minutesMax, nowMs, horizonMs),
    error,
    nextMs: repeatedNextMs(minutes, minutesMax, nowMs, horizonMs),
  }),
};

/** Ten slots of a minute are remembered. */
const windowMinutes = 10;

interface Maximum {
  readonly peaks: Uint16Array;
  minute: number;
  error: number;
}

/** The largest of the last ten minutes. */
export const maximumForecast: ForecastPolicy<Maximum> = {
  name: 'maximum',
  begin: () => ({ peaks: new Uint16Array(windowMinutes), minute: 0, error: 0 }),
  observe(state, peak, nowMs) {
    state.error += errorShare * (Math.abs(peak - largest(state, nowMs)) - state.error);
    forget(state, nowMs);
    const index = state.minute % windowMinutes;
    state.peaks[index] = Math.max(state.peaks[index]!, peak);
    return state;
  },
  predict: (state, nowMs) => ({ concurrency: largest(state, nowMs), error: state.error, nextMs: null }),
};

function forget(state: Maximum, nowMs: number): void {
  const minute = Math.floor((nowMs - 1) / minuteMs);
  const gone = Math.min(windowMinutes, minute - state.minute);
  for (let offset = 0; offset < gone; offset += 1) state.peaks[(minute - offset) % windowMinutes] = 0;
  state.minute = minute;
}

function largest(state: Maximum, nowMs: number): number {
  forget(state, nowMs);
  return Math.max(...state.peaks);
}
