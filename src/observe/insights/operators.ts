import { asNumber, asText, asTruth, numberOfText, type Piece, piece, quote } from './sql.js';
import type { Arithmetic, Comparison, Expression, LikePattern, Span } from './tree.js';

/** What a compared side is: literals are decided here, not row by row. */
interface Side {
  readonly piece: Piece;
  /** Of a literal text that is no number: only texts are compared. */
  readonly isWord: boolean;
}

export function sideOf(expression: Expression, compiled: Piece): Side {
  const isWord =
    expression.kind === 'text' && !/^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$/.test(expression.text);
  return { piece: compiled, isWord };
}

/** Two values compare as numbers if both are, else as texts; nothing is true of a missing one. */
export function compare(operator: Comparison, left: Side, right: Side, at: Span): Piece {
  const sql = operator === '!=' ? '<>' : operator;
  if (left.isWord || right.isWord) {
    return piece('truth', `coalesce(${asText(left.piece)} ${sql} ${asText(right.piece)}, false)`, at);
  }
  const fixed = [left, right].some(({ piece: { kind } }) => kind === 'number' || kind === 'truth');
  const numeric = `${asNumber(left.piece)} ${sql} ${asNumber(right.piece)}`;
  const bothTimes = left.piece.kind === 'time' && right.piece.kind === 'time';
  if (!fixed && !bothTimes) {
    const textual = `${asText(left.piece)} ${sql} ${asText(right.piece)}`;
    return piece('truth', `coalesce(${numeric}, ${textual}, false)`, at);
  }
  if (operator !== '!=') return piece('truth', `coalesce(${numeric}, false)`, at);
  // A text that is no number differs from every number.
  const present = [left, right].filter(({ piece: { kind } }) => kind === 'value' || kind === 'time');
  const otherwise = present.map(({ piece: { sql: value } }) => `${value} IS NOT NULL`).join(' AND ');
  return piece('truth', `coalesce(${numeric}, ${otherwise === '' ? 'false' : otherwise})`, at);
}

export function like(operand: Piece, pattern: LikePattern, negated: boolean, at: Span): Piece {
  const text = asText(operand);
  const test =
    pattern.kind === 'text'
      ? `contains(${text}, ${quote(pattern.text)})`
      : `regexp_matches(${text}, ${quote(pattern.source)})`;
  return piece('truth', `coalesce(${negated ? 'NOT ' : ''}${test}, false)`, at);
}

/** Any of the values; a missing operand is in no list, and not out of one either. */
export function isIn(operand: Side, values: readonly Side[], negated: boolean, at: Span): Piece {
  const tests = values.map((value) => compare(negated ? '!=' : '=', operand, value, at).sql);
  return piece('truth', `(${tests.join(negated ? ' AND ' : ' OR ')})`, at);
}

export function arithmetic(operator: Arithmetic, left: Piece, right: Piece, at: Span): Piece {
  const [a, b] = [asNumber(left), asNumber(right)];
  if (operator === '^') return piece('number', `pow(${a}, ${b})`, at);
  const divisor = operator === '/' || operator === '%' ? `nullif(${b}, 0)` : b;
  return piece('number', `(${a} ${operator} ${divisor})`, at);
}

export function combine(kind: 'and' | 'or', left: Piece, right: Piece, at: Span): Piece {
  return piece('truth', `(${asTruth(left)} ${kind.toUpperCase()} ${asTruth(right)})`, at);
}

/** Columns to order by, best first: numbers after texts, texts by their runs of digits and others (the service's "sort"). */
export function sortKeys({ kind, sql }: Piece): readonly string[] {
  if (kind !== 'value') return [sql];
  return [`(${numberOfText(sql)} IS NOT NULL)`, numberOfText(sql), naturalText(sql), sql];
}

/** Runs of digits count by length, then by value. Only the first part of long texts: the rest is compared as it is. */
export function naturalText(sql: string): string {
  const runs = `regexp_extract_all(left(${sql}, 128), '\\d+|\\D+')`;
  return `list_transform(${runs}, lambda r: CASE WHEN r[1] BETWEEN '0' AND '9' THEN '0' || lpad(CAST(length(r) AS VARCHAR), 3, '0') || r ELSE r END)`;
}
