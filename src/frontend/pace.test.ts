import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../kernel/limits.js';
import { mib } from '../kernel/units.js';
import { Pace } from './pace.js';

const asOnAws = { burstBytes: limits.streamBurstBytes, bytesPerSecond: 2 * mib };

test('the first 6 MiB leave at once, then so much a second', () => {
  assert.equal(limits.streamBurstBytes, 6 * mib);
  const pace = new Pace(asOnAws, 0);
  assert.equal(pace.spend(6 * mib, 0), 0);
  assert.equal(pace.spend(2 * mib, 0), 1_000);
  assert.equal(pace.spend(2 * mib, 1_000), 1_000);
  assert.equal(pace.spend(mib, 3_500), 0, 'a writer that was slower owes nothing');
});

test('property: a writer that waits as told never exceeds burst and rate together', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 64 * 1024 }), { maxLength: 400 }), (pieces) => {
      const bandwidth = { burstBytes: 100_000, bytesPerSecond: 50_000 };
      const pace = new Pace(bandwidth, 0);
      let nowMs = 0;
      let sent = 0;
      for (const bytes of pieces) {
        // One piece may begin before the bucket knows its size.
        assert.ok(sent <= bandwidth.burstBytes + (nowMs / 1_000) * bandwidth.bytesPerSecond + 1);
        sent += bytes;
        nowMs += pace.spend(bytes, nowMs);
      }
    }),
  );
});
