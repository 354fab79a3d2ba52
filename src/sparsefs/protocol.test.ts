import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  decodeForget,
  decodeHeader,
  decodeInit,
  decodeInterrupt,
  decodeName,
  decodeRead,
  encodeAttributes,
  encodeEntry,
  encodeInit,
  encodeInvalidateEntry,
  encodeInvalidateInode,
  encodeOpen,
  encodeStatistics,
  opcode,
  storeHeadBytes,
  writeAnswerHead,
  writeStoreHead,
} from './protocol.js';

const deadline = { timeout: 60_000 };

/** A request of the kernel: header, then 32-bit words or text. */
function request(code: number, node: number, body: readonly number[] | string): Buffer {
  const contents = typeof body === 'string' ? Buffer.from(body) : Buffer.alloc(body.length * 4);
  if (typeof body !== 'string')
    for (const [index, word] of body.entries()) contents.writeUInt32LE(word >>> 0, index * 4);
  const head = Buffer.alloc(40);
  head.writeUInt32LE(40 + contents.length, 0);
  head.writeUInt32LE(code, 4);
  head.writeUInt32LE(0x11, 8);
  head.writeUInt32LE(0x80000000, 12);
  head.writeUInt32LE(node, 16);
  head.writeUInt32LE(77, 32);
  return Buffer.concat([head, contents]);
}

const words = (message: Buffer) => Array.from({ length: message.length / 4 }, (_, at) => message.readUInt32LE(at * 4));

it('decodes a header, and nothing that is not whole', deadline, () => {
  const message = request(opcode.lookup, 1, 'name\0');
  assert.deepEqual(decodeHeader(message), {
    bytes: 45,
    opcode: 1,
    uniqueLow: 0x11,
    uniqueHigh: 0x80000000,
    node: 1,
    pid: 77,
  });
  assert.equal(decodeName(message), 'name');
  assert.equal(decodeHeader(message.subarray(0, 44)), null);
  assert.equal(decodeHeader(message.subarray(0, 39)), null);
});

it('agrees on what both can', deadline, () => {
  // 7.45, reads ahead 128 KiB; flags: ASYNC_READ, 1 << 13 (not wanted), PARALLEL_DIROPS, MAX_PAGES.
  const init = decodeInit(request(opcode.init, 0, [7, 45, 131072, (1 << 0) | (1 << 13) | (1 << 18) | (1 << 22)]));
  assert.deepEqual(init, { major: 7, minor: 45, readAheadBytesMax: 131072, flags: 0x442001 });
  const limits = { readAheadBytes: 1 << 20, backgroundMax: 64, pagesMax: 256 };
  const answer = encodeInit(init, limits);
  assert.equal(answer.length, 64);
  assert.deepEqual(words(answer).slice(0, 8), [7, 31, 131072, 0x440001, 64 | (48 << 16), 4096, 1, 256]);
  // Nothing that the kernel did not offer; no read-ahead.
  assert.deepEqual(words(encodeInit({ ...init, flags: 1 }, { ...limits, readAheadBytes: 0 })).slice(2, 4), [0, 1]);
});

it('describes files and the folder', deadline, () => {
  const file = encodeEntry({ node: 5, bytes: 3 * 2 ** 32 }, 0, 60);
  assert.equal(file.length, 128);
  assert.deepEqual(words(file).slice(0, 8), [5, 0, 0, 0, 60, 0, 60, 0]);
  const attributes = words(file).slice(10);
  assert.deepEqual(attributes.slice(0, 6), [5, 0, 0, 3, (3 * 2 ** 23) >>> 0, 0]);
  assert.deepEqual(attributes.slice(15, 17), [0o100666, 1]);
  const folder = encodeAttributes({ node: 1, bytes: null }, 60);
  assert.equal(folder.length, 104);
  assert.deepEqual(words(folder.subarray(16)).slice(15, 17), [0o40555, 2]);
  assert.deepEqual(words(encodeOpen()), [0, 0, 0b100010, 0]);
  assert.equal(encodeStatistics(120).readUInt32LE(44), 120);
});

it('decodes reads, also past the page cache', deadline, () => {
  const direct = process.arch === 'arm64' ? 0o200000 : 0o40000;
  const message = request(opcode.read, 5, [0, 0, 0x1000, 2, 131072, 0, 0, 0, 0, 0]);
  assert.deepEqual(decodeRead(message), { offset: 2 * 2 ** 32 + 0x1000, bytes: 131072, direct: false });
  message.writeUInt32LE(direct | 2, 40 + 32);
  assert.equal(decodeRead(message).direct, true);
});

it('decodes which request is given up', deadline, () => {
  const message = request(opcode.interrupt, 0, [0x12, 0x80000001]);
  assert.deepEqual(decodeInterrupt(message), { low: 0x12, high: 0x80000001 });
});

it('decodes what the kernel forgets, alone and in batches', deadline, () => {
  const one = request(opcode.forget, 9, [3, 0]);
  assert.deepEqual(decodeForget(decodeHeader(one)!, one), [{ node: 9, lookups: 3 }]);
  const batch = request(opcode.batchForget, 0, [2, 0, 9, 0, 1, 0, 10, 0, 2, 0]);
  const two = [
    { node: 9, lookups: 1 },
    { node: 10, lookups: 2 },
  ];
  assert.deepEqual(decodeForget(decodeHeader(batch)!, batch), two);
  // A count that the message does not hold.
  batch.writeUInt32LE(99, 40);
  assert.deepEqual(decodeForget(decodeHeader(batch)!, batch), two);
});

it('writes heads of answers and errors', deadline, () => {
  const head = Buffer.alloc(16);
  writeAnswerHead(head, 100, 0, 0x11, 0x80000000);
  assert.deepEqual(words(head), [116, 0, 0x11, 0x80000000]);
  writeAnswerHead(head, 0, 5, 0x11, 0);
  assert.equal(head.readInt32LE(4), -5);
});

it('writes messages that nobody asked for', deadline, () => {
  assert.deepEqual(words(encodeInvalidateInode(7)), [40, 2, 0, 0, 7, 0, 0, 0, 0, 0]);
  const entry = encodeInvalidateEntry('gone');
  assert.deepEqual(words(entry.subarray(0, 32)), [37, 3, 0, 0, 1, 0, 4, 0]);
  assert.equal(entry.toString('latin1', 32), 'gone\0');
  const store = Buffer.alloc(storeHeadBytes + 8, 0xff);
  writeStoreHead(store, 8, 7, 2 ** 32 + 4096, 8192);
  assert.deepEqual(words(store).slice(2), [storeHeadBytes + 8192, 4, 0, 0, 7, 0, 4096, 1, 8192, 0]);
});
