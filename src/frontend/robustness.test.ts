import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import fc from 'fast-check';
import type { InvocationOutcome } from '../wire/invocation.js';
import { clientSettings, type FakeDoor, openFakeDoor, rawTalk, rejected } from './fakedoor.js';

test('malformed HTTP: an answer or a closed connection, and the door stays open', async (t) => {
  const door = await openFakeDoor(t);
  const head = (more: string) => `POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\n${more}\r\n\r\n`;
  const corpus: [string | Buffer, RegExp][] = [
    ['\r\n\r\nGARBAGE\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET / HTTP/9.9\r\n\r\n', /^HTTP\/1\.1 400 /],
    [Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), /^HTTP\/1\.1 400 /],
    [Buffer.alloc(100_000), /^HTTP\/1\.1 400 /],
    ['GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    [head('Host: a\r\nContent-Length: x'), /^HTTP\/1\.1 400 /],
    [head('Host: a\r\nContent-Length: -1'), /^HTTP\/1\.1 400 /],
    [head('Host: a\r\nContent-Length: 1\r\nContent-Length: 2'), /^HTTP\/1\.1 400 /],
    [head('Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked'), /^HTTP\/1\.1 400 /],
    [head('Host: a\r\nNo colon'), /^HTTP\/1\.1 400 /],
    [head(`Host: a\r\nLong: ${'x'.repeat(20_000)}`), /^HTTP\/1\.1 431 /],
    [head(`Host: a\r\n${'A: b\r\n'.repeat(5_000)}`), /^HTTP\/1\.1 (431|403) /],
    [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, /^HTTP\/1\.1 431 /],
    [`${head('Host: a\r\nTransfer-Encoding: chunked\r\nConnection: close')}zz\r\n`, /^HTTP\/1\.1 403 /],
    [head('Host: a\r\nExpect: 200-maybe\r\nConnection: close'), /^HTTP\/1\.1 417 /],
    [head('Host: a\r\nUpgrade: websocket\r\nConnection: upgrade, close'), /^HTTP\/1\.1 403 /],
    ['CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', /^$/],
  ];
  for (const [sent, expected] of corpus) {
    assert.match(await rawTalk(door.port, [sent], /\r\n\r\n/), expected, String(sent).slice(0, 120));
  }
  assert.equal((await fetch(`${door.endpoint}/_hearth/health`)).status, 200);
  assert.deepEqual(door.errors, []);
});

test('pipelined requests are answered in order', async (t) => {
  const door = await openFakeDoor(t);
  const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  const text = await rawTalk(door.port, [
    get('/_hearth/health') + get('/nowhere') + get('/_hearth/health') + get('/_hearth/health', 'Connection: close\r\n'),
  ]);
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200', 'HTTP/1.1 200']);
});

test('slow and half-sent requests end by the time limits', async (t) => {
  const door = await openFakeDoor(t, { headersMsMax: 40, requestMsMax: 80, checkMs: 10 });
  const slowHeaders = await rawTalk(door.port, [
    'POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: a\r\nX: ',
  ]);
  assert.match(slowHeaders, /^HTTP\/1\.1 408 /);
  const signed = await signedHead(door, 1_000);
  const half = await rawTalk(door.port, [signed, '{"half":']);
  assert.match(half, /^HTTP\/1\.1 408 /);
  while (door.front.bodyBytes > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(door.invocations.length, 0);
});

test('a client that leaves half-way, or before the answer, costs nothing', async (t) => {
  const door = await openFakeDoor(t);
  const socket = connect(door.port, '127.0.0.1');
  socket.write(`${await signedHead(door, 1_000)}{"half":`);
  while (door.front.bodyBytes === 0) await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
  while (door.front.bodyBytes > 0) await new Promise((resolve) => setImmediate(resolve));

  let finish: ((outcome: InvocationOutcome) => void) | null = null;
  door.outcome = (_, done) => {
    finish = done;
  };
  const client = new LambdaClient(clientSettings(door));
  t.after(() => client.destroy());
  const abort = new AbortController();
  const sent = rejected(
    client.send(new InvokeCommand({ FunctionName: 'echo', Payload: Buffer.from('{"a":1}') }), {
      abortSignal: abort.signal,
    }),
  );
  while (finish === null) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(door.front.bodyBytes > 0);
  abort.abort();
  assert.equal((await sent).name, 'AbortError');
  await new Promise((resolve) => setImmediate(resolve));
  (finish as (outcome: InvocationOutcome) => void)({
    kind: 'success',
    payload: Buffer.alloc(100_000, '1'),
    logTail: null,
  });
  assert.equal(door.front.bodyBytes, 0);
  assert.equal((await fetch(`${door.endpoint}/_hearth/health`)).status, 200);
});

test('bodies: bounded in sum, refused early with their answer, chunked without a length', async (t) => {
  const door = await openFakeDoor(t, { bodyBytesMax: 100_000 });
  const client = new LambdaClient(clientSettings(door));
  t.after(() => client.destroy());
  const over = await rejected(
    client.send(new InvokeCommand({ FunctionName: 'echo', Payload: Buffer.alloc(200_000, '1') })),
  );
  assert.equal(over.name, 'ServiceUnavailableException');
  assert.equal(over.$metadata.httpStatusCode, 503);
  assert.equal(door.front.bodyBytes, 0);

  // 413 by the announced length: not one byte of the body is needed for it, and 100-continue is not given.
  const early = await rawTalk(
    door.port,
    [await signedHead(door, 7_000_000, 'Expect: 100-continue\r\n')],
    /\r\n\r\n\{.*\}/,
  );
  assert.match(
    early,
    /^HTTP\/1\.1 413 [\s\S]*Request must be smaller than 6291456 bytes for the InvokeFunction operation/,
  );
  // An unknown key is refused before its body, too.
  const stranger = (await signedHead(door, 1_000)).replace(/Credential=AKIA\w+/, `Credential=AKIA${'A'.repeat(16)}`);
  assert.match(
    await rawTalk(door.port, [stranger], /\r\n\r\n\{.*\}/),
    /^HTTP\/1\.1 403 [\s\S]*UnrecognizedClientException/,
  );
  assert.equal(door.front.bodyBytes, 0);

  const endless = connect(door.port, '127.0.0.1');
  endless.on('error', () => {});
  endless.write(await signedHead(door, null));
  const answer = once(endless, 'data');
  for (let i = 0; i < 200 && !endless.destroyed; i++) endless.write(`400\r\n${'1'.repeat(1024)}\r\n`);
  assert.match(String((await answer)[0]), /^HTTP\/1\.1 503 /);
  endless.destroy();
  assert.equal(door.front.bodyBytes, 0);

  const chunked = await rawTalk(
    door.port,
    [await signedHead(door, null), '3\r\n{"a\r\n', '4\r\n":1}\r\n0\r\n\r\n'],
    /\}$/,
  );
  // The signature covers an empty body, so the answer proves that the chunks were read and counted.
  assert.match(chunked, /^HTTP\/1\.1 403 [\s\S]*InvalidSignatureException/);
  const continued = await rawTalk(door.port, [await signedHead(door, 2, 'Expect: 100-continue\r\n'), '{}'], /\}$/);
  assert.match(continued, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 403 /);
});

