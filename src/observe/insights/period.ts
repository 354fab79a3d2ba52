import { dayMs, hourMs, minuteMs, secondMs } from '../../kernel/units.js';

export interface Period {
  /** Length; 0 when it is in calendar months. */
  readonly ms: number;
  readonly months: number;
}

/** Spellings of the service (query syntax, "Datetime functions"): abbreviations, singular and plural. */
const units: readonly (readonly [names: string, period: Period])[] = [
  ['ms msec millisecond milliseconds', { ms: 1, months: 0 }],
  ['s sec secs second seconds', { ms: secondMs, months: 0 }],
  ['m min mins minute minutes', { ms: minuteMs, months: 0 }],
  ['h hr hrs hour hours', { ms: hourMs, months: 0 }],
  ['d day days', { ms: dayMs, months: 0 }],
  ['w week weeks', { ms: 7 * dayMs, months: 0 }],
  ['mo mon month months', { ms: 0, months: 1 }],
  ['q qtr quarter quarters', { ms: 0, months: 3 }],
  ['y yr year years', { ms: 0, months: 12 }],
];

/** `5`, `m` → five minutes. Null: no such unit, or no whole positive number of milliseconds or months. */
export function readPeriod(count: number, unit: string): Period | null {
  const found = units.find(([names]) => names.split(' ').includes(unit.toLowerCase()));
  if (found === undefined) return null;
  const period = { ms: found[1].ms * count, months: found[1].months * count };
  const whole = Number.isSafeInteger(period.ms) && Number.isSafeInteger(period.months);
  return whole && period.ms + period.months > 0 ? period : null;
}
