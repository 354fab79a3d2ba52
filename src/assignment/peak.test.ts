import assert from 'node:assert/strict';
import test from 'node:test';
import { minuteMs } from '../kernel/units.js';
import { PeakWindow, peakWindowMs } from './peak.js';

test('the peak of five minutes, forgotten minute by minute', () => {
  assert.equal(peakWindowMs, 5 * minuteMs);
  const startMs = 1_000 * minuteMs;
  const peak = new PeakWindow();
  peak.note(7, startMs);
  peak.note(3, startMs + 10);
  assert.equal(peak.largest(0, startMs + 20), 7);
  peak.note(4, startMs + 2 * minuteMs);
  assert.equal(peak.largest(0, startMs + 5 * minuteMs - 1), 7);
  assert.equal(peak.largest(0, startMs + 5 * minuteMs), 4);
  assert.equal(peak.largest(0, startMs + 7 * minuteMs), 0);
  assert.equal(peak.largest(2, startMs + 8 * minuteMs), 2, 'what is there now counts');
  assert.equal(peak.largest(0, startMs + 500 * minuteMs), 0);
});
