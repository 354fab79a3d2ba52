import type { VersionKey } from '../../kernel/ids.js';

/** Chosen globally (`hearth up`) or per function (tags `hearth:keep-alive`, `hearth:forecast`: a policy's name, or `off`). */
export interface PolicyChoice {
  readonly keepAlive: string;
  readonly forecast: string;
}

/** How long idle sandboxes stay. State goes in and comes out; a policy may change what it was given. No clock, no chance. */
export interface KeepAlivePolicy<State> {
  readonly name: string;
  begin(): State;
  /** The function was idle for so long before an invocation came (0 … ∞); `nowMs` of that invocation. */
  observe(state: State, gapMs: number, nowMs: number): State;
  decide(state: State, facts: KeepFacts): KeepDecision;
}

export interface KeepFacts {
  readonly nowMs: number;
  readonly memoryMib: number;
  /** What a cold start costs, milliseconds. */
  readonly initMs: number;
  /** Since the last use; 0: in use. */
  readonly idleMs: number;
  /** Idle memory ÷ its budget, 0 … ∞. */
  readonly pressure: number;
}

export interface KeepDecision {
  /** How long an idle sandbox is kept, from its last use or, with `prewarmMs`, from when it is there again. */
  readonly keepMs: number;
  /** It goes after use, and one shall be there again after this idle time; null: it stays. */
  readonly prewarmMs: number | null;
  /** Cold-start milliseconds that holding one MiB for a second is likely to save; least goes first under pressure. */
  readonly worth: number;
}

/** How many sandboxes will be at work soon. State as above. */
export interface ForecastPolicy<State> {
  readonly name: string;
  begin(): State;
  /** One slot of `slotMs`, which ends now, is over: largest concurrency in it. Slots without any use may be left out. */
  observe(state: State, peak: number, nowMs: number): State;
  predict(state: State, nowMs: number, horizonMs: number): Forecast;
}

export interface Forecast {
  /** Largest concurrency expected within the horizon from now. */
  readonly concurrency: number;
  /** Mean absolute error so far, of one slot ahead. */
  readonly error: number;
  /** Begin of the next time of use expected after the horizon, epoch ms: worth asking again before it. Null: unknown. */
  readonly nextMs: number | null;
}

/** Slots of forecasts: ours; a few times what a start takes, and long enough for a peak to be met. */
export const slotMs = 10_000;

/** Wants of all functions against the budget; never returns more than the budget holds. */
export type AllotPolicy = (wants: readonly Want[], budget: Budget) => readonly Allotted[];

export interface Want {
  readonly version: VersionKey;
  readonly memoryMib: number;
  /** Sandboxes that shall exist, and that do. */
  readonly count: number;
  readonly have: number;
  /** Cold-start milliseconds that one more is likely to save. */
  readonly worth: number;
}

export interface Budget {
  readonly memoryMib: number;
  /** Sandboxes that may be started. */
  readonly startsMax: number;
}

export interface Allotted {
  readonly version: VersionKey;
  /** Sandboxes that shall exist. */
  readonly count: number;
}

/**
 * Worth by recency: who was idle for t is taken to come back within t (the rule of least recently used; Lindy's law for
 * gaps with heavy tails, as those of functions are).
 */
export function recencyWorth({ idleMs, initMs, memoryMib }: KeepFacts): number {
  return initMs / memoryMib / Math.max(1, idleMs / 1_000);
}
