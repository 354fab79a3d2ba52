import { ByteGather } from '../../bytegather.js';

/** The guest link's frames and messages; `guest/vm/link.h` says what they mean, and has the same numbers. */
export const linkVersion = 1;

export const linkFrame = { open: 1, opened: 2, data: 3, credit: 4, end: 5, reset: 6 } as const;
export type LinkFrame = (typeof linkFrame)[keyof typeof linkFrame];

export const linkStream = { control: 0, channel: 1, stdout: 2, stderr: 3, extensions: 4 } as const;
/** Even numbers from here on are connections to the Runtime API, odd ones connections from outside. */
export const firstGuestStream = 16;
export const firstHostStream = 17;

export const linkRequest = { start: 0x01, signal: 0x02, attach: 0x03, quiesce: 0x04, resume: 0x05 } as const;
export const linkReport = { hello: 0x41, done: 0x42, exit: 0x43, peak: 0x44 } as const;
/** Bits of what an ATTACH attaches. */
export const linkAttach = { runtime: 1, code: 2, layers: 4, scratch: 8, limit: 16 } as const;

export const linkHeadBytes = 8;
export const dataBytesMax = 64 * 1024;
/** Credit at a stream's start, each way. */
export const windowBytes = 256 * 1024;

/** What came over the link is not in its language: the guest is not what we booted, and must go. */
export class BrokenLinkError extends Error {
  override readonly name = 'BrokenLinkError';
}

export function frameHead(type: LinkFrame, stream: number, bytes: number): Buffer {
  const head = Buffer.allocUnsafe(linkHeadBytes);
  head.writeUInt32LE(((type << 24) | bytes) >>> 0, 0);
  head.writeUInt32LE(stream, 4);
  return head;
}

/** A whole frame with a small body. */
export function linkFrameBytes(type: LinkFrame, stream: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([frameHead(type, stream, body.length), body]);
}

/** A control message, without the frames it travels in. */
export function controlMessage(type: number, body: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(5);
  head.writeUInt32LE(body.length + 1, 0);
  head[4] = type;
  return Buffer.concat([head, body]);
}

/** Cuts bytes into frames; holds one unfinished frame at most. A body is a slice of what came, never changed later. */
export class LinkFrameReader {
  readonly #onFrame: (type: LinkFrame, stream: number, body: Buffer) => void;
  readonly #rest = new ByteGather();
  #needed = linkHeadBytes;

  constructor(onFrame: (type: LinkFrame, stream: number, body: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** Throws BrokenLinkError; the reader must not be used afterwards. */
  push(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest.bytes > 0) {
      this.#rest.push(chunk);
      if (this.#rest.bytes < this.#needed) return;
      bytes = this.#rest.take();
    }
    let at = 0;
    for (;;) {
      this.#needed = linkHeadBytes;
      if (bytes.length - at < linkHeadBytes) break;
      const word = bytes.readUInt32LE(at);
      const length = word & 0xffffff;
      if (length > dataBytesMax) throw new BrokenLinkError(`frame of ${length} bytes`);
      this.#needed += length;
      if (bytes.length - at < this.#needed) break;
      const stream = bytes.readUInt32LE(at + 4);
      const start = at + linkHeadBytes;
      at = start + length;
      this.#onFrame((word >>> 24) as LinkFrame, stream, bytes.subarray(start, at));
    }
    if (at < bytes.length) this.#rest.push(at === 0 ? bytes : bytes.subarray(at));
  }
}
