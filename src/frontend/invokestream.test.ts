import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { test } from 'node:test';
import { Sha256 } from '@aws-crypto/sha256-js';
import { InvokeWithResponseStreamCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SignatureV4 } from '@smithy/signature-v4';
import { apiFailure } from '../kernel/errors.js';
import { kib, mib } from '../kernel/units.js';
import type { InvocationOutcome } from '../wire/invocation.js';
import type { ResponseSink } from '../wire/responsesink.js';
import { clientSettings, type FakeDoor, openFakeDoor } from './fakedoor.js';
import { streamHeldBytesMax } from './streamedanswer.js';

const success: InvocationOutcome = { kind: 'success', payload: Buffer.alloc(0), logTail: null };

interface Running {
  readonly stream: ResponseSink;
  readonly done: (outcome: InvocationOutcome) => void;
}

/** The next invocation, in the hands of the test. */
function next(door: FakeDoor): Promise<Running> {
  return new Promise((resolve) => {
    door.outcome = ({ stream }, done) => resolve({ stream: stream!, done });
  });
}

function clientOf(t: { after(action: () => void): void }, door: FakeDoor): LambdaClient {
  const client = new LambdaClient({ ...clientSettings(door), maxAttempts: 1 });
  t.after(() => client.destroy());
  return client;
}

const command = () => new InvokeWithResponseStreamCommand({ FunctionName: 'echo' });

/** The answer, of which nothing is read yet. */
async function openRaw(door: FakeDoor): Promise<IncomingMessage> {
  const { region, credentials } = clientSettings(door);
  const signer = new SignatureV4({ service: 'lambda', region, credentials, sha256: Sha256 });
  const url = new URL('/2021-11-15/functions/echo/response-streaming-invocations', door.endpoint);
  const { hostname, protocol, pathname: path, host } = url;
  const signed = await signer.sign({ method: 'POST', hostname, protocol, path, headers: { host }, body: '1' });
  const sent = request(url, { method: 'POST', headers: signed.headers });
  sent.end('1');
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.on('error', () => {});
  return answer;
}

test('the client has a chunk while the invocation still runs', async (t) => {
  const door = await openFakeDoor(t);
  const running = next(door);
  const answered = clientOf(t, door).send(command());
  const { stream, done } = await running;
  stream.start('text/plain');
  stream.write(Buffer.from('first'));
  const { EventStream, ExecutedVersion } = await answered;
  assert.equal(ExecutedVersion, '$LATEST');
  const events = EventStream![Symbol.asyncIterator]();
  assert.equal(Buffer.from((await events.next()).value.PayloadChunk.Payload).toString(), 'first');
  stream.write(Buffer.from('second'));
  assert.equal(Buffer.from((await events.next()).value.PayloadChunk.Payload).toString(), 'second');
  stream.end();
  assert.deepEqual((await events.next()).value.InvokeComplete, {});
  assert.equal((await events.next()).done, true);
  done(success);
});

test('refused before anything left: an ordinary error; afterwards: in InvokeComplete', async (t) => {
  const door = await openFakeDoor(t);
  const client = clientOf(t, door);
  const failure = apiFailure('TooManyRequestsException', 'Rate Exceeded.', {
    members: { Reason: 'CallerRateLimitExceeded' },
  });
  door.outcome = (_, done) => done({ kind: 'refused', failure });
  await assert.rejects(client.send(command()), { name: 'TooManyRequestsException', Reason: 'CallerRateLimitExceeded' });
  door.outcome = ({ stream }, done) => {
    stream!.start('text/plain');
    done({ kind: 'refused', failure });
  };
  const events = [];
  for await (const event of (await client.send(command())).EventStream!) events.push(event);
  assert.deepEqual(events, [
    { InvokeComplete: { ErrorCode: 'TooManyRequestsException', ErrorDetails: 'Rate Exceeded.' } },
  ]);
});

test('a client that does not read holds back its writer, and gets it all when it does', async (t) => {
  const door = await openFakeDoor(t);
  const running = next(door);
  const opened = openRaw(door);
  const { stream, done } = await running;
  stream.start('text/plain');
  const answer = await opened;
  const piece = Buffer.alloc(64 * kib);
  let written = 0;
  // The kernel's buffers take some; then nothing moves any more.
  const fill = async () => {
    for (;;) {
      while (stream.write(piece)) written += piece.length;
      written += piece.length;
      const drained = new Promise<boolean>((resolve) => {
        stream.onDrain = () => resolve(true);
      });
      const stuck = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 300));
      if (!(await Promise.race([drained, stuck]))) return;
      assert.ok(written < 64 * mib, 'the writer is held back');
    }
  };
  await fill();
  assert.equal(stream.write(piece), false, 'still nothing moves');
  written += piece.length;
  const drained = new Promise<void>((resolve) => {
    stream.onDrain = resolve;
  });
  let received = 0;
  answer.on('data', (bytes: Buffer) => {
    received += bytes.length;
  });
  await drained;
  stream.end();
  await once(answer, 'end');
  assert.ok(received > written);
  done(success);
});

test('a client that leaves lets its writer go on', async (t) => {
  const door = await openFakeDoor(t);
  const running = next(door);
  const opened = openRaw(door);
  const { stream, done } = await running;
  stream.start('text/plain');
  const answer = await opened;
  const resumed = new Promise<void>((resolve) => {
    stream.onDrain = resolve;
  });
  answer.destroy();
  await resumed;
  assert.equal(stream.write(Buffer.alloc(16 * mib)), true);
  stream.end();
  done(success);
});

test('a result of more than one piece leaves in pieces, whole', async (t) => {
  const door = await openFakeDoor(t);
  const payload = Buffer.from('0123456789'.repeat(30_000));
  door.outcome = (_, done) => done({ kind: 'success', payload, logTail: Buffer.from('log') });
  const chunks: Buffer[] = [];
  let log: string | undefined;
  for await (const event of (await clientOf(t, door).send(command())).EventStream!) {
    if (event.PayloadChunk) chunks.push(Buffer.from(event.PayloadChunk.Payload!));
    log = event.InvokeComplete?.LogResult;
  }
  assert.deepEqual(
    chunks.map(({ length }) => length),
    [65_536, 65_536, 65_536, 65_536, 37_856],
  );
  assert.ok(Buffer.concat(chunks).equals(payload));
  assert.equal(log, Buffer.from('log').toString('base64'));
});

test('a bandwidth holds back the writer although the client reads', async (t) => {
  const door = await openFakeDoor(t, {}, { burstBytes: 1_000, bytesPerSecond: 10_000 });
  const running = next(door);
  const opened = openRaw(door);
  const { stream, done } = await running;
  stream.start('text/plain');
  (await opened).resume();
  assert.ok(1_500 < streamHeldBytesMax, 'it is not held back for its size');
  assert.equal(stream.write(Buffer.alloc(500)), true);
  assert.equal(stream.write(Buffer.alloc(1_000)), false);
  await new Promise<void>((resolve) => {
    stream.onDrain = resolve;
  });
  stream.end();
  done(success);
});
