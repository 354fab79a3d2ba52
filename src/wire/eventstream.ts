import { crc32 } from 'node:zlib';

/**
 * The framing of `application/vnd.amazon.eventstream` (Smithy specification, "Amazon Event Stream"): per message a
 * prelude (u32 length of all, u32 length of the headers, CRC of these eight bytes), the headers (u8 name length, name, u8
 * type 7 for text, u16 length, text), the payload, and a CRC of everything before. Big-endian.
 */
export const eventStreamType = 'application/vnd.amazon.eventstream';

const preludeBytes = 12;
const crcBytes = 4;
const textType = 7;

/** Encodes the headers of one kind of event once: they are the same for each. */
function headersOf(headers: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(headers).map(([name, value]) => {
      const text = Buffer.from(value);
      const head = Buffer.from([name.length, ...Buffer.from(name), textType, text.length >> 8, text.length & 0xff]);
      return Buffer.concat([head, text]);
    }),
  );
}

function eventHeaders(eventType: string, contentType: string): Buffer {
  return headersOf({ ':message-type': 'event', ':event-type': eventType, ':content-type': contentType });
}

const chunkHeaders = eventHeaders('PayloadChunk', 'application/octet-stream');
const completeHeaders = eventHeaders('InvokeComplete', 'application/json');

function message(headers: Buffer, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(preludeBytes + headers.length + payload.length + crcBytes);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(headers.length, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  headers.copy(bytes, preludeBytes);
  bytes.set(payload, preludeBytes + headers.length);
  const end = bytes.length - crcBytes;
  bytes.writeUInt32BE(crc32(bytes.subarray(0, end)), end);
  return bytes;
}

/** A piece of the response. Readers of the format take up to 16 MiB. */
export function payloadChunk(payload: Uint8Array): Buffer {
  return message(chunkHeaders, payload);
}

/** Members of the last event; those that are absent say that there was no error, and that no log was asked for. */
export interface InvokeComplete {
  readonly ErrorCode?: string;
  readonly ErrorDetails?: string;
  /** Base64. */
  readonly LogResult?: string;
}

export function invokeComplete(members: InvokeComplete): Buffer {
  return message(completeHeaders, Buffer.from(JSON.stringify(members)));
}
