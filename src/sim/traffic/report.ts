import { coldShare } from './comparison.js';
import type { DayResult } from './day.js';

/** What a day was like, line by line. */
export function reportOf(policy: string, result: DayResult): string[] {
  const percent = (share: number) => `${(100 * share).toFixed(3)} %`;
  return [
    `${policy}: ${result.invocations} invocations, ${percent(coldShare(result))} cold, ${result.proactive} by a sandbox made ahead, ${result.refused} refused`,
    `  ${result.sandboxes} sandboxes, ${result.sandboxesPeak} at once, ${result.idleGibHours.toFixed(0)} GiB-hours idle; cold share of apps: median ${percent(result.appColdMedian)}, upper quartile ${percent(result.appColdUpper)}`,
    ...result.errors.map(({ forecast, error }) => `  forecast ${forecast}: off by ${error.toFixed(3)} on average`),
  ];
}
