import { type MinutePeaks, peakOf } from './minutes.js';

/** Periods looked for, minutes; three of them have to be seen. */
export const periodMinutesMax = 60;
const periodsMin = 3;
const windowMinutes = periodsMin * periodMinutesMax;
/** Correlation from which a period is one. Noise of 180 minutes stays below 0.3. */
const correlationMin = 0.5;
/** A longer period must be clearly better, or each of its multiples would be one, too. */
const betterBy = 0.05;
/** What changes slowly resembles itself after a short time: a period only counts behind the first time it does not. */
const dissimilarMax = 0.25;

const deviations = new Float64Array(windowMinutes);

/** Minutes after which the peaks of the last three hours repeat themselves, or 0. At most 60 × 180 multiplications. */
export function periodOf(minutes: MinutePeaks): number {
  const { lastMinute, firstMinute } = minutes;
  // The last minute is not over.
  const count = Math.min(windowMinutes, lastMinute - firstMinute);
  if (count < 2 * periodsMin) return 0;
  let sum = 0;
  for (let index = 0; index < count; index += 1) sum += peakOf(minutes, lastMinute - count + index);
  const mean = sum / count;
  let square = 0;
  for (let index = 0; index < count; index += 1) {
    const deviation = peakOf(minutes, lastMinute - count + index) - mean;
    deviations[index] = deviation;
    square += deviation * deviation;
  }
  if (square === 0) return 0;
  let best = 0;
  let bestCorrelation = correlationMin - betterBy;
  let hasDiffered = false;
  for (let lag = 1; lag * periodsMin <= count; lag += 1) {
    let product = 0;
    for (let index = lag; index < count; index += 1) product += deviations[index]! * deviations[index - lag]!;
    const correlation = (product / square) * (count / (count - lag));
    if (hasDiffered && lag > 1 && correlation > bestCorrelation + betterBy) {
      best = lag;
      bestCorrelation = correlation;
    }
    if (correlation < dissimilarMax) hasDiffered = true;
  }
  return best;
}
