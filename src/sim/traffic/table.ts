import { type Compared, coldShare, compared, type Summary } from './comparison.js';

const columns = [
  ...['policy', 'inputs', 'invocations', 'cold', 'cold_share', 'proactive', 'refused'],
  ...['app_cold_median', 'app_cold_upper_quartile', 'sandboxes', 'idle_gib_hours', 'idle_relative_to_fixed'],
] as const;

type Row = Readonly<Record<(typeof columns)[number], string | number>>;

/** A comparison as a file: one line that says of what (`title`), the names of the columns, one line for each policy. */
export function csvOf(all: readonly Compared[], title: string): string {
  // As it is written: what is read again gives the same.
  const written = ({ idleGibHours }: Summary) => idleGibHours.toFixed(3);
  const fixed = all.find(({ policy }) => policy === 'fixed')?.result;
  const lines = all.map(({ policy, result }) => {
    const { inputs, invocations, cold, proactive, refused, sandboxes } = result;
    const row: Row = {
      ...{ policy, inputs, invocations, cold, proactive, refused, sandboxes },
      cold_share: coldShare(result).toFixed(6),
      app_cold_median: result.appColdMedian.toFixed(4),
      app_cold_upper_quartile: result.appColdUpper.toFixed(4),
      idle_gib_hours: written(result),
      idle_relative_to_fixed: fixed === undefined ? '' : (Number(written(result)) / Number(written(fixed))).toFixed(3),
    };
    return columns.map((column) => row[column]).join(',');
  });
  return `${[`# ${title}`, columns.join(','), ...lines].join('\n')}\n`;
}

/** The other way round. */
export function comparisonOf(csv: string): { readonly title: string; readonly all: Compared[] } {
  const [title = '', head = '', ...lines] = csv.trim().split('\n');
  const names = head.split(',');
  const all = lines.map((line) => {
    const cells = line.split(',');
    const number = (column: (typeof columns)[number]) => Number(cells[names.indexOf(column)]);
    const result: Summary = {
      inputs: number('inputs'),
      invocations: number('invocations'),
      cold: number('cold'),
      proactive: number('proactive'),
      refused: number('refused'),
      appColdMedian: number('app_cold_median'),
      appColdUpper: number('app_cold_upper_quartile'),
      sandboxes: number('sandboxes'),
      idleGibHours: number('idle_gib_hours'),
    };
    return { policy: cells[0]!, result };
  });
  return { title: title.replace(/^# /, ''), all };
}

/** Policies run anew in place of those of before, which were run in the same world; in the order of comparison. */
export function merged(before: readonly Compared[], anew: readonly Compared[]): Compared[] {
  return compared.flatMap(([policy]) => {
    const isIt = (one: Compared) => one.policy === policy;
    return anew.find(isIt) ?? before.find(isIt) ?? [];
  });
}
