import type { Writable } from 'node:stream';
import { type FrameType, frameBytesMax, frameHeaderBytes, frameType } from '../wire/channel/frames.js';
import { ByteGather } from './bytegather.js';

/** The other side does not speak the channel's language: its sandbox must die. */
export class BrokenChannelError extends Error {
  override readonly name = 'BrokenChannelError';
}

/**
 * Cuts a byte stream into frames. A frame that lies whole in one chunk is handed on as a slice of it, without copying;
 * one that spans chunks is put together once. Holds at most one unfinished frame (`frameBytesMax`) and one chunk.
 */
export class FrameReader {
  readonly #onFrame: (type: FrameType, body: Buffer) => void;
  readonly #bytesMax: number;
  readonly #rest = new ByteGather();
  /** Bytes needed before there is anything to do. */
  #needed = frameHeaderBytes;

  constructor(onFrame: (type: FrameType, body: Buffer) => void, bytesMax = frameBytesMax) {
    this.#onFrame = onFrame;
    this.#bytesMax = bytesMax;
  }

  /** Throws BrokenChannelError; the reader must not be used afterwards. */
  push(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest.bytes > 0) {
      this.#rest.push(chunk);
      if (this.#rest.bytes < this.#needed) return;
      bytes = this.#rest.take();
    }
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      if (left < frameHeaderBytes) {
        this.#needed = frameHeaderBytes;
        break;
      }
      const length = bytes.readUInt32LE(at);
      if (length < 1 || length > this.#bytesMax) throw new BrokenChannelError(`frame of ${length} bytes`);
      const end = at + 4 + length;
      if (bytes.length < end) {
        this.#needed = 4 + length;
        break;
      }
      const type = bytes[at + 4] as FrameType;
      const body = bytes.subarray(at + frameHeaderBytes, end);
      at = end;
      this.#onFrame(type, body);
    }
    if (at < bytes.length) this.#rest.push(at === 0 ? bytes : bytes.subarray(at));
  }
}

/** What a runtime is told of an invocation besides its payload. */
export interface InvokeHeader {
  readonly requestId: string;
  /** Epoch milliseconds. */
  readonly deadlineMs: number;
  readonly invokedFunctionArn: string;
  readonly traceHeader: string;
  readonly clientContext: string | null;
  readonly cognitoIdentity: string | null;
}

const base64 = (text: string | null) => (text === null ? '' : Buffer.from(text).toString('base64'));

/** Payloads up to this size are copied behind their header: one buffer and one write are cheaper than two. */
const copiedBytesMax = 64 * 1024;

/** Sends INVOKE with one system call. */
export function writeInvoke(channel: Writable, header: InvokeHeader, payload: Buffer): void {
  const text = `${header.requestId}\n${header.deadlineMs}\n${header.invokedFunctionArn}\n${header.traceHeader}\n${base64(header.clientContext)}\n${base64(header.cognitoIdentity)}`;
  const textBytes = Buffer.byteLength(text);
  const headBytes = frameHeaderBytes + 4 + textBytes;
  const copied = payload.length <= copiedBytesMax;
  const frame = Buffer.allocUnsafe(copied ? headBytes + payload.length : headBytes);
  frame.writeUInt32LE(1 + 4 + textBytes + payload.length, 0);
  frame[4] = frameType.invoke;
  frame.writeUInt32LE(textBytes, frameHeaderBytes);
  frame.write(text, frameHeaderBytes + 4);
  if (copied) {
    payload.copy(frame, headBytes);
    channel.write(frame);
    return;
  }
  channel.cork();
  channel.write(frame);
  channel.write(payload);
  channel.uncork();
}

/** A frame of any other type. */
export function encodeFrame(type: FrameType, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + body.length);
  frame.writeUInt32LE(1 + body.length, 0);
  frame[4] = type;
  frame.set(body, frameHeaderBytes);
  return frame;
}
