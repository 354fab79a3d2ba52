import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { InvokeHeader } from '../channel.js';
import { RuntimeApi } from './runtimeapi.js';

const run = promisify(execFile);
const base = '/2018-06-01/runtime';
const event = Buffer.from('{"key":"ä"}');

function makeHeader(over: Partial<InvokeHeader> = {}): InvokeHeader {
  return {
    requestId: '8476a536-e9f4-11e8-9739-2dfe598c3fcd',
    deadlineMs: 1_542_409_706_888,
    invokedFunctionArn: 'arn:aws:lambda:us-east-2:123456789012:function:custom-runtime',
    traceHeader: 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1',
    clientContext: null,
    cognitoIdentity: null,
    ...over,
  };
}

/** A Runtime API on a free port that hands out invocation after invocation, and what it was told. */
async function serve(count: number, over: Partial<InvokeHeader> = {}, servesNext = true) {
  const server: Server = createServer();
  const told: string[] = [];
  const payloads: Buffer[] = [];
  let given = 0;
  const more = () => {
    api.end();
    if (given < count) {
      given += 1;
      api.deliver(makeHeader({ requestId: `id-${given}`, ...over }), event);
    }
  };
  const api = new RuntimeApi(server, servesNext, {
    onInitDone: () => void told.push('init-done'),
    onOther: () => false,
    onRestoreDone: () => void told.push('restore-done'),
    onRestoreError: (type, payload) => void told.push(`restore-error ${type} ${payload}`),
    onInitError: (type, payload) => void told.push(`init-error ${type} ${payload}`),
    onResponse(id, payload, bytes) {
      told.push(`response ${id} ${bytes}`);
      payloads.push(payload);
      more();
    },
    onError(id, type, payload) {
      told.push(`error ${id} ${type} ${payload}`);
      more();
    },
    onStream: () => null,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  more();
  return {
    port: address.port,
    told,
    payloads,
    api,
    async close() {
      api.close();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Collects what a raw socket receives until `done` says it is enough. */
async function receive(socket: Socket, done: (text: string) => boolean): Promise<string> {
  let text = '';
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString('latin1');
    if (done(text)) break;
  }
  return text;
}

function open(port: number): Socket {
  return connect({ port, host: '127.0.0.1', allowHalfOpen: true });
}

const responses = (text: string) => text.split('HTTP/1.1 ').length - 1;

test('next: exactly the headers of the service, and the payload', async () => {
  const served = await serve(1, {
    clientContext: '{"custom":{"k":"ü\\n"},\n"x":1}',
    cognitoIdentity: '{"identity":1}',
  });
  const response = await fetch(`http://127.0.0.1:${served.port}${base}/invocation/next`);
  assert.equal(response.status, 200);
  assert.equal(await response.text(), '{"key":"ä"}');
  assert.deepEqual(Object.fromEntries(response.headers), {
    'lambda-runtime-aws-request-id': 'id-1',
    'lambda-runtime-deadline-ms': '1542409706888',
    'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:us-east-2:123456789012:function:custom-runtime',
    'lambda-runtime-trace-id': 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1',
    'lambda-runtime-client-context': '{"custom":{"k":"\\u00fc\\n"}, "x":1}',
    'lambda-runtime-cognito-identity': '{"identity":1}',
    'content-type': 'application/json',
    'content-length': '12',
  });
  assert.deepEqual(served.told, ['init-done']);
  await served.close();
});

test('responses, errors and wrong turns answer as the runtime interface emulator does', async () => {
  const served = await serve(2);
  const url = `http://127.0.0.1:${served.port}`;
  const call = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }) });
    return `${response.status} ${await response.text()}`.trim();
  };
  const transition = (from: string, to: string) =>
    `403 {"errorMessage":"Transition from Runtime${from} to Runtime${to} is not allowed.","errorType":"InvalidStateTransition"}`;
  const ok = '202 {"status":"OK"}';
  assert.equal(await call('GET', '/nothing'), '404 404 page not found');
  assert.equal(await call('GET', `${base}/nothing`), '404 404 page not found');
  assert.equal(await call('POST', `${base}/invocation/next`), '405');
  assert.equal(
    await call('POST', `${base}/invocation/id-1/response`, '1'),
    transition('Started', 'InvocationResponse'),
  );
  assert.match(await call('GET', `${base}/invocation/next`), /^200 /);
  assert.equal(await call('GET', `${base}/invocation/next`), transition('Running', 'Ready'));
  assert.equal(
    await call('POST', `${base}/invocation/other/response`, '1'),
    '400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}',
  );
  assert.equal(await call('POST', `${base}/init/error`, '{}'), transition('Running', 'InitError'));
  assert.equal(await call('POST', `${base}/invocation/id-1/response`, '{"ok":1}'), ok);
  assert.match(await call('GET', `${base}/invocation/next`), /^200 /);
  const typed = {
    'Lambda-Runtime-Function-Error-Type': 'Runtime.Oops',
    // As long as AWS's clients send them.
    'Lambda-Runtime-Function-XRay-Error-Cause': 'x'.repeat(1024 * 1024 - 1),
  };
  assert.equal(await call('POST', `${base}/invocation/id-2/error`, '{"e":1}', typed), ok);
  assert.equal(
    await call('POST', `${base}/invocation/id-2/error`, '{}'),
    transition('InvocationErrorResponse', 'InvocationErrorResponse'),
  );
  // What the runtime still logs of it belongs to it: until it asks for the next one, ends, or has had its time.
  served.api.settle();
  assert.deepEqual(served.told, ['init-done', 'response id-1 8', 'error id-2 Runtime.Oops {"e":1}']);
  await served.close();

  const failing = await serve(0);
  const failed = await fetch(`http://127.0.0.1:${failing.port}${base}/init/error`, {
    method: 'POST',
    body: '{"x":1}',
    headers: typed,
  });
  assert.equal(failed.status, 202);
  await failed.text();
  assert.deepEqual(failing.told, ['init-error Runtime.Oops {"x":1}']);
  await failing.close();
});

