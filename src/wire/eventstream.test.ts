import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventStreamCodec } from '@smithy/core/event-streams';
import fc from 'fast-check';
import { invokeComplete, payloadChunk } from './eventstream.js';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString('utf8'),
  (text) => Buffer.from(text),
);

/** What the decoder of the official SDK makes of a message; it checks lengths and both CRCs. */
function decoded(message: Buffer): { readonly headers: Record<string, unknown>; readonly body: Buffer } {
  const { headers, body } = codec.decode(message);
  return {
    headers: Object.fromEntries(Object.entries(headers).map(([name, { value }]) => [name, value])),
    body: Buffer.from(body),
  };
}

test('property: the official decoder reads every PayloadChunk back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
      assert.deepEqual(decoded(payloadChunk(bytes)), {
        headers: {
          ':message-type': 'event',
          ':event-type': 'PayloadChunk',
          ':content-type': 'application/octet-stream',
        },
        body: Buffer.from(bytes),
      });
    }),
  );
});

test('property: the official decoder reads every InvokeComplete back', () => {
  const member = fc.option(fc.string({ unit: 'binary' }), { nil: undefined });
  fc.assert(
    fc.property(fc.record({ ErrorCode: member, ErrorDetails: member, LogResult: member }), (members) => {
      const { headers, body } = decoded(invokeComplete(members as never));
      assert.equal(headers[':event-type'], 'InvokeComplete');
      assert.equal(headers[':content-type'], 'application/json');
      assert.deepEqual(JSON.parse(body.toString()), JSON.parse(JSON.stringify(members)));
    }),
  );
});

test('a message that was cut or changed is no message', () => {
  const message = payloadChunk(Buffer.from('abc'));
  assert.throws(() => codec.decode(message.subarray(1)));
  for (let at = 0; at < message.length; at += 1) {
    const changed = Buffer.from(message);
    changed[at]! ^= 1;
    assert.throws(() => codec.decode(changed));
  }
});

test('without an error and without a log, InvokeComplete is an empty object', () => {
  assert.equal(decoded(invokeComplete({})).body.toString(), '{}');
});
