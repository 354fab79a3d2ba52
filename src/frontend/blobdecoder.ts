import { randomUUID } from 'node:crypto';
import { kib } from '../kernel/units.js';
import { findBlobText, type LiftedBlob } from '../wire/lambda/liftedblob.js';

/** Smaller bodies are parsed in one go: it takes less than a millisecond. */
const liftedBytesMin = 256 * kib;
/** Decoded at once, about half a millisecond; a multiple of 4, so that each piece is base64 by itself. */
const pieceBytes = 512 * kib;

/**
 * Decodes the zip in a JSON body piece by piece, so that others are served in between: 70 MB in one go would hold up
 * the event loop for a quarter of a second. Null: the body is small, or has no zip in a form that can be taken out; then
 * it is to be parsed as it is.
 */
export async function liftBlob(body: Buffer, bytesMin = liftedBytesMin): Promise<LiftedBlob | null> {
  if (body.length < bytesMin) return null;
  const found = findBlobText(body);
  if (found === null || found.end - found.start < bytesMin) return null;
  const bytes = await decoded(body.subarray(found.start, found.end));
  if (bytes === null) return null;
  const placeholder = randomUUID();
  const rest = Buffer.concat([body.subarray(0, found.start), Buffer.from(placeholder), body.subarray(found.end)]);
  return { rest, placeholder, bytes };
}

async function decoded(text: Buffer): Promise<Buffer | null> {
  const bytes = Buffer.allocUnsafe(Math.ceil(text.length / 4) * 3);
  let length = 0;
  for (let at = 0; at < text.length; at += pieceBytes) {
    if (at > 0) await new Promise<void>((resolve) => setImmediate(resolve));
    const piece = text.toString('latin1', at, Math.min(at + pieceBytes, text.length));
    const last = at + pieceBytes >= text.length;
    const expected = Buffer.byteLength(piece, 'base64');
    // Node's decoder skips what is no base64; padding belongs to the end.
    if (bytes.write(piece, length, 'base64') !== expected || (!last && piece.endsWith('='))) return null;
    length += expected;
  }
  return bytes.subarray(0, length);
}
