import { mib } from '../../kernel/units.js';
import { logKind } from '../../wire/channel/frames.js';

/**
 * Frames that AWS's runtime clients write to the descriptor that `_LAMBDA_TELEMETRY_LOG_FD` names, one log event each,
 * big-endian: u32 type, u32 bytes of the text, u64 epoch microseconds, text. The type is a55a0002 with further bits
 * for format and level; an older one, a55a0001, has no time.
 */
const timedType = 0xa55a0002;
const timedMask = 0xffff0002;
const plainType = 0xa55a0001;
const headerBytes = 8;
const timeBytes = 8;
/** One event of the log holds 256 KiB; a client sends no more than a whole error trace. Beyond it: not this protocol. */
const frameBytesMax = 4 * mib;
/** Length of the start of a LOG frame's body: u8 kind, f64 milliseconds (src/wire/channel/README.md). */
const logStartBytes = 9;

/** Turns a stream of such frames into bodies of the sandbox channel's LOG frames. */
export class TelemetryFrames {
  #held: Buffer = Buffer.alloc(0);
  readonly #onLog: (body: Buffer) => void;

  constructor(onLog: (body: Buffer) => void) {
    this.#onLog = onLog;
  }

  /** False: this is no such stream, and nothing after it can be read. */
  push(chunk: Buffer): boolean {
    let data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (data.length >= headerBytes) {
      const type = data.readUInt32BE(0);
      const bytes = data.readUInt32BE(4);
      const timed = (type & timedMask) >>> 0 === timedType;
      if ((!timed && type !== plainType) || bytes > frameBytesMax) return false;
      const start = headerBytes + (timed ? timeBytes : 0);
      if (data.length < start + bytes) break;
      const nowMs = timed ? Number(data.readBigUInt64BE(headerBytes) / 1000n) : 0;
      this.#emit(nowMs, data.subarray(start, start + bytes));
      data = data.subarray(start + bytes);
    }
    this.#held = data;
    return true;
  }

  /** The worker takes its own time instead of 0. */
  #emit(nowMs: number, text: Buffer): void {
    const end = text.at(-1) === 0x0a ? text.length - 1 : text.length;
    const body = Buffer.allocUnsafe(logStartBytes + end);
    body[0] = logKind.event;
    body.writeDoubleLE(nowMs, 1);
    text.copy(body, logStartBytes, 0, end);
    this.#onLog(body);
  }
}
