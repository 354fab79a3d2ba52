import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseFilterPattern } from './filterpattern.js';

function matches(pattern: string, message: string): boolean {
  const parsed = parseFilterPattern(pattern);
  assert.ok(parsed.ok, parsed.ok ? '' : `${pattern}: ${parsed.failure}`);
  return parsed.value(message);
}

function check(pattern: string, hits: readonly string[], misses: readonly string[]): void {
  for (const message of hits) assert.equal(matches(pattern, message), true, `${pattern} should match ${message}`);
  for (const message of misses)
    assert.equal(matches(pattern, message), false, `${pattern} should not match ${message}`);
}

/** Lines of the user guide's examples. */
const badRequest = '[ERROR 400] BAD REQUEST';
const unauthorized = '[ERROR 401] UNAUTHORIZED REQUEST';
const missing = '[ERROR 419] MISSING ARGUMENTS';
const internal = '[ERROR 500] INTERNAL SERVER ERROR';

test('terms: all of them, anywhere, case counts', () => {
  check('', [badRequest, ''], []);
  check('" "', [badRequest, 'x'], []);
  check('ERROR', [badRequest, 'ERRORCODE'], ['error', '']);
  check('ERROR ARGUMENTS', [missing], [badRequest]);
  check('"INTERNAL SERVER ERROR"', [internal], ['INTERNAL ERROR SERVER']);
  check('"say \\"hi\\""', ['I say "hi"'], ['I say hi']);
});

test('terms: excluded and optional ones', () => {
  check('ERROR -ARGUMENTS', [badRequest, unauthorized], [missing]);
  check('-"BAD REQUEST"', [missing], [badRequest]);
  check('?ERROR ?ARGUMENTS', [badRequest, 'no ARGUMENTS'], ['fine']);
  // Documented: together with other terms the optional ones are ignored.
  check('?ERROR ?ARGUMENTS REQUEST', ['[INFO] REQUEST FAILED'], [missing]);
});

test('terms: regular expressions', () => {
  check('%AUTHORIZED%', [unauthorized, '[SUCCESS 200] AUTHORIZED REQUEST'], [badRequest]);
  check('%^[hc]at%', ['hat', 'cats'], ['a cat', 'bat']);
  check('%[hc]at$%', ['a hat'], ['hats']);
  check('%colou?r%', ['color', 'my colour'], ['colr']);
  check('%a{3,5}b%', ['aaab', 'aaaaaaab'], ['aab']);
  check('%gray|grey%', ['a grey cat', 'gray'], ['groy']);
  check('%10\\.10\\.0\\.1%', ['ip 10.10.0.1'], ['10x10.0.1']);
  check('%\\d+ms%', ['took 15ms'], ['took ms']);
  check('%[^a-z ]+$%', ['abc D'], ['abc d']);
});

test('patterns that the service refuses', () => {
  const refused: [string, string][] = [
    ['?Status: timeout', "Invalid character(s) in term ':'"],
    ['(main)', "Invalid character(s) in term '('"],
    ['`ERROR`', "Invalid character(s) in term '`'"],
    ['{ $.a = "x" ', 'Invalid filter pattern'],
    ['%something!%', "Invalid character(s) in term '!'"],
    ['%(a)%', "Invalid character(s) in term '('"],
  ];
  for (const [pattern, text] of refused) assert.deepEqual(parseFilterPattern(pattern), { ok: false, failure: text });
  for (const pattern of [
    '{',
    '{}',
    '{ $ = 1 }',
    '{ $.a EXISTS }',
    '{ $.a IS NOT NULL }',
    '[',
    '[a, b',
    '"open',
    '%open',
    '{ $.a > "x" }',
    '{ $.*.* = 1 }',
    '[..., a, ...]',
    '%a{5,2}%',
    '%a{999}%',
    '%a% %b% %c%',
    '%*%',
  ]) {
    assert.equal(parseFilterPattern(pattern).ok, false, pattern);
  }
});

const trail = JSON.stringify({
  eventType: 'UpdateTrail',
  sourceIPAddress: '111.111.111.111',
  arrayKey: ['value', 'another value'],
  objectList: [
    { name: 'a', id: 1 },
    { name: 'b', id: 2 },
  ],
  SomeObject: null,
  'cluster.name': 'c',
  'detail-type': 'd',
  ok: true,
  latency: 50,
  code: '404',
});

