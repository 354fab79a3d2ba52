import { limits } from '../../kernel/limits.js';
import { minuteMs } from '../../kernel/units.js';
import { logKind } from '../../wire/channel/frames.js';
import type { LogCapture } from './logcapture.js';

const headBytes = 9;
/** A frame is read within milliseconds of its writing; a time further away than this is not believed. */
const skewMsMax = minuteMs;

/**
 * Hands a LOG frame's body to the capture. False when it is malformed. Its time is the guest's word: log events have
 * whole milliseconds, and none of another year.
 */
export function captureLogFrame(body: Buffer, capture: LogCapture, nowMs: number): boolean {
  if (body.length < headBytes) return false;
  const saidMs = body.readDoubleLE(1);
  if (!Number.isFinite(saidMs)) return false;
  const timestampMs = Math.abs(saidMs - nowMs) <= skewMsMax ? Math.floor(saidMs) : nowMs;
  const kind = body[0];
  if (kind === logKind.stdout || kind === logKind.stderr) {
    capture.raw(kind === logKind.stdout ? 'stdout' : 'stderr', body.subarray(headBytes), timestampMs);
    return true;
  }
  if (kind !== logKind.event) return false;
  for (let at = headBytes; at < body.length; ) {
    let end = Math.min(at + limits.logEventBytesMax, body.length);
    // Not inside a character: UTF-8 continuation bytes are 10xxxxxx. At most three, so the loop always advances.
    for (let back = 0; back < 3 && end < body.length && (body[end]! & 0xc0) === 0x80; back += 1) end -= 1;
    capture.event(timestampMs, body.toString('utf8', at, end));
    at = end;
  }
  return true;
}
