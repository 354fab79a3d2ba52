import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../../kernel/limits.js';
import { kib, mib } from '../../kernel/units.js';
import type { ResponseSink } from '../../wire/responsesink.js';
import { BodyReader } from './httpbody.js';
import type { HttpConnection } from './httpconnection.js';
import { ResponseRequest } from './responserequest.js';
import { StreamedResponse } from './streamedresponse.js';

/** A sink that counts and remembers; `takes`: what `write` answers. */
class RecordingSink implements ResponseSink {
  started = false;
  onDrain: (() => void) | null = null;
  type = '';
  bytes = 0;
  text = '';
  ended = false;
  takes = true;
  start(contentType: string): void {
    this.started = true;
    this.type = contentType;
  }
  write(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    if (this.bytes < mib) this.text += chunk.toString('latin1');
    return this.takes;
  }
  end(): void {
    this.ended = true;
  }
}

function open(sink: ResponseSink | null, contentType: string | null = null) {
  const flow: string[] = [];
  const told: string[] = [];
  const recorded = { pause: () => void flow.push('pause'), resume: () => void flow.push('resume') };
  const response = new StreamedResponse(sink, contentType, recorded, () => void told.push('end'));
  const connection = { answer: (status: number) => void told.push(String(status)) } as unknown as HttpConnection;
  return { response, request: new ResponseRequest(response, connection, '{}'), flow, told };
}

/** Feeds a body as a connection does: what the reader leaves comes again with more behind it. */
function feed(reader: BodyReader, bytes: Buffer, cuts: readonly number[]): boolean {
  let rest = Buffer.alloc(0);
  for (let at = 0, turn = 0; at < bytes.length && !reader.done; turn += 1) {
    const size = cuts[turn % cuts.length]!;
    rest = Buffer.concat([rest, bytes.subarray(at, at + size)]);
    at += size;
    const taken = reader.push(rest, 0);
    if (taken < 0) return false;
    rest = rest.subarray(taken);
  }
  return reader.done;
}

const chunked = (pieces: readonly string[], trailers = '') =>
  Buffer.from(
    `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n${trailers}\r\n`,
    'latin1',
  );

test('property: chunks and trailers arrive whole, however the connection cuts them', () => {
  const text = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      fc.array(text),
      fc.option(fc.record({ errorType: fc.stringMatching(/^[A-Za-z.]{1,20}$/), message: fc.string() })),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (pieces, error, cuts) => {
        const sink = new RecordingSink();
        const { response, request, told } = open(sink, 'text/x');
        const report = JSON.stringify({ errorType: 'InTheBody', errorMessage: error?.message });
        const trailers =
          error === null
            ? ''
            : `Lambda-Runtime-Function-Error-Type: ${error.errorType}\r\nX-Other: 1\r\n` +
              `lambda-runtime-function-error-body: ${Buffer.from(report).toString('base64')}\r\n`;
        assert.ok(feed(new BodyReader('chunked', request), chunked(pieces, trailers), cuts));
        assert.equal(sink.text, pieces.join(''));
        request.complete();
        assert.deepEqual(told, ['202', 'end']);
        assert.equal(sink.type, 'text/x');
        assert.equal(sink.ended, error === null);
        const result = response.take();
        assert.equal(result.kind, error === null ? 'response' : 'error');
        assert.equal(result.errorType, error?.errorType ?? '');
        assert.equal(result.payload.toString(), error === null ? '' : report);
      },
    ),
  );
});

test('an error report that is not base64 is taken as it is; without one, its type is all there is', () => {
  const plain = open(new RecordingSink());
  plain.request.trailer('Lambda-Runtime-Function-Error-Body: {"errorType":"T"}');
  plain.request.complete();
  assert.deepEqual(
    [plain.response.take().errorType, plain.response.take().payload.toString()],
    ['T', '{"errorType":"T"}'],
  );
  const bare = open(new RecordingSink());
  bare.request.trailer('Lambda-Runtime-Function-Error-Type: Bare');
  bare.request.complete();
  assert.deepEqual(JSON.parse(bare.response.take().payload.toString()), { errorType: 'Bare', errorMessage: '' });
});

