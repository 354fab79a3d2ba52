import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { storedBytesMax } from '../codec.js';
import { bodyBytesMax, cutStripes, decodeStripes, encodeStripes, joinStripes, nameOf, type Stripe } from './stripes.js';

const sizes = [1, 31, 32, 33, 4_095, 100_000, storedBytesMax];

test('any four of five make the chunk, at every size', () => {
  for (const size of sizes) {
    const bytes = randomBytes(size);
    const stripes = cutStripes(bytes);
    for (let without = 0; without < 5; without += 1) {
      const four = stripes.filter(({ index }) => index !== without);
      const joined = joinStripes(nameOf(bytes), size, four.reverse());
      assert.deepEqual(joined?.bytes, bytes);
      assert.equal(joined?.wrong, null);
    }
    assert.equal(joinStripes(nameOf(bytes), size, stripes)?.wrong, null);
    assert.equal(joinStripes(nameOf(bytes), size, stripes.slice(0, 3)), null);
  }
});

test('of five stripes one that lies is found out, whichever it is; of four it only makes no chunk', () => {
  const bytes = randomBytes(50_000);
  const name = nameOf(bytes);
  for (let liar = 0; liar < 5; liar += 1) {
    const stripes = cutStripes(bytes).map((stripe): Stripe => {
      if (stripe.index !== liar) return stripe;
      const payload = Buffer.from(stripe.payload);
      payload[payload.length >> 1]! ^= 4;
      return { ...stripe, payload };
    });
    const joined = joinStripes(name, bytes.length, stripes);
    assert.deepEqual(joined?.bytes, bytes);
    assert.equal(joined?.wrong, liar);
    const four = stripes.filter(({ index }) => index !== (liar + 1) % 5);
    assert.equal(joinStripes(name, bytes.length, four), null);
  }
});

test('a record with any bit changed is no intact stripe; what is before it still counts', () => {
  const bytes = randomBytes(300);
  const name = nameOf(bytes);
  const stripes = cutStripes(bytes);
  const good = encodeStripes(name, stripes.slice(1, 3));
  assert.deepEqual(
    decodeStripes(name, good).stripes.map(({ index }) => index),
    [1, 2],
  );
  for (let bit = 0; bit < good.length * 8; bit += 1) {
    const bad = Buffer.from(good);
    bad[bit >> 3]! ^= 1 << (bit & 7);
    const { stripes: left, broken } = decodeStripes(name, bad);
    assert.ok(broken);
    assert.equal(left.length, bit >> 3 < good.length / 2 ? 0 : 1);
  }
  assert.ok(decodeStripes(nameOf(Buffer.from('another chunk')), good).broken);
  assert.ok(decodeStripes(name, good.subarray(0, -1)).broken);
});

test('whatever bytes come, reading them ends without an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, real) => {
      const body = Buffer.from(bytes);
      if (real && body.length > 4) body.write('HST1');
      const { stripes } = decodeStripes('00'.repeat(32), body);
      assert.deepEqual(stripes, []);
    }),
  );
});

test('the largest chunk with all its stripes fits a body', () => {
  const bytes = Buffer.alloc(storedBytesMax, 7);
  assert.equal(encodeStripes(nameOf(bytes), cutStripes(bytes)).length, bodyBytesMax);
});
