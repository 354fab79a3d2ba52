import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import test from 'node:test';
import fc from 'fast-check';
import { apiFailure } from '../../kernel/errors.js';
import { mib } from '../../kernel/units.js';
import type { ResponseSink } from '../../wire/responsesink.js';
import { rawTalk } from '../fakedoor.js';
import {
  type Answer,
  answering,
  ask,
  failed,
  host,
  opened,
  prelude,
  preludeType,
  streaming,
  success,
  target,
  urlId,
} from './testurl.js';

test('a request by host name or by path is an invocation, and its result an answer', async (t) => {
  const door = await opened(t);
  answering(door, { statusCode: 201, headers: { 'x-a': 'b' }, cookies: ['c=1', 'd=2'], body: 'made' });
  for (const [asked, path] of [
    [{ path: '/what/there?q=1' }, '/what/there'],
    [{ headers: { host: `${host.toUpperCase()}:9000` } }, '/'],
    [{ headers: { host: `${urlId}.lambda-url.eu-west-2.example.com` } }, '/'],
    [{ path: `/_hearth/url/${urlId}/what/there?q=1`, headers: { host: 'localhost' } }, '/what/there'],
    [{ path: `/_hearth/url/${urlId}`, headers: { host: 'localhost' } }, '/'],
    // The whole path is the function's, also one that the API has.
    [{ path: '/2015-03-31/functions/other/invocations' }, '/2015-03-31/functions/other/invocations'],
    [{ path: '/_hearth/health' }, '/_hearth/health'],
  ] as const) {
    const answer = await ask(door, asked);
    assert.equal(answer.status, 201);
    assert.equal(answer.text, 'made');
    assert.equal(answer.headers['x-a'], 'b');
    assert.deepEqual(answer.headers['set-cookie'], ['c=1', 'd=2']);
    const invocation = door.invocations.at(-1);
    assert.ok(invocation);
    assert.equal(answer.headers['x-amzn-requestid'], invocation.requestId);
    assert.match(String(answer.headers['x-amzn-trace-id']), /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=/);
    const event = JSON.parse(invocation.payload.toString());
    assert.equal(event.rawPath, path);
    assert.equal(event.requestContext.domainPrefix, urlId);
    assert.equal(event.requestContext.requestId, invocation.requestId);
    assert.match(event.requestContext.domainName, /^[0-9a-v]{32}\.lambda-url\.eu-west-2\.(localhost|example\.com)$/);
    assert.equal(invocation.spec.functionName, 'hello');
    assert.equal(invocation.stream, null);
  }
});

