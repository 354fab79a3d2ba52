import { minuteMs } from '../../kernel/units.js';

/** A day. */
export const minutesMax = 1_440;
const peakMax = 65_535;

/** Largest concurrency of each minute of the last day; 2,880 B. */
export interface MinutePeaks {
  readonly peaks: Uint16Array;
  /** The minute (since the epoch) written last, and the first one ever; -1 before. */
  lastMinute: number;
  firstMinute: number;
}

export function noMinutes(): MinutePeaks {
  return { peaks: new Uint16Array(minutesMax), lastMinute: -1, firstMinute: -1 };
}

/** The slot that ends at `nowMs` had this peak. Minutes left out were without use. */
export function recordPeak(minutes: MinutePeaks, peak: number, nowMs: number): void {
  const minute = Math.floor((nowMs - 1) / minuteMs);
  if (minutes.firstMinute < 0) minutes.firstMinute = minute;
  else {
    const begin = Math.max(minutes.lastMinute + 1, minute - minutesMax + 1);
    for (let empty = begin; empty <= minute; empty += 1) minutes.peaks[empty % minutesMax] = 0;
  }
  minutes.lastMinute = Math.max(minute, minutes.lastMinute);
  const index = minute % minutesMax;
  minutes.peaks[index] = Math.min(peakMax, Math.max(peak, minutes.peaks[index]!));
}

/** Peak of a minute of the last day; 0 of what is not known. */
export function peakOf({ peaks, lastMinute, firstMinute }: MinutePeaks, minute: number): number {
  if (minute > lastMinute || minute < firstMinute || minute <= lastMinute - minutesMax) return 0;
  return peaks[minute % minutesMax]!;
}

/** Largest expected from now till the horizon if the minutes repeat themselves after `period` minutes. */
export function repeatedPeak(minutes: MinutePeaks, period: number, nowMs: number, horizonMs: number): number {
  let peak = 0;
  const end = Math.floor((nowMs + horizonMs) / minuteMs);
  for (let minute = Math.floor(nowMs / minuteMs); minute <= end; minute += 1) {
    peak = Math.max(peak, peakOf(minutes, minute - period));
  }
  return peak;
}

/** Begin of the first minute after the horizon with a peak one period before, epoch ms, or null. */
export function repeatedNextMs(minutes: MinutePeaks, period: number, nowMs: number, horizonMs: number): number | null {
  const begin = Math.floor((nowMs + horizonMs) / minuteMs) + 1;
  for (let minute = begin; minute <= begin + period; minute += 1) {
    if (peakOf(minutes, minute - period) > 0) return minute * minuteMs;
  }
  return null;
}
