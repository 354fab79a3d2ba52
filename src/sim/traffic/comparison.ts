import type { PolicyChoice } from '../../capacity/policies/policy.js';
import { type DayOptions, type DayResult, TrafficDay } from './day.js';

/** What is compared, by the label it has in the picture; null: nobody plans ahead. */
export const compared: readonly (readonly [string, PolicyChoice | null])[] = [
  ['none', { keepAlive: 'none', forecast: 'off' }],
  ['fixed-1m', { keepAlive: 'fixed-1m', forecast: 'off' }],
  ['fixed-5m', { keepAlive: 'fixed-5m', forecast: 'off' }],
  ['fixed', { keepAlive: 'fixed', forecast: 'off' }],
  ['fixed-20m', { keepAlive: 'fixed-20m', forecast: 'off' }],
  ['fixed-60m', { keepAlive: 'fixed-60m', forecast: 'off' }],
  ['greedydual', { keepAlive: 'greedydual', forecast: 'off' }],
  ['histogram', { keepAlive: 'histogram', forecast: 'off' }],
  ['fixed+trend', { keepAlive: 'fixed', forecast: 'trend' }],
  ['histogram+trend', { keepAlive: 'histogram', forecast: 'trend' }],
];

export interface Compared {
  readonly policy: string;
  readonly result: DayResult;
}

/** The same traffic under every policy. */
export function compare(
  options: Omit<DayOptions, 'choice'>,
  onResult: (compared: Compared) => void = () => {},
): Compared[] {
  return compared.map(([policy, choice]) => {
    const one = { policy, result: new TrafficDay({ ...options, choice }).run() };
    onResult(one);
    return one;
  });
}

export function coldShare({ cold, invocations }: DayResult): number {
  return cold / Math.max(1, invocations);
}

/** Policies that are better in one of cold share and idle memory, and not worse in the other. */
export function dominating(all: readonly Compared[], policy: string): string[] {
  const own = all.find((one) => one.policy === policy)?.result;
  if (own === undefined) return [];
  return all
    .filter(({ result }) => {
      const lessCold = coldShare(own) - coldShare(result);
      const lessIdle = own.idleGibHours - result.idleGibHours;
      return lessCold >= 0 && lessIdle >= 0 && lessCold + lessIdle > 0;
    })
    .map((one) => one.policy);
}

const columns =
  'policy,invocations,cold,cold_share,proactive,refused,app_cold_median,app_cold_upper_quartile,sandboxes,idle_gib_hours,idle_relative_to_fixed';

export function csvOf(all: readonly Compared[]): string {
  const fixedGibHours = all.find(({ policy }) => policy === 'fixed')?.result.idleGibHours ?? Number.NaN;
  const lines = all.map(({ policy, result }) => {
    const { invocations, cold, proactive, refused, appColdMedian, appColdUpper, sandboxes, idleGibHours } = result;
    const shares = [
      coldShare(result).toFixed(6),
      proactive,
      refused,
      appColdMedian.toFixed(4),
      appColdUpper.toFixed(4),
    ];
    return [
      policy,
      invocations,
      cold,
      ...shares,
      sandboxes,
      idleGibHours.toFixed(1),
      (idleGibHours / fixedGibHours).toFixed(3),
    ].join(',');
  });
  return `${[columns, ...lines].join('\n')}\n`;
}
