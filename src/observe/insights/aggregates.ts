import { type InsightsFunction, ofNumber } from './functions.js';
import { refused } from './malformed.js';
import { naturalText } from './operators.js';
import { asNumber, asText, type Piece, piece } from './sql.js';

/** The first or last value by an order, of those that are there. Times stay times. */
function chosen(how: 'arg_min' | 'arg_max', by: (part: Piece) => string): InsightsFunction {
  return {
    least: 1,
    most: 1,
    make: ({ args, at }) => {
      const part = args[0]!;
      const { kind, sql } = part.kind === 'truth' ? { kind: 'number' as const, sql: asNumber(part) } : part;
      return piece(kind, `${how}(${sql}, ${by(part)}) FILTER (${sql} IS NOT NULL)`, at);
    },
  };
}

/** Numbers where there are any, else texts. */
function extreme(name: 'min' | 'max'): InsightsFunction {
  return {
    least: 1,
    most: 1,
    make: ({ args, at }) => {
      const part = args[0]!;
      if (part.kind === 'time') return piece('time', `${name}(${part.sql})`, at);
      if (part.kind !== 'value') return piece('number', `${name}(${asNumber(part)})`, at);
      const numbers = asText({ kind: 'number', sql: `${name}(${asNumber(part)})` });
      return piece('value', `coalesce(${numbers}, ${name}(${part.sql}))`, at);
    },
  };
}

const percentile: InsightsFunction = {
  least: 2,
  most: 2,
  make: ({ args, written, at }) => {
    const percent = written[1];
    if (percent?.kind !== 'number' || percent.value < 0 || percent.value > 100) {
      throw refused('A percentage between 0 and 100 is expected', percent ?? at);
    }
    return piece('number', `quantile_cont(${asNumber(args[0]!)}, ${percent.value / 100})`, at);
  },
};

/** Functions of `stats`. `count(*)` and `count()` have no argument. */
export const aggregates: ReadonlyMap<string, InsightsFunction> = new Map<string, InsightsFunction>([
  [
    'count',
    {
      least: 0,
      most: 1,
      make: ({ args, at }) =>
        piece('number', `CAST(count(${args[0] === undefined ? '*' : args[0].sql}) AS DOUBLE)`, at),
    },
  ],
  [
    'count_distinct',
    {
      least: 1,
      most: 1,
      make: (call) => piece('number', `CAST(count(DISTINCT ${asText(call.args[0]!)}) AS DOUBLE)`, call.at),
    },
  ],
  ['sum', ofNumber((x) => `sum(${x})`)],
  ['avg', ofNumber((x) => `avg(${x})`)],
  ['median', ofNumber((x) => `median(${x})`)],
  // Of one value: nothing to tell, where the engine would say null for a sample.
  // Squares of larger numbers are beyond what a double holds, which ends the engine's whole statement.
  ['stddev', ofNumber((x) => `stddev_samp(CASE WHEN abs(${x}) <= 1e140 THEN ${x} END)`)],
  ['min', extreme('min')],
  ['max', extreme('max')],
  ['pct', percentile],
  ['percentile', percentile],
  ['earliest', chosen('arg_min', () => 't')],
  ['latest', chosen('arg_max', () => 't')],
  ['sortsfirst', chosen('arg_min', sortsBy)],
  ['sortslast', chosen('arg_max', sortsBy)],
]);

/** One value that orders as `sort` does: texts before numbers, texts by their natural order. */
function sortsBy(part: Piece): string {
  if (part.kind !== 'value') return part.sql;
  return `{'a': ${asNumber(part)} IS NOT NULL, 'b': ${asNumber(part)}, 'c': ${naturalText(part.sql)}, 'd': ${part.sql}}`;
}
