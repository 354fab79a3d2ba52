import { refused } from './malformed.js';
import type { Period } from './period.js';
import { asNumber, asText, once, type Piece, piece } from './sql.js';
import type { Expression, Span } from './tree.js';

/** What a function is given: its arguments in SQL, as written, and where the call stands. */
export interface Call {
  readonly args: readonly Piece[];
  readonly written: readonly Expression[];
  readonly at: Span;
  /** When the query was started, epoch milliseconds. */
  readonly nowMs: number;
}

export interface InsightsFunction {
  readonly least: number;
  readonly most: number;
  readonly make: (call: Call) => Piece;
}

const many = 100;
const value = (sql: string, at: Span) => piece('value', sql, at);
const number = (sql: string, at: Span) => piece('number', sql, at);
const truth = (sql: string, at: Span) => piece('truth', sql, at);
const text = ({ args }: Call, i: number) => asText(args[i]!);
/** A place in a text; the engine takes no larger one, and no message is so long. */
const place = (part: Piece) => `TRY_CAST(trunc(least(greatest(${asNumber(part)}, 0), 1000000000)) AS BIGINT)`;

export function ofNumber(make: (sql: string) => string): InsightsFunction {
  return { least: 1, most: 1, make: ({ args, at }) => number(make(asNumber(args[0]!)), at) };
}

function ofText(make: (sql: string) => string): InsightsFunction {
  return { least: 1, most: 1, make: (call) => value(make(text(call, 0)), call.at) };
}

function trimming(name: 'trim' | 'ltrim' | 'rtrim'): InsightsFunction {
  return {
    least: 1,
    most: 2,
    // Without a second argument all white space goes, not only blanks.
    make: (call) =>
      value(`${name}(${text(call, 0)}, ${call.args[1] === undefined ? "e' \\t\\n\\r\\f'" : text(call, 1)})`, call.at),
  };
}

/** Epoch milliseconds of a time, or of a number that stands for one. */
function millis(part: Piece): string {
  return part.kind === 'time' ? part.sql : `TRY_CAST(${asNumber(part)} AS BIGINT)`;
}

/** The beginning of the period that a time lies in; `ahead` 1: of the next one, unless the time is a beginning itself. */
function floored(time: string, { ms, months }: Period, ahead: 0 | 1): string {
  if (ms > 0) {
    const before = `CAST(floor(v / ${ms}) AS BIGINT) * ${ms}`;
    const after = `CAST(ceil(v / ${ms}) AS BIGINT) * ${ms}`;
    return once(time, 'v', ahead === 1 ? after : before);
  }
  // Months since the year 0, in DuckDB's make_date.
  const count = `CAST(floor((year(epoch_ms(v)) * 12 + month(epoch_ms(v)) - 1) / ${months}) AS BIGINT)`;
  const begins = (number: string) =>
    `epoch_ms(CAST(make_date((${number} * ${months}) // 12, (${number} * ${months}) % 12 + 1, 1) AS TIMESTAMP))`;
  if (ahead === 0) return once(time, 'v', begins(count));
  return once(time, 'v', `CASE WHEN ${begins(count)} = v THEN v ELSE ${begins(`(${count} + 1)`)} END`);
}

function periodOf(expression: Expression | undefined, at: Span): Period {
  if (expression?.kind !== 'period') throw refused('A period such as 5m is expected', expression ?? at);
  return expression;
}

