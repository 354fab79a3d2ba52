import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HttpPreludeReader, preludeBytesMax } from './httpprelude.js';

/** Pushes `bytes` cut into pieces of the given sizes; what the reader said, and the bytes it had not seen yet. */
function read(bytes: Buffer, cuts: readonly number[]) {
  const reader = new HttpPreludeReader();
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = cuts[turn % cuts.length]!;
    const found = reader.push(bytes.subarray(at, at + size));
    at += size;
    if (found !== null) return { found, unseen: bytes.subarray(at) };
  }
  return null;
}

test('property: a prelude is found however the stream is cut, and the body behind it is whole', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (prelude, body, cuts) => {
        const text = JSON.stringify(prelude);
        const result = read(Buffer.concat([Buffer.from(text), Buffer.alloc(8), body]), cuts);
        assert.ok(result !== null && 'prelude' in result.found);
        assert.deepEqual(result.found.prelude, JSON.parse(text));
        assert.deepEqual(Buffer.concat([result.found.rest, result.unseen]), Buffer.from(body));
      },
    ),
  );
});

test('what is no JSON object before the delimiter is a problem; so is a prelude without an end', () => {
  for (const text of ['', 'x', '[]', '"text"', 'null', '{']) {
    const result = read(Buffer.concat([Buffer.from(text), Buffer.alloc(8)]), [1_000]);
    assert.ok(result !== null && 'problem' in result.found, text);
  }
  assert.equal(new HttpPreludeReader().push(Buffer.from('{"statusCode":200}')), null);
  const endless = new HttpPreludeReader();
  assert.equal(endless.push(Buffer.alloc(preludeBytesMax, ' ')), null);
  assert.ok('problem' in endless.push(Buffer.from(' '))!);
});

test('fewer than eight zero bytes are part of what is before them', () => {
  assert.equal(new HttpPreludeReader().push(Buffer.concat([Buffer.from('{}'), Buffer.alloc(7)])), null);
});
