import { createHash } from 'node:crypto';
import { storedBytesMax } from '../codec.js';

/** Stripes that carry a chunk's bytes; any four of the five make it whole (4-of-5, on-demand container loading, section 4.2). */
export const dataStripes = 4;
/** With the parity, which is the exclusive or of the others. */
export const stripesPerChunk = dataStripes + 1;

/** One fifth of a chunk's ciphertext, with what it takes to know that it is intact. */
export interface Stripe {
  /** 0 to 3: data, 4: parity. */
  readonly index: number;
  /** Size of the whole ciphertext. */
  readonly storedBytes: number;
  readonly payload: Buffer;
}

const magic = 0x48535431; // HST1
const headBytes = 16;
const checksumBytes = 32;
const recordOverheadBytes = headBytes + checksumBytes;
/** Exclusive or goes by 8 bytes. */
const wordBytes = 8;

/** Length of each stripe of a ciphertext: a quarter, rounded up to whole words; what is behind the end is zero. */
function payloadBytes(storedBytes: number): number {
  return Math.ceil(storedBytes / (dataStripes * wordBytes)) * wordBytes;
}

/** Largest body that a member may give or take: all five stripes of the largest chunk. */
export const bodyBytesMax = stripesPerChunk * (recordOverheadBytes + payloadBytes(storedBytesMax));

/** The five stripes of a ciphertext of 1 to `storedBytesMax` bytes. */
export function cutStripes(bytes: Buffer): Stripe[] {
  const length = payloadBytes(bytes.length);
  const padded = Buffer.alloc(length * stripesPerChunk);
  bytes.copy(padded);
  const payloads = Array.from({ length: stripesPerChunk }, (_, index) =>
    padded.subarray(index * length, (index + 1) * length),
  );
  exclusiveOr(payloads.slice(0, dataStripes), payloads[dataStripes]!);
  return payloads.map((payload, index) => ({ index, storedBytes: bytes.length, payload }));
}

function exclusiveOr(sources: readonly Buffer[], target: Buffer): void {
  const sum = words(target);
  for (const source of sources) {
    const other = words(source);
    for (let i = 0; i < sum.length; i += 1) sum[i]! ^= other[i]!;
  }
}

function words(bytes: Buffer): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

export interface Joined {
  readonly bytes: Buffer;
  /** The stripe that had to be left out because with it the name is wrong, or null. */
  readonly wrong: number | null;
}

/**
 * The ciphertext whose SHA-256 is `name`, from at least four stripes of different index; null when no four of them make
 * it. Where all five are there and one lies (intact by its own checksum, but not of this chunk), it is found out.
 */
export function joinStripes(name: string, storedBytes: number, stripes: readonly Stripe[]): Joined | null {
  const held = new Array<Buffer | null>(stripesPerChunk).fill(null);
  for (const { index, payload } of stripes) held[index] = payload;
  const absent = held.flatMap((payload, index) => (payload === null ? [index] : []));
  if (absent.length > 1) return null;
  // The parity last: without it nothing has to be computed.
  const tries = absent.length === 1 ? absent : [4, 0, 1, 2, 3];
  for (const without of tries) {
    const bytes = assemble(held, without, storedBytes);
    if (nameOf(bytes) !== name) continue;
    const wrong = absent.length === 0 && without !== tries[0] ? without : null;
    if (wrong !== null || absent.length === 1 || parityHolds(held)) return { bytes, wrong };
    return { bytes, wrong: dataStripes };
  }
  return null;
}

function assemble(held: readonly (Buffer | null)[], without: number, storedBytes: number): Buffer {
  const length = payloadBytes(storedBytes);
  const whole = Buffer.alloc(length * dataStripes);
  for (let index = 0; index < dataStripes; index += 1) {
    if (index !== without) held[index]!.copy(whole, index * length);
  }
  if (without < dataStripes) {
    const others = held.filter((_, index) => index !== without) as Buffer[];
    exclusiveOr(others, whole.subarray(without * length, (without + 1) * length));
  }
  return whole.subarray(0, storedBytes);
}

function parityHolds(held: readonly (Buffer | null)[]): boolean {
  const parity = Buffer.alloc(held[0]!.length);
  exclusiveOr(held.slice(0, dataStripes) as Buffer[], parity);
  return parity.equals(held[dataStripes]!);
}

/** A chunk's name: SHA-256 of its ciphertext, 64 hexadecimal digits. */
export function nameOf(ciphertext: Buffer): string {
  return createHash('sha256').update(ciphertext).digest('hex');
}

/**
 * Stripes of one chunk on the wire and at a member, one record after the other: `HST1`, index (1 byte and 3 zero),
 * storedBytes, length (4 bytes each, big endian); SHA-256 of name, these 16 bytes and payload; payload.
 */
export function encodeStripes(name: string, stripes: readonly Stripe[]): Buffer {
  const body = Buffer.alloc(stripes.reduce((sum, { payload }) => sum + recordOverheadBytes + payload.length, 0));
  let at = 0;
  for (const { index, storedBytes, payload } of stripes) {
    body.writeUInt32BE(magic, at);
    body.writeUInt8(index, at + 4);
    body.writeUInt32BE(storedBytes, at + 8);
    body.writeUInt32BE(payload.length, at + 12);
    payload.copy(body, at + recordOverheadBytes);
    checksum(name, body.subarray(at, at + headBytes), payload).copy(body, at + headBytes);
    at += recordOverheadBytes + payload.length;
  }
  return body;
}

function checksum(name: string, head: Buffer, payload: Buffer): Buffer {
  return createHash('sha256').update(name, 'hex').update(head).update(payload).digest();
}

export interface Decoded {
  /** Intact ones, at most one of each index. They share the body's memory. */
  readonly stripes: readonly Stripe[];
  /** Something in the body was not an intact stripe of this chunk. */
  readonly broken: boolean;
}

/** Reads what `encodeStripes` wrote. Never throws; what is not right is left out. */
export function decodeStripes(name: string, body: Buffer): Decoded {
  const stripes: Stripe[] = [];
  let at = 0;
  while (at + recordOverheadBytes <= body.length && stripes.length < stripesPerChunk) {
    const index = body.readUInt8(at + 4);
    const storedBytes = body.readUInt32BE(at + 8);
    const length = body.readUInt32BE(at + 12);
    const end = at + recordOverheadBytes + length;
    const sane =
      body.readUInt32BE(at) === magic &&
      index < stripesPerChunk &&
      storedBytes > 0 &&
      storedBytes <= storedBytesMax &&
      length === payloadBytes(storedBytes) &&
      end <= body.length &&
      !stripes.some((one) => one.index === index);
    if (!sane) break;
    const payload = body.subarray(at + recordOverheadBytes, end);
    const said = body.subarray(at + headBytes, at + recordOverheadBytes);
    if (!checksum(name, body.subarray(at, at + headBytes), payload).equals(said)) break;
    stripes.push({ index, storedBytes, payload: aligned(payload) });
    at = end;
  }
  return { stripes, broken: at !== body.length };
}

/** Words can only be read where they begin at a multiple of their size. */
function aligned(payload: Buffer): Buffer {
  if (payload.byteOffset % 4 === 0) return payload;
  const copy = Buffer.alloc(payload.length);
  payload.copy(copy);
  return copy;
}

/** The checksums of a body's records: what a signed request vouches for. Of an unreadable body: nothing. */
export function checksumsOf(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  while (at + recordOverheadBytes <= body.length) {
    parts.push(body.subarray(at + headBytes, at + recordOverheadBytes));
    at += recordOverheadBytes + body.readUInt32BE(at + 12);
  }
  return Buffer.concat(parts);
}
