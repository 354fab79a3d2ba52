import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../../kernel/limits.js';
import { captureLogFrame } from './framedevent.js';
import { LogCapture } from './logcapture.js';

function capture() {
  const events: string[] = [];
  const log = new LogCapture({ append: (_timestampMs, message) => void events.push(message) }, () => {});
  return { log, events };
}

function frame(kind: number, text: string): Buffer {
  const head = Buffer.alloc(9);
  head[0] = kind;
  head.writeDoubleLE(5, 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

test('property: raw bytes become lines, wherever they are cut; both pipes keep their own unfinished line', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme', maxLength: 20 })),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (words, cuts) => {
        const { log, events } = capture();
        const text = words.join('\n');
        const bytes = Buffer.from(text);
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = cuts[turn % cuts.length]!;
          log.raw('stdout', bytes.subarray(at, at + size), 1);
          at += size;
        }
        log.finish(1);
        assert.equal(events.join(''), text);
        for (const event of events) assert.ok(!event.slice(0, -1).includes('\n'));
      },
    ),
  );
  const { log, events } = capture();
  log.raw('stdout', Buffer.from('o1'), 1);
  log.raw('stderr', Buffer.from('e1'), 1);
  log.raw('stdout', Buffer.from('o2\n'), 1);
  log.finish(1);
  assert.deepEqual(events, ['o1o2\n', 'e1']);
});

test('a line without end is split at the size of one event', () => {
  const { log, events } = capture();
  for (let index = 0; index < 5; index += 1) log.raw('stdout', Buffer.alloc(100 * 1024, 'x'), 1);
  log.finish(1);
  assert.deepEqual(
    events.map((event) => event.length),
    [limits.logEventBytesMax, 500 * 1024 - limits.logEventBytesMax],
  );
});

test('framed events: newlines kept, long ones split between characters, malformed ones refused', () => {
  const { log, events } = capture();
  assert.ok(captureLogFrame(frame(2, 'a\nb\n'), log, 0));
  assert.ok(captureLogFrame(frame(2, `x${'é'.repeat(limits.logEventBytesMax)}`), log, 0));
  assert.equal(events[0], 'a\nb\n');
  assert.equal(events.slice(1).join(''), `x${'é'.repeat(limits.logEventBytesMax)}`);
  assert.ok(events.every((event) => Buffer.byteLength(event) <= limits.logEventBytesMax));
  assert.equal(captureLogFrame(Buffer.from([2]), log, 0), false);
  assert.equal(captureLogFrame(frame(9, 'x'), log, 0), false);
  const timeless = frame(2, 'x');
  timeless.writeDoubleLE(Number.NaN, 1);
  assert.equal(captureLogFrame(timeless, log, 0), false);
});

test('the tail keeps the last 4 KiB, only from its start on, and is given once', () => {
  const { log } = capture();
  log.event(1, 'before\n');
  assert.equal(log.takeTail(), null);
  log.startTail();
  for (let index = 0; index < 1000; index += 1) log.event(1, `line ${index}`);
  const tail = log.takeTail()!;
  assert.equal(tail.length, limits.logTailBytesMax);
  assert.ok(tail.toString().endsWith('line 998\nline 999\n'));
  assert.equal(log.takeTail(), null);
});
