import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { ChunkError } from './chunkerror.js';

const nonceBytes = 12;
const tagBytes = 16;

/**
 * Encrypts a record (AES-256-GCM) so that it opens only with this key and under this label: put in another record's
 * place, it is refused. The nonce is a keyed hash of label and contents, so that equal records become equal bytes and
 * two different ones never share a nonce (but by chance: 96 bits).
 * @param key 32 bytes.
 */
export function sealRecord(label: string, plaintext: Uint8Array, key: Buffer): Buffer {
  const nonce = createHmac('sha256', subkey(key, 'nonce'))
    .update(`${label.length}:${label}`)
    .update(plaintext)
    .digest()
    .subarray(0, nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', subkey(key, 'encryption'), nonce);
  cipher.setAAD(Buffer.from(label, 'utf8'));
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([nonce, ciphertext, cipher.getAuthTag()]);
}

/** Throws ChunkError (`corrupt`) when a bit differs, or key or label is another's. */
export function openRecord(label: string, sealed: Uint8Array, key: Buffer): Buffer {
  if (sealed.length < nonceBytes + tagBytes) throw new ChunkError('corrupt', `${label}: too short`);
  const end = sealed.length - tagBytes;
  const nonce = sealed.subarray(0, nonceBytes);
  const decipher = createDecipheriv('aes-256-gcm', subkey(key, 'encryption'), nonce, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(label, 'utf8'));
  decipher.setAuthTag(sealed.subarray(end));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, end)), decipher.final()]);
  } catch {
    throw new ChunkError('corrupt', `${label}: changed since it was stored, or another account's`);
  }
}

/** 64 hexadecimal digits: a name that only the contents give, and tells nobody without the key about them. */
export function recordName(plaintext: Uint8Array, key: Buffer): string {
  return createHmac('sha256', subkey(key, 'name')).update(plaintext).digest('hex');
}

function subkey(key: Buffer, purpose: string): Buffer {
  return createHmac('sha256', key).update(purpose).digest();
}
