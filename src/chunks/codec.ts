import { createCipheriv, createDecipheriv, createHmac, hash } from 'node:crypto';
import { assert } from '../kernel/assert.js';
import { ChunkError } from './chunkerror.js';
import { type ChunkRef, chunkBytes, pageBytes } from './layout.js';
import { zstd } from './zstd.js';

/** Ciphertexts are at most this long: zstd's bound for incompressible bytes (ZSTD_COMPRESSBOUND) of a full chunk. */
export const storedBytesMax = chunkBytes + (chunkBytes >> 8);

export interface SealedChunk {
  readonly ref: ChunkRef;
  readonly ciphertext: Buffer;
}

/** No key encrypts two streams, so that the counter may always start at zero. */
const firstCounter = Buffer.alloc(16);

/**
 * Makes a chunk of whole pages: compressed, encrypted so that equal bytes under one salt give equal chunks. The key is
 * a keyed hash of what it encrypts (the compressed bytes, not the pages): two versions of zstd give two streams for the
 * same pages, and one key for both would be a two-time pad.
 * @param salt Of the chunk's root, 32 bytes: without it nobody can test whether a guessed content is stored.
 */
export function sealChunk(plaintext: Uint8Array, salt: Uint8Array): SealedChunk {
  assert(plaintext.length > 0 && plaintext.length <= chunkBytes, 'a chunk has 1 byte to 512 KiB');
  assert(plaintext.length % pageBytes === 0, 'a chunk holds whole pages');
  assert(salt.length === 32, 'a salt has 32 bytes');
  const compressed = zstd.compress(plaintext);
  const key = createHmac('sha256', salt).update(compressed).digest();
  const cipher = createCipheriv('aes-256-ctr', key, firstCounter);
  const ciphertext = cipher.update(compressed);
  cipher.final();
  const name = hash('sha256', ciphertext, 'hex');
  return { ref: { name, key, storedBytes: ciphertext.length, bytes: plaintext.length }, ciphertext };
}

/** Whether these bytes are the chunk of this name: anybody can tell, without its key. */
export function isChunk(name: string, storedBytes: number, ciphertext: Uint8Array): boolean {
  return ciphertext.length === storedBytes && hash('sha256', ciphertext, 'hex') === name;
}

/** Plaintext of a chunk. Throws ChunkError (`corrupt`) when the bytes are not what `ref` names, by a single bit. */
export function openChunk(ref: ChunkRef, ciphertext: Uint8Array): Buffer {
  if (!isChunk(ref.name, ref.storedBytes, ciphertext)) throw corrupt(ref, 'other bytes than its name stands for');
  const decipher = createDecipheriv('aes-256-ctr', ref.key, firstCounter);
  const compressed = decipher.update(ciphertext);
  decipher.final();
  let plaintext: Uint8Array;
  try {
    plaintext = zstd.decompress(compressed, ref.bytes);
  } catch (error) {
    throw corrupt(ref, `its key opens no frame: ${(error as Error).message}`);
  }
  if (plaintext.length !== ref.bytes) throw corrupt(ref, `${plaintext.length} bytes instead of ${ref.bytes}`);
  return Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.length);
}

function corrupt(ref: ChunkRef, detail: string): ChunkError {
  return new ChunkError('corrupt', `chunk ${ref.name}: ${detail}`);
}
