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
  readonly result: Summary;
}

/** What is kept of a day. */
export type Summary = Pick<
  DayResult,
  | 'inputs'
  | 'invocations'
  | 'cold'
  | 'proactive'
  | 'refused'
  | 'appColdMedian'
  | 'appColdUpper'
  | 'sandboxes'
  | 'idleGibHours'
>;

/** The same traffic under every policy, or under those of these labels. */
export function compare(
  options: Omit<DayOptions, 'choice'>,
  onResult: (policy: string, result: DayResult) => void = () => {},
  labels: readonly string[] = compared.map(([policy]) => policy),
): Compared[] {
  return compared
    .filter(([policy]) => labels.includes(policy))
    .map(([policy, choice]) => {
      const result = new TrafficDay({ ...options, choice }).run();
      onResult(policy, result);
      return { policy, result };
    });
}

export function coldShare({ cold, invocations }: Summary): number {
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
