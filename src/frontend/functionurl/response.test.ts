import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { responseOf, withoutSpaces } from './response.js';

const from = (result: unknown) => responseOf(Buffer.from(JSON.stringify(result)));

function answered(payload: string | Buffer) {
  const response = responseOf(Buffer.from(payload));
  assert.ok(response, 'no answer');
  return { ...response, body: response.body.toString() };
}

const json = ['Content-Type', 'application/json'];

test('results without a status are the body themselves, as recorded from the service', () => {
  for (const [payload, body] of [
    ['{"hello": "world"}', '{"hello":"world"}'],
    ['["hello", 3, true]', '["hello",3,true]'],
    ['"hello"', 'hello'],
    ['3', '3'],
    ['3.10', '3.10'],
    ['true', 'true'],
    ['null', 'null'],
    ['{"body": "b", "statusCode": null}', '{"body":"b","statusCode":null}'],
    ['{"a b": "c  d\\" \\\\"}', '{"a b":"c  d\\" \\\\"}'],
  ] as const) {
    assert.deepEqual(answered(payload), { status: 200, headers: json, body }, payload);
  }
});

test('results with a status are the whole answer', () => {
  assert.deepEqual(answered('{"statusCode": 200, "body": "body123"}'), { status: 200, headers: json, body: 'body123' });
  assert.deepEqual(answered('{"statusCode": "418", "body": "tea"}'), { status: 418, headers: json, body: 'tea' });
  assert.deepEqual(answered('{"statusCode": 204}'), { status: 204, headers: json, body: '' });
  assert.deepEqual(answered('{"statusCode": 200, "body": {"a": 1}}'), { status: 200, headers: json, body: '{"a":1}' });
  const full = {
    statusCode: 201,
    headers: { 'content-type': 'image/png', 'X-Count': 3, 'X-Yes': true, 'X-None': null, 'X-Text': 'grüße' },
    multiValueHeaders: { ignored: ['a'] },
    cookies: ['a=1; HttpOnly', 'b=2'],
    body: Buffer.from([0, 255]).toString('base64'),
    isBase64Encoded: true,
  };
  const response = from(full);
  assert.deepEqual(response?.headers, [
    ...['content-type', 'image/png', 'X-Count', '3', 'X-Yes', 'true'],
    ...['X-Text', Buffer.from('grüße').toString('latin1'), 'Set-Cookie', 'a=1; HttpOnly', 'Set-Cookie', 'b=2'],
  ]);
  assert.deepEqual([...(response?.body ?? [])], [0, 255]);
});

test('headers of the connection travel under another name', () => {
  const response = from({
    statusCode: 401,
    headers: { 'WWW-Authenticate': 'Basic', 'content-length': '7', Date: 'd' },
  });
  assert.deepEqual(response?.headers, [
    ...['x-amzn-Remapped-WWW-Authenticate', 'Basic', 'x-amzn-Remapped-content-length', '7'],
    ...['x-amzn-Remapped-Date', 'd', ...json],
  ]);
});

test('what is no HTTP is no answer', () => {
  for (const wrong of [
    { statusCode: 99 },
    { statusCode: 101 },
    { statusCode: 600 },
    { statusCode: 200.5 },
    { statusCode: 'ok' },
    { statusCode: true },
    { statusCode: 200, headers: ['a'] },
    { statusCode: 200, headers: 'a' },
    { statusCode: 200, headers: { a: ['b'] } },
    { statusCode: 200, headers: { a: 'b\r\nc: d' } },
    { statusCode: 200, headers: { 'a b': 'c' } },
    { statusCode: 200, cookies: 'a=b' },
    { statusCode: 200, cookies: [1] },
    { statusCode: 200, cookies: ['a\nb'] },
    { statusCode: 200, body: '%%%', isBase64Encoded: true },
  ]) {
    assert.equal(from(wrong), null, JSON.stringify(wrong));
  }
});

test('a handler that streams answers also where the URL buffers', () => {
  const prelude = '{"statusCode":202,"headers":{"Content-Type":"text/html"},"cookies":["a=1"]}';
  const payload = Buffer.concat([Buffer.from(prelude), Buffer.alloc(8), Buffer.from('<p>\0\0</p>')]);
  assert.deepEqual(answered(payload), {
    status: 202,
    headers: ['Content-Type', 'text/html', 'Set-Cookie', 'a=1'],
    body: '<p>\0\0</p>',
  });
  assert.equal(responseOf(Buffer.concat([Buffer.from('{"statusCode":1}'), Buffer.alloc(8)])), null);
  // A runtime that sends no JSON at all: its bytes.
  assert.deepEqual(answered('hello'), { status: 200, headers: json, body: 'hello' });
  assert.deepEqual(answered(''), { status: 200, headers: json, body: '' });
});

test('no result breaks the mapping, and every answer is HTTP', () => {
  const members = {
    statusCode: fc.oneof(fc.integer(), fc.string(), fc.jsonValue()),
    headers: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()),
    cookies: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
    body: fc.oneof(fc.string(), fc.jsonValue()),
    isBase64Encoded: fc.boolean(),
  };
  fc.assert(
    fc.property(fc.oneof(fc.record(members, { requiredKeys: [] }), fc.jsonValue()), (result) => {
      const response = from(result);
      if (response === null) return;
      assert.ok(response.status >= 200 && response.status <= 599);
      for (const text of response.headers) assert.match(text, /^[\t\x20-\x7e\x80-\xff]*$/);
      assert.ok(response.headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'content-type'));
    }),
    { numRuns: 500 },
  );
});

test('JSON without spaces is the same JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 2, '\t'), (value, indent) => {
      const spaced = JSON.stringify(value, null, indent);
      assert.equal(withoutSpaces(Buffer.from(spaced)).toString(), JSON.stringify(value));
    }),
  );
});
