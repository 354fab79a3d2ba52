import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseFilterPattern } from './filterpattern.js';

// Patterns made from trees, checked against what the user guide says each part of the tree means.
function matches(pattern: string, message: string): boolean {
  const parsed = parseFilterPattern(pattern);
  assert.ok(parsed.ok, `${pattern}: ${parsed.ok ? '' : parsed.failure}`);
  return parsed.value(message);
}

const word = fc.constantFrom('a', 'b', 'ab', 'aab', 'ERROR', 'Error', '10', '9', '1.5', 'x1');

/** `*` stands for any text. */
function glob(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[.\\^$|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}

test('property: terms', () => {
  const term = fc.record({ sign: fc.constantFrom('', '-', '?'), text: word, quoted: fc.boolean() });
  fc.assert(
    fc.property(fc.array(term, { minLength: 1, maxLength: 5 }), fc.array(word, { maxLength: 4 }), (terms, words) => {
      const message = words.join(' ');
      const pattern = terms.map(({ sign, text, quoted }) => `${sign}${quoted ? `"${text}"` : text}`).join(' ');
      const has = ({ text }: { readonly text: string }) => message.includes(text);
      const some = (sign: string) => terms.filter((one) => one.sign === sign);
      const strict = terms.some(({ sign }) => sign !== '?');
      const wanted = strict ? some('').every(has) && !some('-').some(has) : some('?').some(has);
      assert.equal(matches(pattern, message), wanted, `${pattern} on ${message}`);
    }),
  );
});

type Value = { readonly text: string; readonly quoted: boolean };
type Tree<O> =
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Tree<O>[] }
  | { readonly kind: 'compare'; readonly operand: O; readonly operator: string; readonly value: Value }
  | { readonly kind: 'is'; readonly operand: O; readonly what: 'NULL' | 'TRUE' | 'FALSE' | 'MISSING' };

const orders = ['<', '>', '<=', '>='];
const numeric = /^\d+(\.\d+)?$/;

function trees<O>(operand: fc.Arbitrary<O>, keywords: boolean): fc.Arbitrary<Tree<O>> {
  const value = fc.record({
    text: fc.oneof(word, fc.constantFrom('*', 'a*', '*b', 'a*b', '1*')),
    quoted: fc.boolean(),
  });
  const equal = fc.record({
    kind: fc.constant('compare' as const),
    operand,
    operator: fc.constantFrom('=', '!='),
    value,
  });
  const order = fc.record({
    kind: fc.constant('compare' as const),
    operand,
    operator: fc.constantFrom(...orders),
    value: fc.record({ text: fc.constantFrom('9', '10', '1.5', '100'), quoted: fc.constant(false) }),
  });
  const is = fc.record({
    kind: fc.constant('is' as const),
    operand,
    what: fc.constantFrom('NULL' as const, 'TRUE' as const, 'FALSE' as const, 'MISSING' as const),
  });
  return fc.letrec<{ tree: Tree<O> }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      ...(keywords ? [equal, order, is] : [equal, order]),
      fc.record({
        kind: fc.constantFrom('all' as const, 'any' as const),
        parts: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }),
      }),
    ),
  })).tree;
}

/** Parentheses where `&&` would bind wrongly, and here and there without need. */
function write<O>(
  tree: Tree<O>,
  name: (operand: O) => string,
  generous: boolean,
  inside: string | null = null,
): string {
  if (tree.kind === 'compare') {
    const { text, quoted } = tree.value;
    return `${name(tree.operand)} ${tree.operator} ${quoted ? `"${text}"` : text}`;
  }
  if (tree.kind === 'is') return `${name(tree.operand)} ${tree.what === 'MISSING' ? 'NOT EXISTS' : `IS ${tree.what}`}`;
  const sign = tree.kind === 'all' ? ' && ' : '||';
  const text = tree.parts.map((part) => write(part, name, generous, tree.kind)).join(sign);
  return (inside === 'all' && tree.kind === 'any') || generous ? `(${text})` : text;
}

