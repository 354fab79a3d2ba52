import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { projectRoot } from '../../../adapters/projectroot.js';
import { guestNetwork } from '../../../vmm/vmm.js';
import { sandboxGid, sandboxUid } from '../process/skeleton.js';
import {
  BrokenLinkError,
  controlMessage,
  dataBytesMax,
  firstGuestStream,
  firstHostStream,
  type LinkFrame,
  LinkFrameReader,
  linkAttach,
  linkFrame,
  linkFrameBytes,
  linkHeadBytes,
  linkReport,
  linkRequest,
  linkStream,
  linkVersion,
  windowBytes,
} from './linkframes.js';

const guest = (name: string) => readFileSync(join(projectRoot, 'guest', 'vm', name), 'utf8');

/** Constants of a C header's enumerations. */
function constants(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [, body] of text.replace(/\/\*[\s\S]*?\*\//g, '').matchAll(/enum[^{;]*\{([^}]*)\}/g)) {
    let next = 0;
    for (const entry of body!.split(',').map((part) => part.trim())) {
      const [name, value] = entry.split('=').map((part) => part.trim());
      if (!name) continue;
      next = value === undefined ? next : Number(value);
      if (Number.isNaN(next)) continue;
      found.set(name, next);
      next += 1;
    }
  }
  return found;
}

test('the agent has the same numbers', () => {
  const header = constants(guest('link.h'));
  const upper = (prefix: string, names: Readonly<Record<string, number>>) =>
    Object.entries(names).map(([name, value]) => [`${prefix}_${name.toUpperCase()}`, value] as const);
  const own = [
    ...upper('FRAME', linkFrame),
    ...upper('STREAM', linkStream),
    ...upper('REQUEST', linkRequest),
    ...upper('REPORT', linkReport),
    ...upper('ATTACH', linkAttach),
    ['FIRST_GUEST_STREAM', firstGuestStream],
    ['FIRST_HOST_STREAM', firstHostStream],
    ['LINK_VERSION', linkVersion],
    ['FRAME_HEAD_BYTES', linkHeadBytes],
    ['DATA_BYTES_MAX', dataBytesMax],
    ['WINDOW_BYTES', windowBytes],
  ] as const;
  for (const [name, value] of own) assert.equal(header.get(name), value, name);
  const agent = constants(guest('agent.h'));
  assert.equal(agent.get('SANDBOX_UID'), sandboxUid);
  assert.equal(agent.get('SANDBOX_GID'), sandboxGid);
  const network = guest('network.c');
  assert.match(network, new RegExp(`ADDRESS "${guestNetwork.address}"`));
  assert.match(network, new RegExp(`GATEWAY "${guestNetwork.gateway}"`));
  assert.equal(guestNetwork.prefixBits, 24);
  assert.match(network, /MASK "255\.255\.255\.0"/);
});

test('frames look as the header says', () => {
  const data = linkFrameBytes(linkFrame.data, 0x12345, Buffer.from('hi'));
  assert.equal(data.toString('hex'), '0200000345230100' + '6869');
  assert.equal(linkFrameBytes(linkFrame.reset, 17).toString('hex'), '0000000611000000');
  assert.equal(controlMessage(linkRequest.signal, Buffer.from([0, 15])).toString('hex'), '0300000002' + '000f');
});

test('however bytes are cut, the same frames come out', () => {
  const frame = fc
    .tuple(fc.constantFrom(...Object.values(linkFrame)), fc.nat(0xffffffff), fc.uint8Array({ maxLength: 300 }))
    .map(([type, stream, bytes]) => ({ type, stream, body: Buffer.from(bytes) }));
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), fc.array(fc.nat(60), { minLength: 1 }), (frames, cuts) => {
      const bytes = Buffer.concat(frames.map(({ type, stream, body }) => linkFrameBytes(type, stream, body)));
      const seen: { type: LinkFrame; stream: number; body: Buffer }[] = [];
      const reader = new LinkFrameReader((type, stream, body) => seen.push({ type, stream, body: Buffer.from(body) }));
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const end = at + 1 + cuts[turn % cuts.length]!;
        reader.push(bytes.subarray(at, end));
        at = end;
      }
      assert.deepEqual(seen, frames);
    }),
    { numRuns: 200 },
  );
});

test('a frame that is too long breaks the link', () => {
  const reader = new LinkFrameReader(() => assert.fail('no frame'));
  const head = Buffer.alloc(8);
  head.writeUInt32LE((linkFrame.data << 24) | (dataBytesMax + 1), 0);
  assert.throws(() => reader.push(head), BrokenLinkError);
});
