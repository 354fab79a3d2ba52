import { limits } from '../kernel/limits.js';

/**
 * One line of a segment: NDJSON, so that any tool (DuckDB's `read_json`) reads segments as they are. The numbers come
 * first to be found without parsing. A line without `message` is a mark: the stream was created, or deleted.
 *
 *   {"timestampMs":1732241842000,"ingestionMs":1732241842003,"stream":"2024/11/22/[$LATEST]0a…","message":"START …"}
 *   {"timestampMs":1732241842000,"ingestionMs":1732241842000,"stream":"…","mark":"created"}
 */
export interface EventLine {
  readonly timestampMs: number;
  readonly ingestionMs: number;
  readonly stream: string;
  readonly message?: string;
  readonly mark?: 'created' | 'deleted';
}

/** What must be written between two events of one stream: made once per stream, not per event. */
export function streamPart(stream: string): string {
  return `,"stream":${JSON.stringify(stream)},`;
}

/** A line up to its message; `stream` comes from `streamPart`. */
export function lineStart(timestampMs: number, ingestionMs: number, stream: string): string {
  return `{"timestampMs":${timestampMs},"ingestionMs":${ingestionMs}${stream}"message":`;
}

export function finishLine(start: string, message: string): string {
  return `${start}${JSON.stringify(message)}}\n`;
}

export function markLine(nowMs: number, stream: string, mark: 'created' | 'deleted'): string {
  return `{"timestampMs":${nowMs},"ingestionMs":${nowMs}${stream}"mark":"${mark}"}\n`;
}

/** Null for a line that is not ours (a damaged disk): readers skip it. */
export function parseLine(line: string): EventLine | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const event = value as Partial<EventLine> | null;
  if (typeof event !== 'object' || event === null) return null;
  if (typeof event.timestampMs !== 'number' || typeof event.ingestionMs !== 'number') return null;
  return typeof event.stream === 'string' ? (event as EventLine) : null;
}

/**
 * The head of a line without parsing its message. Takes the line as Latin-1 text, which keeps byte offsets; `stream`
 * is the raw JSON text between the quotes, the same for equal names because one function writes them all.
 */
export interface LineHead {
  readonly timestampMs: number;
  readonly ingestionMs: number;
  readonly stream: string;
  readonly kind: 'message' | 'created' | 'deleted';
}

const head = /\{"timestampMs":(-?\d+),"ingestionMs":(\d+),"stream":"((?:[^"\\]|\\.)*)","(m)(?:essage"|ark":"(.))/y;

export function parseHead(text: string, at: number): LineHead | null {
  head.lastIndex = at;
  const found = head.exec(text);
  if (found === null) return null;
  const kind = found[5] === undefined ? 'message' : found[5] === 'c' ? 'created' : 'deleted';
  return { timestampMs: Number(found[1]), ingestionMs: Number(found[2]), stream: found[3]!, kind };
}

/** The stream's name from the raw text of `LineHead.stream`. */
export function streamName(raw: string): string {
  return JSON.parse(Buffer.from(`"${raw}"`, 'latin1').toString('utf8')) as string;
}

/** Surely within the size of one event: a UTF-16 unit is at most three bytes of UTF-8. */
export function isShort(message: string): boolean {
  return message.length * 3 <= limits.logEventBytesMax;
}

/** Pieces of at most 256 KiB of UTF-8 whose concatenation is the message; no character is torn. */
export function splitMessage(message: string): readonly string[] {
  if (isShort(message)) return [message];
  const bytes = Buffer.from(message, 'utf8');
  if (bytes.length <= limits.logEventBytesMax) return [message];
  const pieces: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    let end = Math.min(start + limits.logEventBytesMax, bytes.length);
    // Bytes 10xxxxxx continue a character.
    while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end -= 1;
    pieces.push(bytes.toString('utf8', start, end));
    start = end;
  }
  return pieces;
}
