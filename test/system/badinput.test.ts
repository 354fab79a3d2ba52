import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import {
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  ListFunctionsCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import { makeZip } from '../zip.js';
import { Hearth, ownNode } from './hearth.js';
import { sign, signedFetch } from './signedfetch.js';
import { zip } from './zip.js';

const link = 0o120777;
const code = { 'index.mjs': 'export const handler = async (event) => event;' };
const zeros = Buffer.alloc(8 << 20);

/** Zips that must be refused; a function for those that take long to make. */
const corpus: Readonly<Record<string, () => Promise<Buffer> | Buffer>> = {
  'no zip at all': () => Buffer.from('this is no zip file'),
  'nothing but zeros': () => Buffer.alloc(1_000),
  'cut in half': async () => {
    const whole = await zip({ ...code, 'other.js': Buffer.from(Array.from({ length: 999 }, (_, i) => (i * 7) & 255)) });
    return whole.subarray(0, whole.length >> 1);
  },
  'a wrong checksum': () => makeZip([{ name: 'index.mjs', data: code['index.mjs'], crc: 1 }]),
  'a wrong size': () => makeZip([{ name: 'index.mjs', data: code['index.mjs'], declaredBytes: 3 }]),
  'no files': () => makeZip([]),
  'a way up': () => makeZip([{ name: '../../escaped.mjs', data: 'x' }]),
  'a way up inside': () => makeZip([{ name: 'a/../../escaped.mjs', data: 'x' }]),
  'an absolute path': () => makeZip([{ name: '/tmp/escaped.mjs', data: 'x' }]),
  'a link out': () => makeZip([{ name: 'out', data: '/etc/passwd', mode: link }]),
  'a file below a link out': () =>
    makeZip([
      { name: 'out', data: '/tmp', mode: link },
      { name: 'out/escaped.mjs', data: 'x' },
    ]),
  'a relative link out': () => makeZip([{ name: 'a/out', data: '../../../etc', mode: link }]),
  'encrypted content': () => makeZip([{ name: 'index.mjs', data: 'x', flags: 0x801 }]),
  'a bomb': () =>
    makeZip([
      { name: 'index.mjs', data: zeros },
      ...Array.from({ length: 40 }, (_, i) => ({ name: `more${i}`, sharesDataOf: 0 })),
    ]),
  'a bomb that lies': () => makeZip([{ name: 'index.mjs', data: zeros, declaredBytes: 10 }]),
};

describe('bad input', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '0');
    await hearth.create('good', ownNode, 'index.handler', code);
  });
  after(() => hearth.remove());

  const stillServes = async () => assert.equal((await hearth.invoke('good', { a: 1 })).payload, '{"a":1}');

  it('refuses zips that are corrupt, escape or explode, and changes nothing', async () => {
    const client = hearth.lambda();
    const before = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'good' }));
    for (const [what, make] of Object.entries(corpus)) {
      const ZipFile = await make();
      const create = client.send(
        new CreateFunctionCommand({
          FunctionName: 'bad',
          Runtime: ownNode,
          Handler: 'index.handler',
          Role: 'arn:aws:iam::123456789012:role/test',
          Code: { ZipFile },
        }),
      );
      const update = client.send(new UpdateFunctionCodeCommand({ FunctionName: 'good', ZipFile }));
      const ended = await Promise.allSettled([create, update]);
      for (const one of ended) {
        assert.equal(one.status, 'rejected', `${what} was taken`);
        assert.match(
          (one as PromiseRejectedResult).reason.name,
          /^(InvalidParameterValueException|RequestEntityTooLargeException|ValidationException)$/,
          what,
        );
      }
    }
    const after = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'good' }));
    assert.equal(after.RevisionId, before.RevisionId);
    assert.equal(after.CodeSha256, before.CodeSha256);
    assert.deepEqual(
      (await client.send(new ListFunctionsCommand({}))).Functions?.map((one) => one.FunctionName),
      ['good'],
    );
    await stillServes();
  });

  const functions = '/2015-03-31/functions';
  const json = { 'content-type': 'application/json' };

  it('answers malformed JSON, wrong types and broken constraints with what is wrong', async () => {
    const post = (body: string) => signedFetch(hearth, { method: 'POST', path: functions, headers: json, body });
    for (const body of ['{', '', 'null', '[]', '"x"', '{"FunctionName":', '{"a":1}}', '\u0000', '{"FunctionName":7}']) {
      const answer = await post(body);
      assert.equal(answer.status, 400, `${JSON.stringify(body)} → ${answer.status} ${answer.text}`);
      assert.ok(answer.errorType, JSON.stringify(body));
      assert.match(JSON.parse(answer.text).message ?? JSON.parse(answer.text).Message, /./);
    }
    const deep = await post(`{"FunctionName":${'['.repeat(100_000)}`);
    assert.equal(deep.status, 400);
    const invalid = await post(
      JSON.stringify({ FunctionName: 'no good', Runtime: 'cobol', Role: 'me', Code: {}, MemorySize: 1 }),
    );
    assert.deepEqual([invalid.status, invalid.errorType], [400, 'ValidationException']);
    assert.match(JSON.parse(invalid.text).message, /^\d validation errors detected: Value '/);
    const payload = await signedFetch(hearth, {
      method: 'POST',
      path: `${functions}/good/invocations`,
      body: '{"open":',
    });
    assert.deepEqual([payload.status, payload.errorType], [400, 'InvalidRequestContentException']);
  });

  it('answers unknown paths, methods and operations', async () => {
    for (const [method, path] of [
      ['GET', '/nothing/here'],
      ['PATCH', functions],
      ['GET', '/2015-03-31/functions/good/nothing'],
      ['GET', `/2015-03-31/functions/${'a'.repeat(5_000)}`],
      ['GET', '/2015-03-31/functions/%2e%2e%2f%2e%2e%2fetc'],
      ['DELETE', '/'],
    ] as const) {
      const answer = await signedFetch(hearth, { method, path });
      assert.ok(answer.status >= 400 && answer.status < 500, `${method} ${path.slice(0, 60)} → ${answer.status}`);
      assert.ok(answer.headers.get('x-amzn-requestid'));
    }
  });

  it('refuses what is too large before it has read it', async () => {
    const socket = await open();
    const { url, init } = await sign(hearth, { method: 'POST', path: functions, headers: json, body: '{}' });
    const headers = { ...init.headers, 'content-length': String(200 * 2 ** 20) };
    socket.write(head(new URL(url), headers));
    // Not a byte of the body: the answer comes from the length alone.
    assert.match(await firstOf(socket), /^HTTP\/1\.1 413 /);
    socket.destroy();
    const large = await signedFetch(hearth, {
      method: 'POST',
      path: `${functions}/good/invocations`,
      body: Buffer.alloc(6_300_000, '1'),
    });
    assert.deepEqual([large.status, large.errorType], [413, 'RequestEntityTooLargeException']);
  });

  it('goes on while clients are slow, send half a body, or garbage', async () => {
    const body = JSON.stringify({ slow: 'x'.repeat(2_000) });
    const invocation = { method: 'POST', path: `${functions}/good/invocations`, body };
    const signed = await sign(hearth, invocation);
    const headers = { ...signed.init.headers, 'content-length': String(body.length) };
    const request = head(new URL(signed.url), headers);

    const half = await open();
    half.write(request + body.slice(0, 1_000));
    const silent = await open();
    const headless = await open();
    headless.write(request.slice(0, 40));
    const slow = await open();
    slow.write(request);
    const answered = firstOf(slow);

    for (const garbage of [
      Buffer.from('GARBAGE\r\n\r\n'),
      Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01]),
      Buffer.alloc(100_000, 0xff),
      Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(100_000)}\r\n\r\n`),
      Buffer.from('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'),
      Buffer.from('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
    ]) {
      const socket = await open();
      // A refusal may close the connection while the rest is still on its way.
      socket.on('error', () => {});
      socket.write(garbage);
      const said = await firstOf(socket);
      assert.ok(said === '' || /^HTTP\/1\.1 4\d\d /.test(said), said.slice(0, 80));
      socket.destroy();
    }

    await stillServes();
    half.destroy();
    for (let at = 0; at < body.length; at += 100) {
      slow.write(body.slice(at, at + 100));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.match(await answered, /^HTTP\/1\.1 200 /);
    await stillServes();
    for (const socket of [silent, headless, slow]) socket.destroy();
  });

  async function open(): Promise<Socket> {
    const { port, hostname } = new URL(hearth.endpoint);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return socket;
  }
});

function head(url: URL, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ host: url.host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${url.pathname} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** What the other side says first; empty when it closes without a word. */
function firstOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (data) => resolve(data.toString('latin1')));
    socket.once('close', () => resolve(''));
    socket.on('error', () => {});
  });
}
