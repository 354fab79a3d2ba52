import { hourMs, minuteMs } from '../../kernel/units.js';
import { fixedKeepMs } from './fixed.js';
import { type KeepAlivePolicy, type KeepDecision, recencyWorth } from './policy.js';

/** Bins and their width: Shahrad et al., "Serverless in the Wild" (ATC '20): four hours in minutes. */
export const binMs = minuteMs;
export const binsMax = 240;
const binFull = 65_535;
/** Fewer gaps say nothing. Ours. */
const gapsMin = 5;
/** Coefficient of variation of the bins' counts from which they have a shape: the paper's 2. */
const variationMin = 2;
/** Share of gaps beyond the bins from which they are not the function's habit: the paper's one half. */
const beyondShareMax = 0.5;
/** Head and tail of the gaps, and the margin around them: the paper's. */
const headShare = 0.05;
const tailShare = 0.99;
const marginShare = 0.1;
/** Less is not worth a start. */
const prewarmMsMin = minuteMs;

/** Gaps beyond the bins, exponentially forgotten: the paper fits ARIMA, this is a mean and its deviation. */
const recentShare = 0.2;
const regularDeviationMax = 0.2;
const beyondGapsMin = 3;

export interface GapHistogram {
  readonly bins: Uint16Array;
  inBounds: number;
  squares: number;
  beyond: number;
  beyondMeanMs: number;
  beyondVariance: number;
}

/**
 * The hybrid histogram policy of "Serverless in the Wild": gaps between uses in bins of a minute. Where they have a shape,
 * a sandbox goes after use, is there again shortly before the 5th percentile and stays till after the 99th; with a head
 * below a minute it stays from its last use on, ten minutes or longer. Regular gaps beyond the bins are met by their mean; else ten minutes.
 */
export const histogramKeep: KeepAlivePolicy<GapHistogram> = {
  name: 'histogram',
  begin: () => ({
    bins: new Uint16Array(binsMax),
    inBounds: 0,
    squares: 0,
    beyond: 0,
    beyondMeanMs: 0,
    beyondVariance: 0,
  }),

  observe(state, gapMs) {
    const bin = Math.floor(gapMs / binMs);
    if (bin < binsMax) {
      if (state.bins[bin] === binFull) halve(state);
      const before = state.bins[bin]!;
      state.bins[bin] = before + 1;
      state.inBounds += 1;
      state.squares += 2 * before + 1;
      return state;
    }
    state.beyond += 1;
    // Where nothing was before, the first is the mean.
    const share = Math.max(recentShare, 1 / state.beyond);
    const offMs = gapMs - state.beyondMeanMs;
    state.beyondMeanMs += share * offMs;
    state.beyondVariance = (1 - share) * (state.beyondVariance + share * offMs * offMs);
    return state;
  },

  decide(state, facts) {
    const worth = recencyWorth(facts);
    const total = state.inBounds + state.beyond;
    if (total >= gapsMin && state.beyond >= beyondShareMax * total) return periodic(state, worth);
    return hasShape(state) ? shaped(state, worth) : { keepMs: fixedKeepMs, prewarmMs: null, worth };
  },
};

function hasShape({ inBounds, squares }: GapHistogram): boolean {
  if (inBounds < gapsMin) return false;
  return Math.sqrt(Math.max(0, (binsMax * squares) / (inBounds * inBounds) - 1)) >= variationMin;
}

function shaped(state: GapHistogram, worth: number): KeepDecision {
  const headMs = percentileBin(state, headShare) * binMs * (1 - marginShare);
  const tailMs = (percentileBin(state, tailShare) + 1) * binMs * (1 + marginShare);
  if (headMs < prewarmMsMin * (1 - marginShare)) {
    // Gaps are the function's; its second sandbox has longer ones. Ours: without it the policy is worse than ten minutes.
    return { keepMs: Math.max(fixedKeepMs, tailMs), prewarmMs: null, worth };
  }
  return { keepMs: tailMs - headMs, prewarmMs: headMs, worth };
}

function periodic({ beyond, beyondMeanMs, beyondVariance }: GapHistogram, worth: number): KeepDecision {
  const deviationMs = Math.sqrt(beyondVariance);
  if (beyond < beyondGapsMin || deviationMs > regularDeviationMax * beyondMeanMs) {
    return { keepMs: fixedKeepMs, prewarmMs: null, worth };
  }
  // Two deviations and a minute to each side.
  const prewarmMs = beyondMeanMs - 2 * deviationMs - binMs;
  return { keepMs: Math.min(4 * hourMs, 4 * deviationMs + 2 * binMs), prewarmMs, worth };
}

/** First bin up to which at least that share of the gaps lies. */
export function percentileBin({ bins, inBounds }: GapHistogram, share: number): number {
  const wanted = share * inBounds;
  let sum = 0;
  for (let bin = 0; bin < binsMax; bin += 1) {
    sum += bins[bin]!;
    if (sum >= wanted && sum > 0) return bin;
  }
  return binsMax - 1;
}

function halve(state: GapHistogram): void {
  state.inBounds = 0;
  state.squares = 0;
  for (let bin = 0; bin < binsMax; bin += 1) {
    const half = state.bins[bin]! >> 1;
    state.bins[bin] = half;
    state.inBounds += half;
    state.squares += half * half;
  }
  state.beyond >>= 1;
}
