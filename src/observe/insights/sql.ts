import { refused } from './malformed.js';
import type { Span } from './tree.js';

/**
 * A value in SQL. `value`: text that counts as a number where it reads like one (fields of events). `number`: DOUBLE.
 * `time`: BIGINT, epoch milliseconds. `truth`: BOOLEAN, never null. All but `truth` are null where there is none.
 */
export interface Piece {
  readonly kind: 'value' | 'number' | 'time' | 'truth';
  readonly sql: string;
}

/** Statements grow with what the query nests: beyond this it is refused, long before the engine's parser suffers. Ours. */
const charsMax = 200_000;

export function piece(kind: Piece['kind'], sql: string, at: Span): Piece {
  if (sql.length > charsMax) throw refused('The query is too complex', at);
  return { kind, sql };
}

/** A text as literal: DuckDB has no escapes in them but the doubled quote. A NUL would end the statement. */
export function quote(text: string): string {
  const parts = text.split('\0').map((part) => `'${part.replaceAll("'", "''")}'`);
  return parts.length === 1 ? parts[0]! : `(${parts.join(' || chr(0) || ')})`;
}

/** Null where the text is no decimal number; `nan`, `inf` and `1_000` are none either. */
export function numberOfText(sql: string): string {
  return `TRY_CAST(nullif(regexp_extract(${sql}, '^\\s*[-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][-+]?\\d+)?\\s*$'), '') AS DOUBLE)`;
}

export function asNumber({ kind, sql }: Piece): string {
  if (kind === 'number') return sql;
  if (kind === 'time') return `CAST(${sql} AS DOUBLE)`;
  return kind === 'truth' ? `(CASE WHEN ${sql} THEN 1.0 ELSE 0.0 END::DOUBLE)` : numberOfText(sql);
}

const years = 'BETWEEN -62135596800000 AND 253402300799999';

export function asText({ kind, sql }: Piece): string {
  if (kind === 'value') return sql;
  if (kind === 'truth') return `(CASE WHEN ${sql} THEN '1' ELSE '0' END)`;
  if (kind === 'time')
    return once(sql, 'v', `CASE WHEN v ${years} THEN strftime(epoch_ms(v), '%Y-%m-%d %H:%M:%S.%g') END`);
  return once(sql, 'v', exactText);
}

/** What the answer shows: numbers with four decimals at most, as the service's have. */
export function asShown(shown: Piece): string {
  if (shown.kind !== 'number') return asText(shown);
  return once(shown.sql, 'w', once('(CASE WHEN abs(w) < 0.0001 THEN w ELSE round(w, 4) END)', 'v', exactText));
}

const exactText =
  'CASE WHEN v = trunc(v) AND abs(v) < 1e15 THEN CAST(CAST(v AS BIGINT) AS VARCHAR) WHEN isfinite(v) THEN CAST(v AS VARCHAR) END';

export function asTruth({ kind, sql }: Piece): string {
  if (kind === 'truth') return sql;
  return `coalesce(${asNumber({ kind, sql })} <> 0, false)`;
}

/** `body` with `name` standing for the value of `sql`, which is written and worked out once. */
export function once(sql: string, name: string, body: string): string {
  return `list_transform([${sql}], lambda ${name}: ${body})[1]`;
}
