import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { projectRoot } from '../../../adapters/projectroot.js';
import { GuestLink } from './guestlink.js';
import {
  controlMessage,
  firstGuestStream,
  firstHostStream,
  linkFrame,
  linkFrameBytes,
  linkReport,
  linkRequest,
  windowBytes,
} from './linkframes.js';
import { TestAgent } from './testagent.js';

const folder = mkdtempSync(join(tmpdir(), 'hearth-linkfuzz-'));
after(() => rmSync(folder, { recursive: true, force: true }));
/** How the agent ends when the link is not in its language (`fail` in guest/vm/main.c). */
const failedStatus = 71;

/** The agent with checks of every memory access; without them where the compiler has none. */
function checkedAgent(): string {
  const source = join(projectRoot, 'guest', 'vm');
  const files = readdirSync(source).filter((name) => name.endsWith('.c'));
  const target = join(folder, 'vmagent');
  const compile = (flags: readonly string[]) =>
    spawnSync('cc', ['-g', '-O1', '-std=gnu11', ...flags, '-o', target, ...files.map((name) => join(source, name))], {
      encoding: 'utf8',
      timeout: 60_000,
    });
  const checked = compile(['-fsanitize=address,undefined', '-fno-sanitize-recover=all']);
  if (checked.status === 0) return target;
  const plain = compile([]);
  assert.equal(plain.status, 0, plain.stderr);
  return target;
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const streams = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.integer({ min: firstGuestStream, max: firstGuestStream + 8 }),
  fc.integer({ min: firstHostStream, max: firstHostStream + 400 }),
  fc.nat(0xffffffff),
);
const frame = fc
  .tuple(fc.integer({ min: 0, max: 255 }), streams, bytes(200))
  .map(([type, stream, body]) => linkFrameBytes(type as 1, stream, body));
const known = fc
  .tuple(fc.constantFrom(...Object.values(linkFrame)), streams, bytes(4))
  .map(([type, stream, body]) => linkFrameBytes(type, stream, body));
const requests = fc
  .tuple(fc.constantFrom(...Object.values(linkRequest), 0, 99), bytes(80))
  .map(([type, body]) => linkFrameBytes(linkFrame.data, 0, controlMessage(type, body)));
/** A program that reads nothing and one that is not there, so that streams exist. */
const starts = fc
  .constantFrom('/bin/sh\0-c\0exec sleep 5\0\0A=b\0', '/bin/sh\0-c\0exec >&3; cat <&3\0\0', '/none\0\0')
  .chain((text) => fc.constantFrom(0, 1 << 31, 1 << 30).map((flags) => ({ text, flags })))
  .map(({ text, flags }) => {
    const head = Buffer.alloc(4);
    head.writeUInt32LE((text.length | flags) >>> 0);
    const body = Buffer.concat([head, Buffer.from(text)]);
    return linkFrameBytes(linkFrame.data, 0, controlMessage(linkRequest.start, body));
  });
const connects = fc
  .tuple(fc.integer({ min: 0, max: 200 }), fc.nat(0xffff))
  .map(([index, port]) =>
    linkFrameBytes(linkFrame.open, firstHostStream + 2 * index, Buffer.from([port & 0xff, port >> 8])),
  );
const wholes = fc.array(fc.oneof(frame, known, known, requests, starts, connects), { maxLength: 60 });
const streamsOfBytes = fc.oneof(
  wholes.map((frames) => Buffer.concat(frames)),
  fc.tuple(wholes, bytes(300)).map(([frames, noise]) => Buffer.concat([...frames, noise])),
  bytes(2_000),
);

test('nothing that comes over the link makes the agent crash', { timeout: 200_000 }, async () => {
  const program = checkedAgent();
  await fc.assert(
    fc.asyncProperty(
      streamsOfBytes,
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
      async (all, cuts) => {
        const agent = await TestAgent.start(program);
        agent.port.on('error', () => {}).resume();
        for (let at = 0, turn = 0; at < all.length; turn += 1) {
          const end = at + cuts[turn % cuts.length]!;
          agent.port.write(all.subarray(at, end));
          if (turn % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
          at = end;
        }
        agent.port.end();
        const { code, signal } = await agent.ended;
        assert.equal(signal, null);
        assert.ok(code === 0 || code === failedStatus, `status ${code}`);
      },
    ),
    { numRuns: 120 },
  );
});

const reports = fc
  .tuple(fc.constantFrom(...Object.values(linkReport), 0, 99), bytes(80))
  .map(([type, body]) => linkFrameBytes(linkFrame.data, 0, controlMessage(type, body)));
const floods = fc
  .tuple(streams, fc.integer({ min: 1, max: 64 * 1024 }))
  .map(([stream, length]) => linkFrameBytes(linkFrame.data, stream, Buffer.alloc(length)));
const opens = streams.map((stream) => linkFrameBytes(linkFrame.open, stream, Buffer.from([0x29, 0x23])));
const guests = fc.array(fc.oneof(frame, known, reports, floods, opens), { maxLength: 120 });

test('nothing that a guest says makes the worker fail, or keep more than windows', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(
      guests,
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1 }),
      (said, reads, cuts) => {
        let written = 0;
        const port = new Duplex({
          read() {},
          write: (chunk: Buffer, _encoding, done) => {
            written += chunk.length;
            done();
          },
        });
        const link = new GuestLink(port);
        const sockets: Duplex[] = [link.channel, link.stdout as Duplex, link.stderr as Duplex];
        link.runtimeApi.on('connection', (socket) => {
          sockets.push(socket);
          if (reads) socket.on('data', (data) => socket.write(data));
        });
        const all = Buffer.concat(said);
        for (let at = 0, turn = 0; at < all.length && !port.destroyed; turn += 1) {
          const end = at + cuts[turn % cuts.length]!;
          port.emit('data', all.subarray(at, end));
          at = end;
        }
        for (const socket of sockets) assert.ok(socket.readableLength <= windowBytes);
        assert.ok(sockets.length <= 3 + 64 + 16);
        assert.ok(written <= all.length + 64 * said.length);
        link.close();
      },
    ),
    { numRuns: 300 },
  );
});