test('a trailer of 64 KiB is read, a longer one cuts the connection', () => {
  const trailer = (bytes: number) => `lambda-runtime-function-error-body: ${'A'.repeat(bytes)}\r\n`;
  const fits = open(new RecordingSink());
  assert.ok(feed(new BodyReader('chunked', fits.request), chunked([], trailer(64 * kib - 36)), [16 * kib]));
  const large = open(new RecordingSink());
  assert.equal(feed(new BodyReader('chunked', large.request), chunked([], trailer(64 * kib)), [16 * kib]), false);
});

test('a sink that has enough pauses the runtime until it drains', () => {
  const sink = new RecordingSink();
  const { request, flow } = open(sink);
  assert.equal(sink.type, 'application/octet-stream');
  request.piece(Buffer.from('a'));
  assert.deepEqual(flow, []);
  sink.takes = false;
  request.piece(Buffer.from('b'));
  assert.deepEqual(flow, ['pause']);
  sink.onDrain?.();
  assert.deepEqual(flow, ['pause', 'resume']);
});

test('an invocation that is over lets a paused runtime go on, and drops what it sends', () => {
  const sink = new RecordingSink();
  const { request, response, flow, told } = open(sink);
  sink.takes = false;
  request.piece(Buffer.from('a'));
  response.close();
  assert.deepEqual(flow, ['pause', 'resume']);
  assert.equal(sink.onDrain, null);
  request.piece(Buffer.from('b'));
  request.complete();
  assert.equal(sink.text, 'a');
  assert.deepEqual(told, ['202'], 'the runtime has its answer, the invocation no second end');
});

test('200 MiB pass through a sink; what comes behind is counted and dropped', () => {
  const block = Buffer.alloc(mib);
  const sink = new RecordingSink();
  const { request, response } = open(sink);
  for (let count = 0; count < 200; count += 1) request.piece(block);
  request.piece(Buffer.from('x'));
  request.piece(block);
  request.complete();
  assert.equal(sink.bytes, limits.streamedResponseBytesMax);
  assert.equal(sink.ended, false);
  const { kind, bytes, streamed } = response.take();
  assert.deepEqual({ kind, bytes, streamed }, { kind: 'response', bytes: 201 * mib + 1, streamed: true });
});

test('without a sink the response is collected, up to the limit of ordinary ones', () => {
  const whole = open(null);
  whole.request.piece(Buffer.from('one '));
  whole.request.piece(Buffer.from('two'));
  whole.request.complete();
  assert.equal(whole.response.take().payload.toString(), 'one two');
  const large = open(null);
  large.request.piece(Buffer.alloc(limits.syncResponseBytesMax));
  large.request.piece(Buffer.from('x'));
  large.request.complete();
  const { payload, bytes, streamed } = large.response.take();
  assert.deepEqual([payload.length, bytes, streamed], [0, limits.syncResponseBytesMax + 1, false]);
});

test('a response that is cut is no response; an exit then is told as that', () => {
  const { request, response } = open(new RecordingSink());
  request.piece(Buffer.from('a'));
  request.cut();
  assert.equal(response.open, true);
  assert.equal(response.take().errorType, 'Runtime.TruncatedResponse');
  const payload = Buffer.from('{}');
  const failed = { kind: 'function-error', functionError: 'Unhandled', payload, logTail: null } as const;
  assert.deepEqual(response.outcome({ ...failed, errorType: 'Runtime.ExitError' }), {
    ...failed,
    errorType: 'Runtime.TruncatedResponse',
  });
  const late = { ...failed, errorType: 'Sandbox.Timedout' };
  assert.equal(response.outcome(late), late);
  response.close();
});
