import assert from 'node:assert/strict';
import test from 'node:test';
import type { ChunkRef } from './layout.js';
import { MemoryTier } from './memorytier.js';

const ref = (label: string): ChunkRef => ({
  name: label.padEnd(64, '-'),
  key: Buffer.alloc(32, label),
  storedBytes: 1,
  bytes: 4096,
});

test('holds its bound', () => {
  const tier = new MemoryTier(10 * 4096);
  for (let each = 0; each < 100; each++) tier.add(ref(`c${each}`), Buffer.alloc(4096), 0);
  assert.equal(tier.bytes, 10 * 4096);
  assert.equal(tier.get(ref('c0'), 0), null);
  tier.add(ref('large'), Buffer.alloc(11 * 4096), 0);
  assert.equal(tier.get(ref('large'), 0), null);
});

test('a chunk’s name without its key opens nothing', () => {
  const tier = new MemoryTier(4096);
  tier.add(ref('a'), Buffer.alloc(4096), 0);
  assert.notEqual(tier.get(ref('a'), 0), null);
  assert.equal(tier.get({ ...ref('a'), key: Buffer.alloc(32, 'b') }, 0), null);
});

test('a scan that reads every chunk page by page does not push out what is in use', () => {
  const tier = new MemoryTier(100 * 4096);
  const hot = Array.from({ length: 60 }, (_, each) => ref(`hot${each}`));
  let nowMs = 0;
  const use = (chunk: ChunkRef) => {
    if (tier.get(chunk, nowMs) === null) tier.add(chunk, Buffer.alloc(4096), nowMs);
  };
  for (let round = 0; round < 4; round++) {
    hot.forEach(use);
    nowMs += 1_000;
  }
  for (let each = 0; each < 5_000; each++) {
    const scanned = ref(`scan${each}`);
    for (let page = 0; page < 128; page++) use(scanned);
    nowMs += 10;
    // Meanwhile the rest goes on being used, now and then.
    if (each % 10 === 0) use(hot[(each / 10) % hot.length]!);
  }
  const left = hot.filter((chunk) => tier.get(chunk, nowMs) !== null).length;
  assert.equal(left, hot.length);
});