test('a managed box answers tools inside it, but gives invocations only to its bootstrap', async () => {
  const served = await serve(0, {}, false);
  const url = `http://127.0.0.1:${served.port}${base}/invocation`;
  assert.equal((await fetch(`${url}/next`)).status, 403);
  served.api.begin('abc');
  assert.equal((await fetch(`${url}/next`)).status, 403);
  assert.equal((await fetch(`${url}/other/response`, { method: 'POST', body: '1' })).status, 400);
  assert.equal((await fetch(`${url}/abc/response`, { method: 'POST', body: '1' })).status, 202);
  assert.deepEqual(served.told, ['response abc 1']);
  await served.close();
});

test('too large: 413, counted and not kept; far too large: cut', async () => {
  const served = await serve(2);
  const url = `http://127.0.0.1:${served.port}${base}/invocation`;
  await (await fetch(`${url}/next`)).text();
  const response = await fetch(`${url}/id-1/response`, { method: 'POST', body: Buffer.alloc(6_291_557, 'x') });
  assert.equal(response.status, 413);
  assert.deepEqual(await response.json(), {
    errorMessage: 'Exceeded maximum allowed payload size (6291556 bytes).',
    errorType: 'RequestEntityTooLarge',
  });
  assert.deepEqual(served.told, ['init-done', 'response id-1 6291557']);
  assert.equal(served.payloads[0]!.length, 0);
  await (await fetch(`${url}/next`)).text();
  const full = await fetch(`${url}/id-2/response`, { method: 'POST', body: Buffer.alloc(6_291_556, 'x') });
  assert.equal(full.status, 202);
  await full.text();
  assert.equal(served.payloads[1]!.length, 6_291_556);
  await assert.rejects(fetch(`${url}/id-2/response`, { method: 'POST', body: Buffer.alloc(33 * 1024 * 1024, 'x') }));
  await served.close();
});

test('raw sockets: any cut of the bytes, pipelining, chunked bodies with extensions and trailers', async () => {
  const one = (id: string) =>
    `POST ${base}/invocation/${id}/response HTTP/1.1\r\nHost: x\r\ntransfer-encoding: Chunked\r\n\r\n3;a=b\r\n{"a\r\n4\r\n":1}\r\n0\r\nX-T: 1\r\n\r\nGET ${base}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n`;
  const bytes = Buffer.from(`\r\nGET ${base}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n${one('id-1')}${one('id-2')}`);
  for (const size of [1, 2, 7, 50, bytes.length]) {
    const served = await serve(3);
    const socket = open(served.port);
    socket.setNoDelay(true);
    for (let at = 0; at < bytes.length; at += size) {
      if (!socket.write(bytes.subarray(at, at + size))) await once(socket, 'drain');
      if (size < 50) await new Promise(setImmediate);
    }
    const text = await receive(socket, (all) => responses(all) === 5 && all.endsWith('"}'));
    assert.deepEqual(
      text.match(/HTTP\/1.1 \d+/g),
      [200, 202, 200, 202, 200].map((status) => `HTTP/1.1 ${status}`),
    );
    assert.deepEqual(served.payloads.map(String), ['{"a":1}', '{"a":1}']);
    socket.destroy();
    await served.close();
  }
});

