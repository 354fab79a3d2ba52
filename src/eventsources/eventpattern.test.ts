import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { compilePattern } from './eventpattern.js';

const matches = (pattern: unknown, event: unknown): boolean => {
  const matcher = compilePattern(JSON.stringify(pattern));
  assert.ok(matcher !== null, `${JSON.stringify(pattern)} is no pattern`);
  return matcher(event);
};

test('every comparison of the documentation', () => {
  const cases: [unknown, unknown, boolean][] = [
    [{ a: ['x'] }, { a: 'x' }, true],
    [{ a: ['x'] }, { a: 'y' }, false],
    [{ a: ['x'] }, {}, false],
    [{ a: ['x', 'y'] }, { a: 'y' }, true],
    [{ a: [''] }, { a: '' }, true],
    [{ a: [null] }, { a: null }, true],
    [{ a: [null] }, {}, false],
    [{ a: [1] }, { a: '1' }, false],
    [{ a: [true] }, { a: true }, true],
    [{ a: ['x'], b: ['y'] }, { a: 'x', b: 'y' }, true],
    [{ a: ['x'], b: ['y'] }, { a: 'x' }, false],
    [{ $or: [{ a: ['x'] }, { b: ['y'] }] }, { b: 'y' }, true],
    [{ $or: [{ a: ['x'] }, { b: ['y'] }] }, { b: 'x' }, false],
    [{ a: [{ 'anything-but': ['x'] }] }, { a: 'y' }, true],
    [{ a: [{ 'anything-but': ['x', 'y'] }] }, { a: 'y' }, false],
    [{ a: [{ 'anything-but': 'x' }] }, {}, false],
    [{ a: [{ 'anything-but': { prefix: 'x' } }] }, { a: 'xy' }, false],
    [{ a: [{ numeric: ['=', 100] }] }, { a: 100.0 }, true],
    [{ a: [{ numeric: ['>', 10, '<=', 20] }] }, { a: 20 }, true],
    [{ a: [{ numeric: ['>', 10, '<=', 20] }] }, { a: 10 }, false],
    [{ a: [{ numeric: ['>', 10] }] }, { a: '11' }, false],
    [{ a: [{ exists: true }] }, { a: null }, true],
    [{ a: [{ exists: true }] }, {}, false],
    [{ a: [{ exists: false }] }, {}, true],
    [{ a: [{ exists: false }] }, { a: 1 }, false],
    [{ a: [{ prefix: 'us-' }] }, { a: 'us-east-1' }, true],
    [{ a: [{ suffix: '.png' }] }, { a: 'b.png' }, true],
    [{ a: [{ 'equals-ignore-case': 'ALICE' }] }, { a: 'Alice' }, true],
    [{ a: { b: { c: ['x'] } } }, { a: { b: { c: 'x' } } }, true],
    [{ a: { b: ['x'] } }, { a: 'x' }, false],
    [{ a: ['x'] }, { a: ['w', 'x'] }, true],
    [{ a: { b: ['x'] } }, { a: [{ b: 'w' }, { b: 'x' }] }, true],
    [{ constructor: [{ exists: true }] }, {}, false],
    [{ __proto__: null, toString: [{ exists: false }] }, {}, true],
  ];
  for (const [pattern, event, expected] of cases) {
    assert.equal(matches(pattern, event), expected, `${JSON.stringify(pattern)} of ${JSON.stringify(event)}`);
  }
});

test('what is no pattern', () => {
  const texts = [
    '',
    'x',
    '"x"',
    'null',
    '[]',
    '{}',
    '{"a":"x"}',
    '{"a":[]}',
    '{"a":{}}',
    '{"a":[["x"]]}',
    '{"a":[{}]}',
    '{"a":[{"eval":"x"}]}',
    '{"a":[{"prefix":1}]}',
    '{"a":[{"prefix":"x","suffix":"y"}]}',
    '{"a":[{"exists":"yes"}]}',
    '{"a":[{"numeric":[">"]}]}',
    '{"a":[{"numeric":["~",1]}]}',
    '{"a":[{"numeric":[">","1"]}]}',
    '{"a":[{"anything-but":[]}]}',
    '{"a":[{"anything-but":{}}]}',
    '{"$or":[{"a":["x"]}]}',
    `${'{"a":'.repeat(100)}["x"]${'}'.repeat(100)}`,
  ];
  for (const text of texts) assert.equal(compilePattern(text), null, text);
});

test('property: no text and no event makes it throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), fc.jsonValue(), (text, event) => {
      compilePattern(text)?.(event);
    }),
  );
});

test('property: a pattern made of an event matches it', () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const name = fc.string({ minLength: 1 }).filter((text) => text !== '$or' && text !== '__proto__');
  const event = fc.letrec((tie) => ({
    node: fc.dictionary(name, fc.oneof({ depthSize: 'small' }, leaf, tie('node')), {
      minKeys: 1,
      noNullPrototype: true,
    }),
  })).node;
  const patternOf = (value: unknown): unknown =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, patternOf(inner)]))
      : [value];
  fc.assert(fc.property(event, (value) => matches(patternOf(value), value)));
});
