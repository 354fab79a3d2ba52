import { parseCondition } from './condition.js';
import type { EventMatcher } from './filterpattern.js';
import { PatternCursor, PatternError } from './patterncursor.js';

/** A member name, an array index, or any of them. */
type Selector = readonly (string | number | typeof anyOf)[];
const anyOf = Symbol('*');

/** Wildcards: one in a selector, three in a pattern (user guide). */
const selectorWildcardsMax = 1;
const patternWildcardsMax = 3;

/** `{ $.a.b[0] = "x*" && ($.c > 3 || $.d IS NULL || $.e NOT EXISTS) }` over messages that are JSON objects. */
export function parseJsonPattern(text: string): EventMatcher {
  const cursor = new PatternCursor(text);
  let wildcards = 0;
  const selectors = new Map<string, Selector>();
  const read = (at: PatternCursor): Selector => {
    at.skipSpace();
    const start = at.at;
    const selector = readSelector(at);
    selectors.set(at.text.slice(start, at.at), selector);
    const count = selector.filter((step) => step === anyOf).length;
    wildcards += count;
    if (count > selectorWildcardsMax || wildcards > patternWildcardsMax) {
      throw new PatternError('Too many wildcard selectors in filter pattern');
    }
    return selector;
  };
  cursor.expect('{');
  const condition = parseCondition(cursor, { read, bareValue: /[^\s"'%(){}&|<>=!]+/y, keywords: true });
  cursor.expect('}');
  cursor.skipSpace();
  if (!cursor.ended) cursor.refuse();
  const matches = (message: string): boolean => {
    const document = parseObject(message);
    return document !== null && condition((selector) => select(document, selector));
  };
  const values = (message: string): Record<string, string> => {
    const document = parseObject(message);
    const found = [...selectors].map(([name, selector]) => [name, select(document, selector)[0]] as const);
    return Object.fromEntries(
      found.filter(([, value]) => value !== undefined).map(([name, value]) => [name, textOf(value)]),
    );
  };
  return Object.assign(matches, { values });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function parseObject(message: string): object | null {
  // Most messages are no JSON: not worth an exception each.
  const start = /^\s*[{[]/.test(message);
  if (!start) return null;
  try {
    return JSON.parse(message) as object;
  } catch {
    return null;
  }
}

/** `$` and then `.name`, `.*`, `[0]`, `[*]`, `['any name']`, with or without a period before the bracket. */
function readSelector(cursor: PatternCursor): Selector {
  if (!cursor.take('$')) cursor.refuse();
  const steps: (string | number | typeof anyOf)[] = [];
  for (;;) {
    const index = cursor.match(/\.?\[(?:\d{1,9}|\*)\]/y);
    if (index !== null) {
      const inner = index.replace(/[.[\]]/g, '');
      steps.push(inner === '*' ? anyOf : Number(inner));
      continue;
    }
    const bracketed = cursor.match(/\.?\[(?:'[^']*'|"[^"]*")\]/y);
    if (bracketed !== null) {
      steps.push(bracketed.slice(bracketed.indexOf('[') + 2, -2));
      continue;
    }
    const name = cursor.match(/\.(?:\*|[\p{L}\p{N}_-]+)/uy);
    if (name === null) break;
    steps.push(name === '.*' ? anyOf : name.slice(1));
  }
  if (steps.length === 0) {
    cursor.at -= 1;
    cursor.refuse();
  }
  return steps;
}

function select(document: unknown, selector: Selector): readonly unknown[] {
  let values: unknown[] = [document];
  for (const step of selector) {
    const next: unknown[] = [];
    for (const value of values) {
      if (typeof value !== 'object' || value === null) continue;
      if (step === anyOf) next.push(...Object.values(value));
      else if (typeof step === 'number' ? Array.isArray(value) && step < value.length : Object.hasOwn(value, step)) {
        next.push((value as Record<string | number, unknown>)[step]);
      }
    }
    values = next;
  }
  return values;
}
