import { createHash, type Hash } from 'node:crypto';
import { apiFailure } from '../kernel/errors.js';
import { kib, mib } from '../kernel/units.js';
import { type Exchange, emptyBody } from './exchange.js';
import { bodySha256, emptyBodySha256 } from './signature/sigv4.js';

/** Larger bodies are hashed as they arrive: 70 MB at once would hold up everyone else for 50 ms. */
const hashedAtOnceBytesMax = 256 * kib;

/** Larger bodies are put together with pauses: the memory of 70 MB alone costs 60 ms when it is first written. */
const joinedAtOnceBytesMax = mib;

export interface BodyLimit {
  readonly bytesMax: number;
  /** As AWS names the operation in the text, for example `InvokeFunction`. */
  readonly operation: string;
}

function tooLarge(limit: BodyLimit) {
  return apiFailure(
    'RequestEntityTooLargeException',
    `Request must be smaller than ${limit.bytesMax} bytes for the ${limit.operation} operation`,
  );
}

/** Refuses a body that is announced as too large, before a byte of it is read. True: refused. */
export function refusedByLength(exchange: Exchange, limit: BodyLimit): boolean {
  const bytes = exchange.announcedBytes;
  if (bytes === null || bytes <= limit.bytesMax) return false;
  exchange.refuse(tooLarge(limit));
  return true;
}

/**
 * Reads the body, bounded by the operation's limit and by the budget of all requests together, then calls `done` with
 * its SHA-256. A client that goes away half-way ends the exchange: `done` is never called, what was held is released.
 */
export function readBody(exchange: Exchange, limit: BodyLimit, done: (bodySha256Hex: string) => void): void {
  const { req } = exchange;
  const announced = exchange.announcedBytes;
  if (announced === 0) {
    done(emptyBodySha256);
    return;
  }
  let first: Buffer | null = null;
  let chunks: Buffer[] | null = null;
  let bytes = 0;
  let hash: Hash | null = announced === null || announced > hashedAtOnceBytesMax ? createHash('sha256') : null;

  const ready = (body: Buffer) => {
    if (exchange.answered) return;
    exchange.body = body;
    done(hash !== null ? hash.digest('hex') : bodySha256(body));
  };
  const whole = () => {
    const [one, all] = [first, chunks];
    first = null;
    chunks = null;
    if (all === null) ready(one ?? emptyBody);
    else if (bytes <= joinedAtOnceBytesMax) ready(Buffer.concat(all, bytes));
    else joined(all, bytes).then(ready, (error: unknown) => exchange.req.destroy(error as Error));
  };
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > limit.bytesMax) {
      first = null;
      chunks = null;
      hash = null;
      exchange.refuse(tooLarge(limit));
      return;
    }
    if (!exchange.hold(chunk.length)) {
      first = null;
      chunks = null;
      hash = null;
      exchange.refuse(
        apiFailure('ServiceUnavailableException', 'Too many requests are being received. Try again later.', {
          headers: { 'Retry-After': '1' },
        }),
      );
      return;
    }
    hash?.update(chunk);
    if (first === null) first = chunk;
    else if (chunks === null) chunks = [first, chunk];
    else chunks.push(chunk);
    // All of it is here: waiting for `end` would cost another turn.
    if (bytes === announced) whole();
  });
  // A body in chunks is over when it says so.
  if (announced === null) req.on('end', whole);
  req.on('close', () => {
    if (!req.complete) exchange.release();
  });
}

/** Some chunks in every turn of the event loop, as many as have `joinedAtOnceBytesMax` together. */
async function joined(chunks: readonly Buffer[], bytes: number): Promise<Buffer> {
  const body = Buffer.allocUnsafe(bytes);
  let at = 0;
  let pause = joinedAtOnceBytesMax;
  for (const chunk of chunks) {
    at += chunk.copy(body, at);
    if (at < pause) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    pause = at + joinedAtOnceBytesMax;
  }
  return body;
}
