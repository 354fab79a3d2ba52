import { minuteMs } from '../../kernel/units.js';
import { fixedKeep, fixedKeepMs } from './fixed.js';
import { greedyDualKeep } from './greedydual.js';
import { histogramKeep } from './histogram.js';
import { dailyForecast, maximumForecast, naiveForecast } from './naive.js';
import type { ForecastPolicy, KeepAlivePolicy, PolicyChoice } from './policy.js';
import { trendForecast } from './trend.js';

/** The state is the policy's own; who holds it cannot look inside. */
export type AnyKeepAlive = KeepAlivePolicy<unknown>;
export type AnyForecast = ForecastPolicy<unknown>;

const keepAlives: readonly AnyKeepAlive[] = [
  fixedKeep('fixed', fixedKeepMs),
  fixedKeep('none', 0),
  histogramKeep as AnyKeepAlive,
  greedyDualKeep as AnyKeepAlive,
];
const forecasts: readonly AnyForecast[] = [
  trendForecast as AnyForecast,
  naiveForecast as AnyForecast,
  dailyForecast as AnyForecast,
  maximumForecast as AnyForecast,
];

/** Measured: `bench/results/policies.csv`. */
export const defaultChoice: PolicyChoice = { keepAlive: 'histogram', forecast: 'trend' };

/** `fixed-Nm`: N minutes, 1 … 1,440. */
const fixedName = /^fixed-([1-9]\d{0,3})m$/;
const fixedMinutesMax = 1_440;

/** Null: no policy, idle sandboxes are kept as assignment is configured. Undefined: there is none of that name. */
export function keepAliveOf(name: string): AnyKeepAlive | null | undefined {
  if (name === 'off') return null;
  const known = keepAlives.find((policy) => policy.name === name);
  if (known !== undefined) return known;
  const minutes = Number(fixedName.exec(name)?.[1] ?? Number.NaN);
  return minutes <= fixedMinutesMax ? fixedKeep(name, minutes * minuteMs) : undefined;
}

/** Null: no forecast. Undefined: there is none of that name. */
export function forecastOf(name: string): AnyForecast | null | undefined {
  return name === 'off' ? null : forecasts.find((policy) => policy.name === name);
}

/** What an option or a tag may say. */
export const keepAliveNames: readonly string[] = [...keepAlives.map(({ name }) => name), 'fixed-Nm', 'off'];
export const forecastNames: readonly string[] = [...forecasts.map(({ name }) => name), 'off'];
