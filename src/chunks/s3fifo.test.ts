import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { S3Fifo } from './s3fifo.js';

test('holds its bound, and forgets exactly what it says', () => {
  const step = fc.record({
    key: fc.integer({ min: 0, max: 30 }),
    bytes: fc.integer({ min: 0, max: 60 }),
    kind: fc.integer({ min: 0, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const cache = new S3Fifo(200);
      const held = new Map<string, number>();
      for (const { key: number, bytes, kind } of steps) {
        const key = String(number);
        if (kind < 6) {
          held.set(key, bytes);
          for (const gone of cache.add(key, bytes)) assert.ok(held.delete(gone), `${gone} was not here`);
        } else if (kind < 9) cache.hit(key);
        else {
          cache.remove(key);
          held.delete(key);
        }
        assert.deepEqual(new Set(cache.keys()), new Set(held.keys()));
        const sum = [...held.values()].reduce((total, one) => total + one, 0);
        assert.equal(cache.bytes, sum);
        assert.ok(sum <= 200);
      }
    }),
  );
});

test('a scan does not push out what is in use', () => {
  const cache = new S3Fifo(100);
  for (let key = 0; key < 50; key += 1) cache.add(`hot${key}`, 1);
  for (let round = 0; round < 2; round += 1) for (let key = 0; key < 50; key += 1) cache.hit(`hot${key}`);
  for (let key = 0; key < 10_000; key += 1) cache.add(`scan${key}`, 1);
  for (let key = 0; key < 50; key += 1) assert.ok(cache.has(`hot${key}`));
});

test('what comes back soon after it left stays', () => {
  const cache = new S3Fifo(10);
  for (let key = 0; key < 20; key += 1) cache.add(`k${key}`, 1);
  assert.ok(!cache.has('k9'));
  cache.add('k9', 1);
  for (let key = 0; key < 5; key += 1) cache.add(`more${key}`, 1);
  assert.ok(cache.has('k9'));
});

test('what is larger than the cache is not kept, and costs nobody a place', () => {
  const cache = new S3Fifo(10);
  cache.add('small', 4);
  assert.deepEqual(cache.add('large', 11), ['large']);
  assert.ok(cache.has('small') && !cache.has('large'));
});