test('JSON: the examples of the user guide', () => {
  for (const hit of [
    '{ $.eventType = "UpdateTrail" }',
    '{$.eventType=UpdateTrail}',
    '{ $.eventType = Update* }',
    '{ $.sourceIPAddress != 123.123.* }',
    '{ $.arrayKey[0] = "value" }',
    '{ $.eventType = %Trail% }',
    '{ $.arrayKey[*] = %val.{2}% }',
    '{ $.* = %111\\.111\\.111\\.1[0-9]{1,2}% }',
    '{ $.[\'cluster.name\'] = "c" }',
    '{ $.detail-type = "d" }',
    '{ $.SomeObject IS NULL }',
    '{ $.ok IS TRUE }',
    '{ $.SomeOtherObject NOT EXISTS }',
    '{ $.objectList[1].id = 2 && $.objectList[0].name = "a" }',
    '{ $.objectList[*].id >= 2 }',
    '{ $.latency <= 5e1 && $.latency > 49.5 && $.latency != 51 }',
    '{ $.code = 404 }',
    '{ ($.latency = 1 || $.ok IS TRUE) && $.eventType = "*" }',
    '{ $.latency = 50 || $.nothing = 1 && $.nothing = 2 }',
  ])
    check(hit, [trail], ['no json', '"text"']);
  for (const miss of [
    '{ $.eventType = "Update" }',
    '{ $.missing != "x" }',
    '{ $.objectList = "a" }',
    '{ $.objectList != "a" }',
    '{ $.latency = "50" }',
    '{ $.ok IS FALSE }',
    '{ $.SomeObject NOT EXISTS }',
    '{ $.arrayKey[2] = "*" }',
    '{ ($.latency = 50 || $.nothing = 1) && $.nothing = 2 }',
    '{ $.__proto__ = "*" }',
  ])
    check(miss, [], [trail, 'no json']);
});

test('fields separated by spaces: the examples of the user guide', () => {
  const line = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534';
  for (const hit of [
    '[ip=%127\\.0\\.0\\.[1-9]%, user, username, timestamp, request =*.html*, status_code = 4*, bytes]',
    '[..., request =*.html*, status_code = 4*, bytes]',
    '[ip, user, username, timestamp, request =*.html*, status_code = 404 || status_code = 410, bytes]',
    '[ip, user, username, timestamp, request, status_code, bytes > 1000]',
    '[ip, ..., bytes = 1534]',
    '[ip, user = Prod && ip = 127.*, ...]',
    '[ip, , username = "frank", ...]',
  ])
    check(hit, [line], ['', 'one two']);
  for (const miss of [
    '[ip, user, bytes = 1534]',
    '[..., status_code = 5*, bytes]',
    '[a, b, c, d, e, f, g, h]',
    '[..., bytes < 1000]',
  ])
    check(miss, [], [line]);
  check('[w1]', ['one', 'one two'], ['']);
  check('[w1=ERROR || w1=WARNING, w2]', ['ERROR 09/25/2014 12:00:02 Failed', 'WARNING x'], ['INFO x', 'ERROR']);
  check('[w1!=ERROR && w1!=WARNING, w2]', ['INFO x'], ['ERROR x']);
});

test('property: parsing never throws, matching never throws', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '$',
    '.a',
    '=',
    '!=',
    '"x"',
    '%a*%',
    '&&',
    '||',
    '(',
    ')',
    ',',
    '...',
    ' ',
    '-',
    '?',
    '*',
    'a',
    '\\',
    '1e3',
    'IS NULL',
    'NOT EXISTS',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 12 }).map((p) => p.join('')),
      ),
      fc.oneof(fc.string(), fc.json()),
      (pattern, message) => {
        const parsed = parseFilterPattern(pattern);
        if (parsed.ok) assert.equal(typeof parsed.value(message), 'boolean');
      },
    ),
    { numRuns: 1_000 },
  );
});

test('property: any text in quotes is found where it is, excluded where it is', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1 }), fc.string(), (before, text, after) => {
      const quoted = `"${text.replace(/["\\]/g, '\\$&')}"`;
      assert.equal(matches(quoted, before + text + after), true);
      if (text.trim() !== '') assert.equal(matches(`-${quoted}`, before + text + after), false);
    }),
  );
});

test('property: expressions agree with JavaScript', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '1', '^', '$');
  const times = fc.constantFrom('', '', '?', '*', '+', '{2}', '{1,2}', '{2,}');
  const branch = fc
    .array(fc.tuple(atom, times), { maxLength: 5 })
    .map((parts) => parts.map(([a, t]) => (a === '^' || a === '$' ? a : a + t)).join(''));
  const source = fc.array(branch, { minLength: 1, maxLength: 3 }).map((branches) => branches.join('|'));
  fc.assert(
    fc.property(source, fc.string({ unit: fc.constantFrom('a', 'b', '1', 'c'), maxLength: 12 }), (regex, text) => {
      assert.equal(matches(`%${regex}%`, text), new RegExp(regex, 's').test(text), `${regex} on ${text}`);
    }),
    { numRuns: 2_000 },
  );
});

test('an expression that ruins backtracking engines is answered', () => {
  assert.equal(matches('%.*.*.*.*.*.*.*.*x%', 'y'.repeat(20_000)), false);
  assert.equal(matches('[a=%x+x+x+y%, ...]', `${'[ '.repeat(50_000)}`), false);
});
