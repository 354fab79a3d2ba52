import { type Condition, parseCondition } from './condition.js';
import type { EventMatcher } from './filterpattern.js';
import { PatternCursor, PatternError } from './patterncursor.js';

interface Field {
  readonly name: string;
  readonly condition: Condition<string> | null;
}

/** `[ip, user, ..., status = 4* && status != 404, bytes > 1000]` over messages of fields separated by spaces. */
export function parseSpacePattern(text: string): EventMatcher {
  const cursor = new PatternCursor(text);
  cursor.expect('[');
  const fields: (Field | 'ellipsis')[] = [];
  do {
    fields.push(readField(cursor, fields.length));
  } while (cursor.take(','));
  cursor.expect(']');
  cursor.skipSpace();
  if (!cursor.ended) cursor.refuse();
  const ellipsis = fields.indexOf('ellipsis');
  if (ellipsis !== fields.lastIndexOf('ellipsis')) throw new PatternError('Only one ellipsis is allowed');
  const head = fields.slice(0, ellipsis < 0 ? fields.length : ellipsis) as Field[];
  const tail = ellipsis < 0 ? [] : (fields.slice(ellipsis + 1) as Field[]);
  // Without a condition the last field takes all the rest: `[w1=ERROR, w2]` says how a message begins.
  const takesRest = ellipsis >= 0 || head.at(-1)!.condition === null;
  /** The word of each field, or null when there are too few or too many. */
  const assigned = (message: string): ReadonlyMap<string, string> | null => {
    const words = splitFields(message);
    if (words.length < head.length + tail.length) return null;
    if (!takesRest && words.length > head.length) return null;
    const values = new Map<string, string>();
    for (const [i, field] of head.entries()) values.set(field.name, words[i]!);
    for (const [i, field] of tail.entries()) values.set(field.name, words[words.length - tail.length + i]!);
    return values;
  };
  const matches = (message: string): boolean => {
    const values = assigned(message);
    if (values === null) return false;
    const lookup = (name: string): readonly string[] => {
      const value = values.get(name);
      return value === undefined ? [] : [value];
    };
    return [...head, ...tail].every((field) => field.condition === null || field.condition(lookup));
  };
  // `$name`, and `$1` for a first field without name.
  const shown = (name: string) => (name.startsWith('#') ? `$${Number(name.slice(1)) + 1}` : `$${name}`);
  const values = (message: string) =>
    Object.fromEntries([...(assigned(message) ?? [])].map(([name, value]) => [shown(name), value]));
  return Object.assign(matches, { values });
}

function readField(cursor: PatternCursor, position: number): Field | 'ellipsis' {
  if (cursor.take('...')) return 'ellipsis';
  cursor.skipSpace();
  const start = cursor.at;
  const name = readName(cursor);
  cursor.skipSpace();
  // A field without a name takes any word.
  if (/[,\]]/.test(cursor.text[cursor.at] ?? ']') && !name.startsWith('(')) {
    return { name: name === '' ? `#${position}` : name, condition: null };
  }
  cursor.at = start;
  const operands: string[] = [];
  const read = (at: PatternCursor): string => {
    const operand = readName(at) || `#${position}`;
    operands.push(operand);
    return operand;
  };
  const condition = parseCondition(cursor, { read, bareValue: /[^\s"%(),\]&|<>=![]+/y, keywords: false });
  return { name: operands[0]!, condition };
}

function readName(cursor: PatternCursor): string {
  return cursor.match(/[\p{L}\p{N}_$.@-]*/uy) ?? '';
}

/**
 * Words between spaces; `[…]` and `"…"` are one field each, without their marks. No bracket inside brackets: every
 * attempt then ends at the next mark, which keeps this linear for any message.
 */
function splitFields(message: string): string[] {
  const fields: string[] = [];
  for (const found of message.matchAll(/\[([^[\]]*)\](?=\s|$)|"([^"]*)"(?=\s|$)|\S+/g)) {
    fields.push(found[1] ?? found[2] ?? found[0]);
  }
  return fields;
}
