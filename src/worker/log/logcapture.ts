import { limits } from '../../kernel/limits.js';
import type { LogStreamWriter } from '../../kernel/ports/logs.js';
import { ByteGather } from '../bytegather.js';
import type { LineFilter } from './applicationlevel.js';

const newline = 0x0a;

/** Who wrote an event, in the words of the Telemetry API. */
export type LogSource = 'function' | 'extension' | 'platform';

/** Cuts raw output into lines; an unfinished line is kept up to one event's size, then split. */
export class LineCutter {
  readonly #line = new ByteGather();

  /** Calls back with every complete line, newline included, as bytes of the function's own making. */
  push(chunk: Buffer, onLine: (line: string) => void): void {
    let at = 0;
    while (at < chunk.length) {
      const room = limits.logEventBytesMax - this.#line.bytes;
      const found = chunk.indexOf(newline, at);
      const lineEnd = found < 0 ? chunk.length : found + 1;
      const end = Math.min(lineEnd, at + room);
      const piece = chunk.subarray(at, end);
      at = end;
      const whole = (found >= 0 && end === lineEnd) || piece.length === room;
      if (!whole) this.#keep(piece);
      else if (this.#line.bytes === 0) onLine(piece.toString('utf8'));
      else {
        this.#keep(piece);
        this.flush(onLine);
      }
    }
  }

  flush(onLine: (line: string) => void): void {
    if (this.#line.bytes > 0) onLine(this.#line.take().toString('utf8'));
  }

  get pending(): boolean {
    return this.#line.bytes > 0;
  }

  #keep(piece: Buffer): void {
    // A copy of the first piece: the chunk it lies in may be 64 KiB, held for a few bytes.
    this.#line.push(this.#line.bytes === 0 ? Buffer.from(piece) : piece);
  }
}

/** One sandbox's way into its log stream, and the tail of the current invocation's log when it was asked for. */
export class LogCapture {
  readonly #writer: LogStreamWriter;
  readonly #onAppend: () => void;
  readonly #keeps: LineFilter | null;
  readonly #stdout = new LineCutter();
  readonly #stderr = new LineCutter();
  #tail: string[] | null = null;
  #tailBytes = 0;
  /** Sees every event: extensions may have subscribed to them. */
  tap: ((timestampMs: number, text: string, source: LogSource) => void) | null = null;

  /** `keeps`: which lines of raw output are logged; null for all. */
  constructor(writer: LogStreamWriter, onAppend: () => void, keeps: LineFilter | null = null) {
    this.#writer = writer;
    this.#onAppend = onAppend;
    this.#keeps = keeps;
  }

  /** Raw bytes of standard output or error: one event a line. */
  raw(stream: 'stdout' | 'stderr', bytes: Buffer, nowMs: number): void {
    const cutter = stream === 'stdout' ? this.#stdout : this.#stderr;
    cutter.push(bytes, (line) => this.#line(nowMs, line));
  }

  /** One event, newlines included; longer ones than CloudWatch Logs takes are split by the store and here alike. */
  event(timestampMs: number, text: string, source: LogSource = 'function'): void {
    this.#append(timestampMs, text, source);
  }

  /** Unfinished lines become events: at the end of an invocation, and when the box ends. */
  finish(nowMs: number): void {
    if (this.#stdout.pending) this.#stdout.flush((line) => this.#line(nowMs, line));
    if (this.#stderr.pending) this.#stderr.flush((line) => this.#line(nowMs, line));
  }

  /** From here on, keep the last 4 KiB. */
  startTail(): void {
    this.#tail = [];
    this.#tailBytes = 0;
  }

  /** The last 4 KiB since `startTail`, or null when it was not asked for. */
  takeTail(): Buffer | null {
    const tail = this.#tail;
    if (tail === null) return null;
    this.#tail = null;
    const bytes = Buffer.from(tail.join(''), 'utf8');
    return bytes.length <= limits.logTailBytesMax ? bytes : bytes.subarray(bytes.length - limits.logTailBytesMax);
  }

  #line(nowMs: number, line: string): void {
    if (this.#keeps === null || this.#keeps(line)) this.#append(nowMs, line);
  }

  #append(timestampMs: number, text: string, source: LogSource = 'function'): void {
    this.#writer.append(timestampMs, text);
    this.#onAppend();
    if (this.tap !== null) this.tap(timestampMs, text, source);
    const tail = this.#tail;
    if (tail === null) return;
    // An event that ends without newline must not run into the next one.
    const line = text.endsWith('\n') ? text : `${text}\n`;
    const kept = line.length > limits.logTailBytesMax ? line.slice(-limits.logTailBytesMax) : line;
    tail.push(kept);
    this.#tailBytes += kept.length;
    // UTF-16 length is at most the length in bytes: dropping by it never drops too much.
    while (tail.length > 1 && this.#tailBytes - tail[0]!.length >= limits.logTailBytesMax) {
      this.#tailBytes -= tail.shift()!.length;
    }
  }
}