test('a client that takes the door for a proxy, and any host name, path and header', async (t) => {
  const door = await opened(t, { cors: { AllowOrigins: ['*'] } });
  const proxied = await rawTalk(door.port, [
    `GET http://${host}/a?b=c HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  ]);
  assert.match(proxied, /"rawPath":"\/a","rawQueryString":"b=c"/);
  const bytes = fc.string({ unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)) });
  const sent = fc.record({
    method: fc.constantFrom('GET', 'PUT', 'OPTIONS', 'HEAD', 'PROPFIND'),
    region: fc.oneof(fc.constant('eu-west-2'), bytes),
    path: bytes,
    header: fc.oneof(
      fc.constantFrom('Cookie', 'Content-Type', 'Origin', 'X-Amzn-Trace-Id', 'Expect', '__proto__'),
      bytes,
    ),
    value: bytes,
    body: bytes,
  });
  await fc.assert(
    fc.asyncProperty(sent, async ({ method, region, path, header, value, body }) => {
      const head = [
        `${method} /${path} HTTP/1.1`,
        `Host: ${urlId}.lambda-url.${region}.localhost`,
        `${header}: ${value}`,
        `Content-Length: ${body.length}`,
        'Connection: close',
      ];
      const answer = await rawTalk(door.port, [Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1')]);
      assert.match(answer, /^HTTP\/1\.1 (100|200|400|403|417|502) /);
      assert.deepEqual(door.errors, []);
    }),
    { numRuns: 200 },
  );
  assert.equal(door.front.bodyBytes, 0);
});

test('hosts that are none of a function URL reach the API', async (t) => {
  const door = await opened(t);
  for (const other of [
    'localhost',
    `${urlId}.example.com`,
    `x${host}`,
    `${'-'.repeat(32)}.lambda-url.eu-west-2.localhost`,
  ]) {
    const answer = await ask(door, { path: '/_hearth/health', headers: { host: other } });
    assert.equal(answer.status, 200, other);
  }
  assert.equal(door.invocations.length, 0);
});

test('a URL that does not exist is forbidden, in the words of the service', async (t) => {
  const door = await opened(t);
  door.url = null;
  for (const asked of [
    {},
    { path: '/_hearth/url/nonsense/x', headers: { host: 'localhost' } },
    { method: 'POST', body: 'b' },
  ]) {
    const answer = await ask(door, asked);
    assert.equal(answer.status, 403);
    assert.equal(answer.text, '{"Message":null}');
    assert.equal(answer.headers['x-amzn-errortype'], 'AccessDeniedException');
  }
});

test('a URL is in its region only', async (t) => {
  const door = await opened(t);
  const answer = await ask(door, { headers: { host: `${urlId}.lambda-url.us-east-1.localhost` } });
  assert.deepEqual([answer.status, answer.text], [403, '{"Message":null}']);
});

test('the policy decides who may', async (t) => {
  const door = await opened(t);
  const asked: unknown[] = [];
  door.allowsUrl = (url, caller) => {
    asked.push([url.functionName, caller]);
    return false;
  };
  const answer = await ask(door);
  assert.equal(answer.status, 403);
  assert.match(answer.text, /^\{"Message":"Forbidden\. For troubleshooting Function URL authorization issues, see: /);
  assert.deepEqual(asked, [['hello', null]]);
  assert.equal(door.invocations.length, 0);
});
test('browsers are answered without an invocation, whoever they are, and answers say who may read them', async (t) => {
  const cors = { AllowOrigins: ['https://a.example'], AllowMethods: ['PUT'], ExposeHeaders: ['x-a'] };
  const door = await opened(t, { authType: 'AWS_IAM', cors });
  const question = { origin: 'https://a.example', 'access-control-request-method': 'PUT' };
  const preflight = await ask(door, { method: 'OPTIONS', headers: question });
  assert.equal(preflight.status, 200);
  assert.equal(preflight.headers['access-control-allow-origin'], 'https://a.example');
  assert.equal(preflight.headers['access-control-allow-methods'], 'PUT');
  const other = await ask(door, { method: 'OPTIONS', headers: { ...question, origin: 'https://b.example' } });
  assert.equal(other.status, 200);
  assert.equal(other.headers['access-control-allow-origin'], undefined);
  assert.equal(door.invocations.length, 0);

  door.url = target({ cors });
  answering(door, { statusCode: 200, headers: { 'x-a': '1' } });
  const { headers } = await ask(door, { headers: { origin: 'https://a.example' } });
  assert.equal(headers['access-control-allow-origin'], 'https://a.example');
  assert.equal(headers['access-control-expose-headers'], 'x-a');
  door.outcome = (_, done) => done(failed);
  const broken = await ask(door, { headers: { origin: 'https://a.example' } });
  assert.equal(broken.status, 502);
  assert.equal(broken.headers['access-control-allow-origin'], 'https://a.example');
  // Without CORS, OPTIONS is the function's.
  door.url = target();
  answering(door, { statusCode: 202 });
  assert.equal((await ask(door, { method: 'OPTIONS', headers: question })).status, 202);
});

test('errors are those of the service', async (t) => {
  const door = await opened(t);
  door.outcome = (_, done) => done(failed);
  const error = await ask(door);
  assert.equal(error.status, 502);
  assert.equal(error.text, 'Internal Server Error');
  answering(door, { statusCode: 1000 });
  assert.deepEqual([(await ask(door)).status, (await ask(door)).text], [502, 'Internal Server Error']);
  const members = { Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' };
  const failure = apiFailure('TooManyRequestsException', 'Rate Exceeded.', { members });
  door.outcome = (_, done) => done({ kind: 'refused', failure });
  const throttled = await ask(door);
  assert.equal(throttled.status, 429);
  assert.deepEqual(JSON.parse(throttled.text), { Type: 'User', message: 'Rate Exceeded.', ...members });
  door.outcome = null;
  const large = await ask(door, { method: 'POST', body: Buffer.alloc(6 * mib + 1) });
  assert.equal(large.status, 413);
  // Fits as it is, and does not as base64.
  assert.equal((await ask(door, { method: 'POST', body: Buffer.alloc(5 * mib) })).status, 413);
  assert.equal(door.front.bodyBytes, 0);
  assert.deepEqual(door.errors, []);
});

test('HEAD has no body, and 204 none either', async (t) => {
  const door = await opened(t);
  answering(door, { statusCode: 200, body: 'four' });
  const head = await ask(door, { method: 'HEAD' });
  assert.equal(head.headers['content-length'], '4');
  assert.equal(head.text, '');
  answering(door, { statusCode: 204, body: 'ignored' });
  const none = await ask(door);
  assert.deepEqual([none.status, none.text, none.headers['content-length']], [204, '', undefined]);
});

test('a stream leaves as it is written, behind the head that its prelude says', async (t) => {
  const door = await opened(t, { invokeMode: 'RESPONSE_STREAM' });
  let sink: ResponseSink | null = null;
  let end: (() => void) | null = null;
  streaming(door, (given, done) => {
    sink = given;
    end = () => done(success);
    given.start(preludeType);
    const bytes = prelude({ statusCode: 203, headers: { 'Content-Type': 'text/html' }, cookies: ['a=1'] });
    // However it is cut.
    for (const byte of bytes) given.write(Buffer.from([byte]));
    given.write(Buffer.from('first'));
  });
  const answer = await new Promise<Answer>((resolve, reject) => {
    const req = httpRequest({ port: door.port, headers: { host }, agent: false }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => {
        // Only what has arrived lets the function go on.
        if (text === '') {
          sink?.write(Buffer.from('second'));
          sink?.end();
          end?.();
        }
        text += chunk;
      });
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text, cut: false }));
    });
    req.on('error', reject).end();
  });
  assert.equal(answer.status, 203);
  assert.equal(answer.text, 'firstsecond');
  assert.equal(answer.headers['transfer-encoding'], 'chunked');
  assert.equal(answer.headers['content-type'], 'text/html');
  assert.deepEqual(answer.headers['set-cookie'], ['a=1']);
  assert.ok(answer.headers['x-amzn-requestid']);
});

test('streams without a prelude, and results that are no stream', async (t) => {
  const door = await opened(t, { invokeMode: 'RESPONSE_STREAM' });
  streaming(door, (sink, done) => {
    sink.start('text/plain');
    sink.write(Buffer.from('plain'));
    sink.end();
    done(success);
  });
  const plain = await ask(door);
  assert.deepEqual([plain.status, plain.text, plain.headers['content-type']], [200, 'plain', 'text/plain']);
  // As recorded from the service: the result is the body, whatever it says.
  answering(door, { statusCode: 404, body: 'b' });
  const whole = await ask(door);
  assert.deepEqual([whole.status, whole.text], [200, '{"statusCode":404,"body":"b"}']);
});

test('an error in a stream: 502 while nothing has left, then an answer that has no end', async (t) => {
  const door = await opened(t, { invokeMode: 'RESPONSE_STREAM' });
  const broken = async (why: string) => {
    const answer = await ask(door);
    assert.deepEqual([answer.status, answer.text, answer.cut], [502, 'Internal Server Error', false], why);
  };
  streaming(door, (_, done) => done(failed));
  await broken('before the stream');
  streaming(door, (sink, done) => {
    sink.start(preludeType);
    sink.write(Buffer.from('{"statusCode":'));
    done(failed);
  });
  await broken('inside the prelude');
  for (const head of [
    Buffer.from('{"statusCode":200}'),
    prelude({ statusCode: 7 }),
    prelude([]),
    Buffer.alloc(mib, 'x'),
  ]) {
    streaming(door, (sink, done) => {
      sink.start(preludeType);
      sink.write(head);
      sink.write(Buffer.from('more'));
      sink.end();
      done(success);
    });
    await broken(head.toString().slice(0, 20));
  }
  streaming(door, (sink, done) => {
    sink.start('text/plain');
    sink.write(Buffer.from('half'));
    // What the client has by then is what it keeps.
    setImmediate(() => done(failed));
  });
  const cut = await ask(door);
  assert.equal(cut.status, 200);
  assert.equal(cut.cut, true);
  assert.equal(door.front.bodyBytes, 0);
});
