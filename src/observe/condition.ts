import type { PatternCursor, ValueTest } from './patterncursor.js';

/** A condition over operands of type `O`; `lookup` gives an operand's values (none when it does not exist). */
export type Condition<O> = (lookup: (operand: O) => readonly unknown[]) => boolean;

export interface OperandSyntax<O> {
  /** Reads one operand, refusing what is none. */
  readonly read: (cursor: PatternCursor) => O;
  /** What a value without quotes may consist of. */
  readonly bareValue: RegExp;
  /** `IS NULL` and `NOT EXISTS` are there (JSON only). */
  readonly keywords: boolean;
}

/** Nested parentheses beyond this are refused: patterns have at most 1,024 characters anyway. */
const depthMax = 100;

/** `a || b && (c)`: parentheses before `&&` before `||`. */
export function parseCondition<O>(cursor: PatternCursor, syntax: OperandSyntax<O>, depth = 0): Condition<O> {
  if (depth > depthMax) cursor.refuse();
  const choices: Condition<O>[] = [];
  do {
    const parts: Condition<O>[] = [];
    do {
      if (cursor.take('(')) {
        parts.push(parseCondition(cursor, syntax, depth + 1));
        cursor.expect(')');
      } else {
        cursor.skipSpace();
        parts.push(parseComparison(cursor, syntax));
      }
    } while (cursor.take('&&'));
    choices.push(parts.length === 1 ? parts[0]! : (lookup) => parts.every((part) => part(lookup)));
  } while (cursor.take('||'));
  return choices.length === 1 ? choices[0]! : (lookup) => choices.some((choice) => choice(lookup));
}

function parseComparison<O>(cursor: PatternCursor, syntax: OperandSyntax<O>): Condition<O> {
  const operand = syntax.read(cursor);
  cursor.skipSpace();
  if (syntax.keywords) {
    const keyword = cursor.match(/IS\s+NULL\b|IS\s+TRUE\b|IS\s+FALSE\b|NOT\s+EXISTS\b/iy)?.toUpperCase();
    if (keyword !== undefined) {
      if (keyword.startsWith('NOT')) return (lookup) => lookup(operand).length === 0;
      const wanted = keyword.endsWith('NULL') ? null : keyword.endsWith('TRUE');
      return (lookup) => lookup(operand).includes(wanted);
    }
  }
  const operator = cursor.match(/!=|<=|>=|=|<|>/y);
  if (operator === null) cursor.refuse();
  const value = cursor.value(syntax.bareValue);
  const accepts = comparison(operator, value);
  if (accepts === null) cursor.refuse();
  return (lookup) => lookup(operand).some(accepts);
}

/** The test of one value, or null when the operator needs a number and has none. */
function comparison(operator: string, wanted: ValueTest): ((value: unknown) => boolean) | null {
  const number = wanted.text !== null && !wanted.quoted ? parseNumber(wanted.text) : null;
  if (operator === '=') return (value) => equals(value, wanted, number);
  // Objects and arrays are no values: nothing is said about them, not even that they differ.
  if (operator === '!=') return (value) => isScalar(value) && !equals(value, wanted, number);
  if (number === null) return null;
  return (value) => {
    const other = typeof value === 'number' ? value : typeof value === 'string' ? parseNumber(value) : null;
    if (other === null) return false;
    if (operator === '<') return other < number;
    if (operator === '>') return other > number;
    return operator === '<=' ? other <= number : other >= number;
  };
}

function equals(value: unknown, wanted: ValueTest, number: number | null): boolean {
  if (typeof value === 'string') return wanted.accepts(value) || (number !== null && parseNumber(value) === number);
  // A quoted value means a string, a bare or regular one anything that reads like it.
  if (wanted.quoted) return false;
  if (typeof value === 'number' && number !== null) return value === number;
  return (typeof value === 'number' || typeof value === 'boolean') && wanted.accepts(String(value));
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function parseNumber(text: string): number | null {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : null;
}
