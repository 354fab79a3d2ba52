import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonProblem } from './payloadjson.js';

function parses(bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

test('accepts exactly what JSON.parse accepts', () => {
  const corpus =
    '1 -1 0 -0 01 -01 1. .1 1.5e3 1e 1e+ 1e+1 - + +1 1a nul null nullx true false tru "a "a" "a"b "\\u00e9" "\\u00g9" "\\x" [] [1] [1,] [,1] [1 2] {} {"a":1} {"a"} {"a":} {"a":1,} {a:1} {1:1} [{"a":[]}] [} {] [[ ]] { NaN Infinity undefined \' // é "é" "\u2028" [1]x [1][2]'.split(
      ' ',
    );
  for (const text of [
    ...corpus,
    '',
    ' ',
    ' 1 ',
    '\n[\t1 ,\r2 ] ',
    '"\n"',
    '"\\',
    '"\\u12',
    '\ufeff1',
    '{"a" : 1 , "b" : [ ] }',
  ]) {
    assert.equal(jsonProblem(Buffer.from(text)) === null, parses(Buffer.from(text)), JSON.stringify(text));
  }
  fc.assert(fc.property(fc.json(), (text) => jsonProblem(Buffer.from(text)) === null));
  const noise = fc.array(fc.constantFrom(...'{}[]:,"\\ 0123.eE+-ntfalsru\n\u0001é'), { maxLength: 12 });
  fc.assert(
    fc.property(noise, (characters) => {
      const bytes = Buffer.from(characters.join(''));
      return (jsonProblem(bytes) === null) === parses(bytes);
    }),
    { numRuns: 3_000 },
  );
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.nat({ max: 255 }), (text, at, byte) => {
      const bytes = Buffer.from(text);
      bytes[at % bytes.length] = byte;
      return (jsonProblem(bytes) === null) === parses(bytes);
    }),
    { numRuns: 2_000 },
  );
});

test("speaks as Lambda's parser", () => {
  assert.equal(
    jsonProblem(Buffer.from('STRING_VALUE')),
    `Unrecognized token 'STRING_VALUE': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: (byte[])"STRING_VALUE"; line: 1, column: 13]`,
  );
  assert.match(
    jsonProblem(Buffer.from('0D')) ?? '',
    /^Unexpected character \('D' \(code 68\)\): Expected space separating root-level values\n at \[Source: \(byte\[\]\)"0D"; line: 1, column: 3\]$/,
  );
  assert.match(
    jsonProblem(Buffer.from('{\n"a":1')) ?? '',
    /^Unexpected end-of-input: expected close marker for Object\n.*line: 2, column: 6\]$/s,
  );
  assert.match(jsonProblem(Buffer.alloc(600, 'x')) ?? '', /\[truncated 100 bytes\]/);
});

test('deep nesting needs no stack', () => {
  const deep = Buffer.from('['.repeat(1_000_000) + ']'.repeat(1_000_000));
  assert.equal(jsonProblem(deep), null);
});
