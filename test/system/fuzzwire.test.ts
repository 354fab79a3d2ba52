import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import fc from 'fast-check';
import { makeZip, type ZipMember } from '../zip.js';
import { Hearth, ownNode } from './hearth.js';
import { type Answer, send, sign, signedFetch } from './signedfetch.js';
import { StoredState } from './storedstate.js';
import { zip } from './zip.js';

/** `npm run fuzz` asks for many, and for another seed each time. */
const runs = Number(process.env.HEARTH_FUZZ_RUNS ?? 40);
const seed = Number(process.env.HEARTH_FUZZ_SEED ?? 20_260_101);
const settings = { numRuns: runs, seed, endOnFailure: true, includeErrorInReport: true };

const code = { 'index.mjs': 'export const handler = async (event) => event;' };
const functions = '/2015-03-31/functions';
const json = { 'content-type': 'application/json' };

describe('bytes that no honest client sends', () => {
  let hearth: Hearth;
  let state: StoredState;
  before(async () => {
    hearth = await Hearth.start('--spares', '0');
    await hearth.create('target', ownNode, 'index.handler', code);
    state = new StoredState(hearth.folder);
  });
  after(async () => {
    await state?.close();
    await hearth?.remove();
  });

  const stillServes = async () => assert.equal((await hearth.invoke('target', { a: 1 })).payload, '{"a":1}');

  /** Publishes a layer: any zip will do, and functions stay as they are. True: it was taken. */
  async function publish(bytes: Buffer): Promise<boolean> {
    const before = await state.settled();
    const body = JSON.stringify({ Content: { ZipFile: bytes.toString('base64') } });
    const answer = await signedFetch(hearth, {
      method: 'POST',
      path: '/2018-10-31/layers/fuzzed/versions',
      headers: json,
      body,
    });
    if (answer.status === 201) return true;
    assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${answer.text}`);
    assert.match(JSON.parse(answer.text).message, /./);
    assert.ok(await state.becomes(before), `refused, and the state changed: ${answer.text}`);
    return false;
  }

  it('zips with wrong bytes, missing and repeated parts are taken or refused, and nothing in between', async () => {
    const members: ZipMember[] = [
      { name: 'nodejs/index.mjs', data: 'export const a = 1;'.repeat(40) },
      { name: 'stored', data: 'as it is', stored: true },
      { name: 'empty/', data: '' },
      { name: 'link', data: 'stored', mode: 0o120777 },
      { name: 'nodejs/ü.txt', data: 'name' },
    ];
    const whole = makeZip(members);
    const change = fc.oneof(
      fc.record({
        kind: fc.constant('set' as const),
        at: fc.nat(whole.length - 1),
        value: fc.integer({ min: 0, max: 255 }),
      }),
      fc.record({ kind: fc.constant('cut' as const), at: fc.nat(whole.length), value: fc.nat(60) }),
      fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(whole.length), value: fc.nat(60) }),
      fc.record({ kind: fc.constant('end' as const), at: fc.nat(whole.length), value: fc.constant(0) }),
    );
    const apply = (bytes: Buffer, { kind, at, value }: { kind: string; at: number; value: number }): Buffer => {
      if (kind === 'cut') return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + value)]);
      if (kind === 'repeat') return Buffer.concat([bytes.subarray(0, at + value), bytes.subarray(at)]);
      if (kind === 'end') return bytes.subarray(0, at);
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = value;
      return copy;
    };
    assert.equal(await publish(whole), true);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        if (!(await publish(changes.reduce(apply, whole)))) refused += 1;
      }),
      settings,
    );
    assert.ok(refused > runs / 4, `only ${refused} of ${runs} were refused`);
    await stillServes();
  });

  it('zips that lie about themselves are refused', async () => {
    const member = { name: 'a', data: 'x' };
    const ended = (change: (end: Buffer) => void) => {
      const bytes = makeZip([member]);
      change(bytes.subarray(bytes.length - 22));
      return bytes;
    };
    const corpus: Readonly<Record<string, Buffer>> = {
      'more entries than there are': ended((end) => end.writeUInt16LE(9, 10)),
      'a directory beyond the end': ended((end) => end.writeUInt32LE(0x7fffffff, 16)),
      'zip64 by name only': ended((end) => {
        end.writeUInt16LE(0xffff, 10);
        end.writeUInt32LE(0xffffffff, 16);
      }),
      'a part of several': ended((end) => end.writeUInt16LE(3, 4)),
      'the same name as file and folder': makeZip([member, { name: 'a/b', data: 'y' }]),
      'a link to itself, and a file below': makeZip([
        { name: 'a', data: 'a', mode: 0o120777 },
        { name: 'a/b', data: 'x' },
      ]),
      'a name of NUL': makeZip([{ name: 'a\0b', data: 'x' }]),
      'a name without end': makeZip([{ name: 'n'.repeat(60_000), data: 'x' }]),
      'folders without end': makeZip([{ name: `${'d/'.repeat(3_000)}x`, data: 'x' }]),
      'a device': makeZip([{ name: 'null', data: '', mode: 0o020666 }]),
      'strongly encrypted': makeZip([{ name: 'a', data: 'x', flags: 0x841 }]),
      'only the end of a zip': makeZip([]),
    };
    const taken: string[] = [];
    for (const [what, bytes] of Object.entries(corpus)) if (await publish(bytes)) taken.push(what);
    assert.deepEqual(taken, []);
    await stillServes();
  });

  it('chunked uploads of S3 are refused with a wrong signature, and what is framed is no JSON', async () => {
    const before = await state.settled();
    const body = JSON.stringify({ ZipFile: (await zip({ ...code, more: 'x' })).toString('base64') });
    const chunk = (text: string, signature: string) =>
      `${text.length.toString(16)};chunk-signature=${signature}\r\n${text}\r\n`;
    const signature = createHmac('sha256', 'key').update(body).digest('hex');
    const framed = chunk(body, signature) + chunk('', signature);
    const checksum = createHash('sha256').update(body).digest('base64');
    const trailed = `${body.length.toString(16)}\r\n${body}\r\n0\r\nx-amz-checksum-sha256:${checksum}\r\n\r\n`;
    const path = `${functions}/target/code`;
    for (const [payload, sent] of [
      ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', framed],
      ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', framed],
      ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', trailed],
      ['UNSIGNED-PAYLOAD', body],
    ] as const) {
      const headers = {
        ...json,
        'content-encoding': 'aws-chunked',
        'x-amz-decoded-content-length': String(body.length),
        'x-amz-content-sha256': payload,
      };
      const signed = await sign(hearth, { method: 'PUT', path, headers, body: sent });
      const answer = await send(signed);
      assert.deepEqual([answer.status, answer.errorType], [403, 'InvalidSignatureException'], payload);
    }
    for (const sent of [framed, trailed]) {
      const headers = { ...json, 'content-encoding': 'aws-chunked' };
      const answer = await signedFetch(hearth, { method: 'PUT', path, headers, body: sent });
      assert.deepEqual([answer.status, answer.errorType], [400, 'InvalidRequestContentException']);
    }
    assert.ok(await state.becomes(before), 'the state changed');
    await stillServes();
  });

  it('event streams are not taken for payloads', async () => {
    // Prelude, header and checksums of a frame: total length, length of headers, their CRC.
    const frame = Buffer.alloc(16);
    frame.writeUInt32BE(16, 0);
    for (const path of [
      `${functions}/target/invocations`,
      '/2021-11-15/functions/target/response-streaming-invocations',
    ]) {
      for (const body of [frame, Buffer.concat([frame, Buffer.from('{}')]), Buffer.alloc(12, 0xff)]) {
        const headers = { 'content-type': 'application/vnd.amazon.eventstream' };
        const answer: Answer = await signedFetch(hearth, { method: 'POST', path, headers, body });
        assert.deepEqual([answer.status, answer.errorType], [400, 'InvalidRequestContentException'], path);
      }
    }
    await stillServes();
  });

  it('requests with changed bytes are answered below 500 or closed, and do only what was signed', async () => {
    const { url, init } = await sign(hearth, {
      method: 'PUT',
      path: `${functions}/target/configuration`,
      headers: { ...json, connection: 'close' },
      body: '{"Description":"honest"}',
    });
    const lines = Object.entries({ ...init.headers, 'content-length': String(init.body!.length) });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const honest = Buffer.from(`PUT ${new URL(url).pathname} HTTP/1.1\r\n${head}\r\n${init.body}`);
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 12 });
    const change = fc.record({ at: fc.nat(honest.length - 1), cut: fc.nat(20), bytes });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        let sent = honest;
        for (const { at, cut, bytes } of changes) {
          sent = Buffer.concat([sent.subarray(0, at), bytes, sent.subarray(at + cut)]);
        }
        if (sent.equals(honest)) return;
        const said = await talk(sent);
        for (const [, status] of said.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
          assert.ok(Number(status) < 500, `${said.slice(0, 200)} to ${sent.toString('latin1')}`);
        }
      }),
      settings,
    );
    // A changed header that was not signed (the user agent, say) leaves an honest request; nothing else gets through.
    await state.settled();
    const { Description } = await hearth.lambda().send(new GetFunctionConfigurationCommand({ FunctionName: 'target' }));
    assert.ok(Description === '' || Description === 'honest', Description);
    await stillServes();
  });

  /** What the platform says until it closes. We end our side once it said something, or had the time to. */
  async function talk(sent: Buffer): Promise<string> {
    const { port, hostname } = new URL(hearth.endpoint);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    const closed = once(socket, 'close');
    socket.write(sent);
    const said = Promise.race([once(socket, 'data'), closed]);
    // Of an unfinished request nothing is heard for long: others being served shows that it is waited for.
    const others = async () => {
      for (let round = 0; round < 3; round += 1) await fetch(`${hearth.endpoint}/_hearth/health`);
    };
    await Promise.race([said.catch(() => {}), others()]);
    socket.end();
    await closed;
    return Buffer.concat(chunks).toString('latin1');
  }
});
