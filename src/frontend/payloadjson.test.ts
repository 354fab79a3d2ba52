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
  const values = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
  const source = '[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); ';
  assert.equal(
    jsonProblem(Buffer.from('STRING_VALUE')),
    `Unrecognized token 'STRING_VALUE': was expecting ${values}\n at ${source}line: 1, column: 13]`,
  );
  assert.match(
    jsonProblem(Buffer.from('0D')) ?? '',
    /^Unexpected character \('D' \(code 68\)\): Expected space separating root-level values\n at .*; line: 1, column: 2\]$/,
  );
  assert.match(
    jsonProblem(Buffer.from('{\n"a":1')) ?? '',
    /^Unexpected end-of-input: expected close marker for Object\n.*line: 2, column: 6\]$/s,
  );
  // Recorded from the service.
  const latin = (text: string) => jsonProblem(Buffer.from(text, 'latin1'));
  assert.equal(latin('n\x87r\x9e'), `Invalid UTF-8 start byte 0x87\n at ${source}line: 1, column: 3]`);
  assert.equal(
    latin('\x99\xeb,j'),
    `Unexpected character ((CTRL-CHAR, code 153)): expected a valid value ${values}\n at ${source}line: 1, column: 1]`,
  );
  assert.equal(latin('"\x9f"'), `Invalid UTF-8 start byte 0x9f\n at ${source}line: 1, column: 3]`);
  assert.equal(latin('["a\xc3("]'), `Invalid UTF-8 middle byte 0x28\n at ${source}line: 1, column: 6]`);
});

test('deep nesting needs no stack', () => {
  const deep = Buffer.from('['.repeat(1_000_000) + ']'.repeat(1_000_000));
  assert.equal(jsonProblem(deep), null);
});
