import assert from 'node:assert/strict';
import { test } from 'node:test';
import { captureLogFrame } from './framedevent.js';
import { LogCapture } from './logcapture.js';

const nowMs = 1_732_241_842_000;

function captured(timeMs: number, kind = 2, text = 'words'): readonly (readonly [number, string])[] | null {
  const events: [number, string][] = [];
  const capture = new LogCapture({ append: (timestampMs, message) => events.push([timestampMs, message]) }, () => {});
  const body = Buffer.alloc(9 + Buffer.byteLength(text));
  body[0] = kind;
  body.writeDoubleLE(timeMs, 1);
  body.write(text, 9);
  return captureLogFrame(body, capture, nowMs) ? events : null;
}

test('an event has whole milliseconds: Python tells the time with a fraction', () => {
  assert.deepEqual(captured(nowMs + 0.75), [[nowMs, 'words']]);
  assert.deepEqual(captured(nowMs - 3.25, 1, 'line\n'), [[nowMs - 4, 'line\n']]);
});

test('a time that cannot be is replaced', () => {
  for (const timeMs of [-1e300, 1e300, 0, 9e15]) {
    assert.deepEqual(captured(timeMs), [[nowMs, 'words']]);
  }
});
