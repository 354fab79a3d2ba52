import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FrameType, frameType } from '../wire/channel/frames.js';
import { BrokenChannelError, encodeFrame, FrameReader, writeInvoke } from './channel.js';

test('property: frames survive any cut of the stream', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ type: fc.constantFrom(...Object.values(frameType)), body: fc.uint8Array({ maxLength: 300 }) }),
      ),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
      (frames, cuts) => {
        const stream = Buffer.concat(frames.map(({ type, body }) => encodeFrame(type, body)));
        const seen: { type: FrameType; body: Uint8Array }[] = [];
        const reader = new FrameReader((type, body) => seen.push({ type, body: new Uint8Array(body) }));
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = cuts[turn % cuts.length]!;
          reader.push(stream.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(
          seen,
          frames.map(({ type, body }) => ({ type, body: new Uint8Array(body) })),
        );
      },
    ),
  );
});

test('a whole frame is handed on without copying', () => {
  const frame = encodeFrame(frameType.response, Buffer.from('abc'));
  new FrameReader((_type, body) => assert.equal(body.buffer, frame.buffer)).push(frame);
});

test('lengths of zero or beyond the bound break the channel before anything is kept', () => {
  for (const length of [0, 101, 0xffffffff]) {
    const head = Buffer.alloc(5);
    head.writeUInt32LE(length);
    assert.throws(() => new FrameReader(() => {}, 100).push(head), BrokenChannelError);
  }
});

test('INVOKE: header lines, then the payload; one write when small', () => {
  for (const size of [0, 10, 100_000]) {
    const channel = new PassThrough();
    const payload = Buffer.alloc(size, 'p');
    writeInvoke(
      channel,
      {
        requestId: 'r',
        deadlineMs: 5,
        invokedFunctionArn: 'arn',
        traceHeader: 't',
        clientContext: '{"ü":1}',
        cognitoIdentity: null,
      },
      payload,
    );
    const frames: Buffer[] = [];
    const reader = new FrameReader((type, body) => {
      assert.equal(type, frameType.invoke);
      frames.push(body);
    });
    for (let chunk = channel.read(); chunk !== null; chunk = channel.read()) reader.push(chunk);
    const body = frames[0]!;
    const end = 4 + body.readUInt32LE(0);
    assert.equal(body.toString('utf8', 4, end), `r\n5\narn\nt\n${Buffer.from('{"ü":1}').toString('base64')}\n`);
    assert.deepEqual(body.subarray(end), payload);
  }
});