test('HTTP/1.0, Connection: close and Expect: 100-continue', async () => {
  const served = await serve(3);
  const old = open(served.port);
  old.write(`GET ${base}/invocation/next HTTP/1.0\r\n\r\n`);
  assert.match(await receive(old, () => false), /^HTTP\/1.1 200 OK\r\n[\s\S]*Connection: close\r\n\r\n\{"key"/);
  const expecting = open(served.port);
  expecting.write(
    `POST ${base}/invocation/id-1/response HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n`,
  );
  const [first] = (await once(expecting, 'data')) as [Buffer];
  assert.equal(first.toString(), 'HTTP/1.1 100 Continue\r\n\r\n');
  expecting.write('{}');
  const [second] = (await once(expecting, 'data')) as [Buffer];
  assert.match(second.toString(), /^HTTP\/1.1 202 /);
  expecting.destroy();
  const closing = open(served.port);
  closing.write(`GET ${base}/invocation/next HTTP/1.1\r\nConnection: close\r\n\r\n`);
  assert.match(await receive(closing, () => false), /^HTTP\/1.1 200 /);
  await served.close();
});

test('what is not HTTP is refused and closed, and nothing is kept for ever', async () => {
  const served = await serve(0);
  for (const [bytes, status] of [
    ['nonsense\r\n\r\n', 400],
    ['GET / HTTP/2.0\r\n\r\n', 505],
    ['POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
    ['POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n', 400],
    ['POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n', 501],
    ['POST / HTTP/1.1\r\nExpect: miracles\r\n\r\n', 417],
    ['GET / HTTP/1.1\r\n folded\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nX: ${'x'.repeat(1_100_000)}`, 431],
  ] as const) {
    const socket = open(served.port);
    socket.on('error', () => {});
    socket.write(bytes);
    assert.match(
      await receive(socket, () => false),
      new RegExp(`^HTTP/1.1 ${status} .*Connection: close`, 's'),
      bytes.slice(0, 60),
    );
    socket.destroy();
  }
  for (const bad of ['zz\r\n', `${'1'.repeat(5000)}`, '3\r\nabcdX\r\n']) {
    const socket = open(served.port);
    socket.on('error', () => {});
    socket.write(`POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${bad}`);
    assert.equal(await receive(socket, () => false).catch(() => ''), '');
  }
  await served.close();
});

test('unfinished bodies are bounded over all connections of a sandbox', async () => {
  const served = await serve(0);
  const sockets = await Promise.all(
    [1, 2, 3].map(async () => {
      const socket = open(served.port);
      socket.on('error', () => {});
      socket.write(`POST ${base}/init/error HTTP/1.1\r\nContent-Length: 6000000\r\n\r\n`);
      socket.write(Buffer.alloc(5_900_000, 'x'));
      return socket;
    }),
  );
  await Promise.race(sockets.map((socket) => new Promise((resolve) => socket.on('close', resolve))));
  const answer = await fetch(`http://127.0.0.1:${served.port}${base}/init/error`, { method: 'POST', body: '{}' });
  assert.equal(answer.status, 202);
  for (const socket of sockets) socket.destroy();
  await served.close();
});

test('a runtime that goes while it waits is forgotten; the next one gets the invocation', async () => {
  const served = await serve(0);
  const socket = open(served.port);
  socket.write(`GET ${base}/invocation/next HTTP/1.1\r\n\r\n`);
  while (served.told.length === 0) await new Promise(setImmediate);
  socket.destroy();
  await once(socket, 'close');
  for (let round = 0; round < 3; round += 1) await new Promise(setImmediate);
  served.api.deliver(makeHeader(), event);
  assert.equal((await fetch(`http://127.0.0.1:${served.port}${base}/invocation/next`)).status, 200);
  await served.close();
});

test('node:http with keep-alive', async () => {
  const served = await serve(20);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const call = async (method: string, path: string, body = '') => {
    const outgoing = request({
      port: served.port,
      host: '127.0.0.1',
      method,
      path: `${base}/invocation/${path}`,
      agent,
    });
    outgoing.end(body);
    const [response] = await once(outgoing, 'response');
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return {
      id: response.headers['lambda-runtime-aws-request-id'],
      status: response.statusCode,
      body: Buffer.concat(chunks),
    };
  };
  for (let round = 1; round <= 20; round += 1) {
    const next = await call('GET', 'next');
    assert.equal(next.id, `id-${round}`);
    assert.equal((await call('POST', `${next.id}/response`, next.body.toString())).status, 202);
  }
  agent.destroy();
  await served.close();
});

test('curl', async (t) => {
  const served = await serve(1);
  const url = `http://127.0.0.1:${served.port}${base}/invocation`;
  try {
    const { stdout } = await run('curl', ['-sS', '-D', '-', `${url}/next`]);
    assert.match(stdout, /Lambda-Runtime-Aws-Request-Id: id-1\r\n/);
    const posted = await run('curl', [
      '-sS',
      '-H',
      'Expect: 100-continue',
      '-H',
      'Transfer-Encoding: chunked',
      '-d',
      '{"from":"curl"}',
      `${url}/id-1/response`,
    ]);
    assert.equal(posted.stdout, '{"status":"OK"}\n');
    assert.equal(String(served.payloads[0]), '{"from":"curl"}');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    t.skip('curl is not installed');
  }
  await served.close();
});

test('Python http.client, one connection', async (t) => {
  const served = await serve(3);
  const program = `
import http.client
c = http.client.HTTPConnection("127.0.0.1", ${served.port})
for i in range(3):
    c.request("GET", "${base}/invocation/next")
    r = c.getresponse(); body = r.read()
    c.request("POST", "${base}/invocation/" + r.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", body)
    r = c.getresponse(); print(r.status, r.read().decode().strip())
`;
  try {
    const { stdout } = await run('python3', ['-c', program]);
    assert.equal(stdout, '202 {"status":"OK"}\n'.repeat(3));
    assert.equal(String(served.payloads[2]), '{"key":"ä"}');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    t.skip('python3 is not installed');
  }
  await served.close();
});