/** Functions of values (query syntax, "Boolean, comparison, numeric, datetime, and other functions"), in lower case. */
export const functions: ReadonlyMap<string, InsightsFunction> = new Map<string, InsightsFunction>([
  ['abs', ofNumber((x) => `abs(${x})`)],
  ['ceil', ofNumber((x) => `ceil(${x})`)],
  ['floor', ofNumber((x) => `floor(${x})`)],
  // Beyond their domain there is no value, where the engine would end the query.
  ['sqrt', ofNumber((x) => once(x, 'v', 'CASE WHEN v >= 0 THEN sqrt(v) END'))],
  ['log', ofNumber((x) => once(x, 'v', 'CASE WHEN v > 0 THEN ln(v) END'))],
  [
    'greatest',
    { least: 1, most: many, make: ({ args, at }) => number(`greatest(${args.map(asNumber).join(', ')})`, at) },
  ],
  ['least', { least: 1, most: many, make: ({ args, at }) => number(`least(${args.map(asNumber).join(', ')})`, at) }],
  ['ispresent', { least: 1, most: 1, make: ({ args, at }) => truth(`(${args[0]!.sql} IS NOT NULL)`, at) }],
  ['coalesce', { least: 1, most: many, make: ({ args, at }) => value(`coalesce(${args.map(asText).join(', ')})`, at) }],
  ['isempty', { least: 1, most: 1, make: (call) => truth(`(coalesce(${text(call, 0)}, '') = '')`, call.at) }],
  [
    'isblank',
    {
      least: 1,
      most: 1,
      make: (call) => truth(`regexp_full_match(coalesce(${text(call, 0)}, ''), '\\s*')`, call.at),
    },
  ],
  ['concat', { least: 1, most: many, make: ({ args, at }) => value(`concat(${args.map(asText).join(', ')})`, at) }],
  ['trim', trimming('trim')],
  ['ltrim', trimming('ltrim')],
  ['rtrim', trimming('rtrim')],
  ['strlen', { least: 1, most: 1, make: (call) => number(`CAST(length(${text(call, 0)}) AS DOUBLE)`, call.at) }],
  ['toupper', ofText((x) => `upper(${x})`)],
  ['tolower', ofText((x) => `lower(${x})`)],
  [
    // The index of the first character is 0 here, and 1 in SQL.
    'substr',
    {
      least: 2,
      most: 3,
      make: (call) => {
        const length = call.args[2] === undefined ? '' : `, ${place(call.args[2])}`;
        return value(`substr(${text(call, 0)}, ${place(call.args[1]!)} + 1${length})`, call.at);
      },
    },
  ],
  [
    'replace',
    {
      least: 3,
      most: 3,
      make: (call) => value(`replace(${text(call, 0)}, ${text(call, 1)}, ${text(call, 2)})`, call.at),
    },
  ],
  [
    'strcontains',
    {
      least: 2,
      most: 2,
      make: (call) => truth(`coalesce(contains(${text(call, 0)}, ${text(call, 1)}), false)`, call.at),
    },
  ],
  [
    'bin',
    {
      least: 1,
      most: 1,
      make: ({ written, at }) => piece('time', floored('t', periodOf(written[0], at), 0), at),
    },
  ],
  [
    'datefloor',
    {
      least: 2,
      most: 2,
      make: ({ args, written, at }) => piece('time', floored(millis(args[0]!), periodOf(written[1], at), 0), at),
    },
  ],
  [
    'dateceil',
    {
      least: 2,
      most: 2,
      make: ({ args, written, at }) => piece('time', floored(millis(args[0]!), periodOf(written[1], at), 1), at),
    },
  ],
  ['frommillis', { least: 1, most: 1, make: ({ args, at }) => piece('time', millis(args[0]!), at) }],
  ['tomillis', { least: 1, most: 1, make: ({ args, at }) => number(`CAST(${millis(args[0]!)} AS DOUBLE)`, at) }],
  // Epoch seconds (query syntax).
  ['now', { least: 0, most: 0, make: ({ nowMs, at }) => number(`${Math.floor(nowMs / 1000)}::DOUBLE`, at) }],
]);

/** Checks the number of arguments. Throws `MalformedQuery`. */
export function callFunction(made: InsightsFunction, name: string, call: Call): Piece {
  const { length } = call.args;
  if (length >= made.least && length <= made.most) return made.make(call);
  const wanted = made.least === made.most ? `${made.least}` : `${made.least} to ${made.most}`;
  throw refused(`${name} takes ${wanted} arguments, not ${length}`, call.at);
}
