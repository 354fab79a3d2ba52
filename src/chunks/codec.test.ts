import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import { ChunkError } from './chunkerror.js';
import { openChunk, sealChunk, storedBytesMax } from './codec.js';
import { chunkBytes, pageBytes } from './layout.js';
import { file } from './testchunks.js';
import { nodeZstd, wasmZstd, zstd } from './zstd.js';

const salt = Buffer.alloc(32, 1);
const isCorrupt = (error: unknown) => error instanceof ChunkError && error.kind === 'corrupt';

test('a chunk comes back; its name is the hash of what is stored', () => {
  const plaintext = file([1, null, 2, 2, 3]);
  const { ref, ciphertext } = sealChunk(plaintext, salt);
  assert.equal(ref.name, createHash('sha256').update(ciphertext).digest('hex'));
  assert.equal(ref.storedBytes, ciphertext.length);
  assert.deepEqual(openChunk(ref, ciphertext), plaintext);
});

test('equal contents are one chunk under one salt, and none under two; the key is of no other contents', () => {
  const one = sealChunk(file([1, 2]), salt);
  assert.deepEqual(sealChunk(file([1, 2]), salt), one);
  const other = sealChunk(file([1, 2]), Buffer.alloc(32, 2));
  assert.notEqual(other.ref.name, one.ref.name);
  assert.notDeepEqual(other.ref.key, one.ref.key);
  assert.notDeepEqual(sealChunk(file([1, 3]), salt).ref.key, one.ref.key);
  assert.equal(one.ciphertext.includes(Buffer.from('1 1 1 1')), false);
});

test('bytes that do not compress fit the bound', () => {
  const plaintext = randomBytes(chunkBytes);
  const { ref, ciphertext } = sealChunk(plaintext, salt);
  assert.ok(ciphertext.length <= storedBytesMax);
  assert.deepEqual(openChunk(ref, ciphertext), plaintext);
});

test('any flipped bit, any missing or added byte, a wrong key or size is refused', () => {
  const { ref, ciphertext } = sealChunk(file([1, 2, 3]), salt);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: ciphertext.length * 8 - 1 }), (bit) => {
      const flipped = Buffer.from(ciphertext);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => openChunk(ref, flipped), isCorrupt);
    }),
  );
  assert.throws(() => openChunk(ref, ciphertext.subarray(1)), isCorrupt);
  assert.throws(() => openChunk(ref, Buffer.concat([ciphertext, Buffer.of(0)])), isCorrupt);
  assert.throws(() => openChunk(ref, Buffer.alloc(0)), isCorrupt);
  assert.throws(() => openChunk({ ...ref, key: Buffer.alloc(32) }, ciphertext), isCorrupt);
  assert.throws(() => openChunk({ ...ref, bytes: ref.bytes - pageBytes }, ciphertext), isCorrupt);
  assert.throws(() => openChunk({ ...ref, bytes: ref.bytes + pageBytes }, ciphertext), isCorrupt);
});

test('both implementations of zstd read each other, and neither writes beyond its bound', async (t) => {
  const node = nodeZstd();
  const wasm = await wasmZstd();
  t.diagnostic(node === null ? `Node ${process.version} has no zstd: only the WebAssembly one is tried` : 'both tried');
  const implementations = node === null ? [wasm] : [wasm, node];
  assert.equal(zstd.implementation, node === null ? 'wasm' : 'node');
  const inputs = [
    Buffer.alloc(0),
    Buffer.alloc(100, 'a'),
    Buffer.alloc(300, 'b'),
    randomBytes(70_000),
    file([1, null, 2]),
  ];
  for (const from of implementations) {
    for (const to of implementations) {
      for (const input of inputs) {
        const compressed = from.compress(input);
        assert.deepEqual(Buffer.from(to.decompress(compressed, Math.max(1, input.length))), input);
        if (input.length > 1) assert.throws(() => to.decompress(compressed, input.length - 1));
      }
    }
    assert.throws(() => from.decompress(randomBytes(100), 1_000));
    assert.throws(() => from.decompress(from.compress(randomBytes(5_000)).subarray(0, 4_000), 10_000));
  }
});