function holds<O>(tree: Tree<O>, lookup: (operand: O) => unknown): boolean {
  if ('parts' in tree) {
    const holdsPart = (part: Tree<O>) => holds(part, lookup);
    return tree.kind === 'all' ? tree.parts.every(holdsPart) : tree.parts.some(holdsPart);
  }
  const found = lookup(tree.operand);
  if (tree.kind === 'is') {
    if (tree.what === 'MISSING') return found === undefined;
    return found === { NULL: null, TRUE: true, FALSE: false }[tree.what];
  }
  if (found === undefined || found === null || typeof found === 'object') return false;
  const { operator, value } = tree;
  if (orders.includes(operator)) {
    if (typeof found === 'boolean' || !numeric.test(String(found))) return false;
    const [left, right] = [Number(found), Number(value.text)];
    return new Map([
      ['<', left < right],
      ['>', left > right],
      ['<=', left <= right],
      ['>=', left >= right],
    ]).get(operator)!;
  }
  return (operator === '=') === equal(found, value);
}

function equal(found: unknown, { text, quoted }: Value): boolean {
  // A value in quotes is text; one without is whatever reads like it, numbers by their value.
  if (quoted) return typeof found === 'string' && glob(text).test(found);
  if (numeric.test(text) && numeric.test(String(found))) return Number(found) === Number(text);
  return glob(text).test(String(found));
}

test('property: JSON conditions', () => {
  const member = fc.constantFrom('a', 'b', 'deep', 'list', 'not-there');
  const path = fc.oneof(
    fc.tuple(member),
    fc.tuple(fc.constant('deep'), member),
    fc.tuple(fc.constant('list'), fc.integer({ min: 0, max: 3 })),
    fc.tuple(fc.constant('list'), fc.integer({ min: 0, max: 3 }), fc.constant('a')),
  );
  const scalar = fc.oneof(word, fc.constantFrom(9, 10, 1.5, true, false, null));
  const inner = fc.dictionary(fc.constantFrom('a', 'b'), scalar);
  const document = fc.record(
    { a: scalar, b: scalar, deep: inner, list: fc.array(fc.oneof(scalar, inner), { maxLength: 3 }) },
    { requiredKeys: [] },
  );
  const written = (steps: readonly (string | number)[]) =>
    `$${steps.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')}`;
  fc.assert(
    fc.property(trees<(string | number)[]>(path, true), document, fc.boolean(), (tree, value, generous) => {
      const pattern = `{ ${write(tree, written, generous)} }`;
      const lookup = (steps: readonly (string | number)[]) => {
        let at: unknown = value;
        for (const step of steps) {
          if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
          at = (at as Record<string | number, unknown>)[step];
        }
        return at;
      };
      const message = JSON.stringify(value);
      assert.equal(matches(pattern, message), holds(tree, lookup), `${pattern} on ${message}`);
    }),
    { numRuns: 500 },
  );
});

test('property: conditions on fields separated by spaces', () => {
  fc.assert(
    fc.property(
      fc.array(trees(fc.constant(''), false), { minLength: 1, maxLength: 3 }),
      fc.array(word, { maxLength: 4 }),
      fc.constantFrom('none', 'before', 'after'),
      (conditions, words, ellipsis) => {
        const fields = conditions.map((tree, i) => write(tree, () => `f${i}`, false));
        if (ellipsis === 'before') fields.unshift('...');
        if (ellipsis === 'after') fields.push('...');
        const pattern = `[${fields.join(', ')}]`;
        const message = words.join(' ');
        const enough = ellipsis === 'none' ? words.length === conditions.length : words.length >= conditions.length;
        const first = ellipsis === 'before' ? words.length - conditions.length : 0;
        const wanted = enough && conditions.every((tree, i) => holds(tree, () => words[first + i]));
        assert.equal(matches(pattern, message), wanted, `${pattern} on ${message}`);
      },
    ),
    { numRuns: 500 },
  );
});
