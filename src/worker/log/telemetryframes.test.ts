import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mib } from '../../kernel/units.js';
import { TelemetryFrames } from './telemetryframes.js';

function frame(type: number, text: string, microseconds?: bigint): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.alloc(microseconds === undefined ? 8 : 16);
  head.writeUInt32BE(type, 0);
  head.writeUInt32BE(bytes.length, 4);
  if (microseconds !== undefined) head.writeBigUInt64BE(microseconds, 8);
  return Buffer.concat([head, bytes]);
}

/** What comes out of a stream that arrives in pieces of `size` bytes. */
function read(stream: Buffer, size: number): { readonly events: [number, string][]; readonly good: boolean } {
  const events: [number, string][] = [];
  const frames = new TelemetryFrames((body) => events.push([body.readDoubleLE(1), body.toString('utf8', 9)]));
  let good = true;
  for (let at = 0; good && at < stream.length; at += size) good = frames.push(stream.subarray(at, at + size));
  return { events, good };
}

const micros = 1_700_000_000_123_456n;
const stream = Buffer.concat([
  frame(0xa55a0003, 'one\ntwo ✓\n', micros),
  frame(0xa55a0002, '{"json":1}', micros),
  frame(0xa55a001b, 'with a level\n', micros),
  frame(0xa55a0001, 'no time'),
  frame(0xa55a0003, '', micros),
]);

test('frames become log events, however the stream is cut', () => {
  for (const size of [1, 3, 7, 16, 17, stream.length]) {
    assert.deepEqual(read(stream, size), {
      good: true,
      events: [
        [1_700_000_000_123, 'one\ntwo ✓'],
        [1_700_000_000_123, '{"json":1}'],
        [1_700_000_000_123, 'with a level'],
        [0, 'no time'],
        [1_700_000_000_123, ''],
      ],
    });
  }
});

test('what is no such stream is refused, and so is a frame of more than 4 MiB', () => {
  assert.equal(read(Buffer.from('plain text on the descriptor'), 5).good, false);
  for (const [bytes, good] of [
    [4 * mib, true],
    [4 * mib + 1, false],
    [0xffffffff, false],
  ] as const) {
    const head = Buffer.alloc(16);
    head.writeUInt32BE(0xa55a0003, 0);
    head.writeUInt32BE(bytes, 4);
    assert.equal(read(head, 16).good, good);
  }
});