test('random bytes on the socket never hurt', async (t) => {
  const door = await openFakeDoor(t, { headersMsMax: 30, requestMsMax: 30, checkMs: 10 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.constantFrom(
            'GET / HTTP/1.1\r\n',
            'Host: a\r\n',
            '\r\n',
            'Content-Length: 3\r\n',
            'Transfer-Encoding: chunked\r\n',
            '3\r\nabc\r\n',
            '0\r\n\r\n',
            'Authorization: AWS4-HMAC-SHA256 Credential=',
            'Expect: 100-continue\r\n',
          ),
          fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
        ),
        { minLength: 1, maxLength: 8 },
      ),
      async (chunks) => {
        await rawTalk(door.port, chunks, /\r\n\r\n/);
      },
    ),
    { numRuns: 60 },
  );
  // With limits this small a busy machine may take too long even for an honest request: then it asks again.
  const health = async () => (await fetch(`${door.endpoint}/_hearth/health`)).status;
  let status = await health();
  while (status === 408) status = await health();
  assert.equal(status, 200);
  assert.equal(door.front.bodyBytes, 0);
  assert.deepEqual(door.errors, []);
});

test('closing waits for running invocations, then is quick', async (t) => {
  const door = await openFakeDoor(t);
  let finish: ((outcome: InvocationOutcome) => void) | null = null;
  door.outcome = (_, done) => {
    finish = done;
  };
  const client = new LambdaClient(clientSettings(door));
  t.after(() => client.destroy());
  const sent = client.send(new InvokeCommand({ FunctionName: 'echo' }));
  while (finish === null) await new Promise((resolve) => setImmediate(resolve));
  const closed = door.front.close(60_000);
  (finish as (outcome: InvocationOutcome) => void)({ kind: 'success', payload: Buffer.from('7'), logTail: null });
  assert.equal((await sent).Payload?.transformToString(), '7');
  await closed;
});

/** Head of an Invoke signed for an empty body; `length` null: chunked. */
async function signedHead(door: FakeDoor, length: number | null, more = ''): Promise<string> {
  const client = new LambdaClient({ ...clientSettings(door) });
  let head = '';
  client.middlewareStack.add(
    () => async (args) => {
      const { headers, path } = args.request as { headers: Record<string, string>; path: string };
      head = `POST ${path} HTTP/1.1\r\n`;
      for (const [name, value] of Object.entries(headers)) {
        if (name.toLowerCase() !== 'content-length') head += `${name}: ${value}\r\n`;
      }
      return { response: {}, output: { $metadata: {} } } as never;
    },
    { step: 'finalizeRequest', priority: 'low', name: 'keepHead' },
  );
  await client.send(new InvokeCommand({ FunctionName: 'echo' }));
  client.destroy();
  assert.match(head, /Signature=/i);
  return `${head}${more}${length === null ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`}\r\n\r\n`;
}
