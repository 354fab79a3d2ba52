import { createHmac, timingSafeEqual } from 'node:crypto';
import { minuteMs } from '../../kernel/units.js';

/** Clocks of one zone's machines agree better than this; a recorded request is of no use afterwards. */
export const skewMsMax = 5 * minuteMs;

interface Signed {
  readonly method: string;
  readonly path: string;
  /** What of the body the signature vouches for: the checksums of its stripes. */
  readonly digest: Buffer;
}

function codeOf(secret: Buffer, { method, path, digest }: Signed, time: string): Buffer {
  return createHmac('sha256', secret).update(`${method}\n${path}\n${time}\n`).update(digest).digest();
}

/**
 * The `authorization` header of a request between workers and members: HMAC-SHA256 with the zone's shared secret, which
 * itself never travels. `nowMs`: Unix time.
 */
export function sign(secret: Buffer, request: Signed, nowMs: number): string {
  const time = String(nowMs);
  return `Hearth-L2 ${time}.${codeOf(secret, request, time).toString('base64url')}`;
}

/** Whether a header was made with the same secret for this request, within five minutes of `nowMs`. */
export function isSigned(secret: Buffer, request: Signed, header: string | undefined, nowMs: number): boolean {
  const found = /^Hearth-L2 (\d{1,15})\.([\w-]{43})$/.exec(header ?? '');
  if (found === null) return false;
  const [, time = '', code = ''] = found;
  if (Math.abs(Number(time) - nowMs) > skewMsMax) return false;
  return timingSafeEqual(Buffer.from(code, 'base64url'), codeOf(secret, request, time));
}
