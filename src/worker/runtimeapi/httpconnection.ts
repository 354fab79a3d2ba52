import { kib, mib } from '../../kernel/units.js';
import type { BoxSocket } from '../sandbox/driver.js';
import { type BodyBudget, BodyReader, type BodyTarget, KeptBody } from './httpbody.js';
import { contentTypeOf, type HttpRequest, parseHead, type RequestHead } from './httprequest.js';

/** A body that is read as it arrives instead of being kept. */
export interface StreamTarget extends BodyTarget {
  /** The whole body has been handed on: answers the request, now or later. */
  complete(): void;
}

export interface HttpEvents {
  /** A whole request, to be answered. */
  onRequest(request: HttpRequest, connection: HttpConnection): void;
  /** Whether bodies are to be read as they come although their heads do not ask for it. */
  readonly streams: boolean;
  /** A body may be read as it comes. Null: it is kept like any other. */
  onStream(head: RequestHead, contentType: string | null, connection: HttpConnection): StreamTarget | null;
  onClose(connection: HttpConnection): void;
}

/** A request line with headers. AWS's clients send the trace of an error as one, of up to 1 MiB; the rest is small. */
const headBytesMax = mib + 32 * kib;
/** Pipelined requests wait unread in the kernel beyond this. */
const waitingBytesMax = 64 * kib;
const reasons: Readonly<Record<number, string>> = {
  200: 'OK',
  202: 'Accepted',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Payload Too Large',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  505: 'HTTP Version Not Supported',
};
/**
 * Payloads up to this size leave in one text with the head, a character a byte: one `write`, for which nothing is encoded.
 * Beyond it (what node:net writes without allocating) copying costs more than a second piece.
 */
const mergedBytesMax = 15 * kib;
const continueLine = 'HTTP/1.1 100 Continue\r\n\r\n';
const empty = Buffer.alloc(0);

/**
 * One HTTP/1.1 connection of a sandbox to its Runtime API, hand-written because this is the hot path of every runtime
 * that is not ours: keep-alive, pipelining (answered in order, one at a time), chunked bodies, `Expect`, HTTP/1.0.
 */
export class HttpConnection {
  readonly #socket: BoxSocket;
  readonly #budget: BodyBudget;
  readonly #events: HttpEvents;
  #waiting: Buffer = empty;
  #head: HttpRequest | null = null;
  #body: BodyReader | null = null;
  #kept: KeptBody | null = null;
  #stream: StreamTarget | null = null;
  /** A request was handed on and is not answered. */
  #open = false;
  #keepAlive = true;
  #parsing = false;
  #paused = false;
  closed = false;

  constructor(socket: BoxSocket, budget: BodyBudget, events: HttpEvents) {
    this.#socket = socket;
    this.#budget = budget;
    this.#events = events;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.closed = true;
      (this.#stream ?? this.#kept)?.cut();
      events.onClose(this);
    });
  }

  /** Answers the request that is open. `head`: further header lines in ASCII, each with its line end. */
  answer(status: number, head: string, payload: Buffer | string): void {
    if (this.closed || !this.#open) return;
    this.#open = false;
    const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
    const lines = `HTTP/1.1 ${status} ${reasons[status] ?? 'Unknown'}\r\n${head}Content-Type: application/json\r\nContent-Length: ${length}\r\n${this.#keepAlive ? '' : 'Connection: close\r\n'}\r\n`;
    if (typeof payload === 'string') this.#socket.write(lines + payload);
    else if (length <= mergedBytesMax) this.#socket.write(lines + payload.toString('latin1'), 'latin1');
    else {
      this.#socket.cork();
      this.#socket.write(lines);
      this.#socket.write(payload);
      this.#socket.uncork();
    }
    if (!this.#keepAlive) this.#socket.end();
    else if (!this.#parsing && this.#waiting.length > 0) this.#parse(empty);
  }

  /** Stops reading, so that the sender must wait, until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #data(chunk: Buffer): void {
    if (this.#open) {
      this.#waiting = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
      if (this.#waiting.length > waitingBytesMax) {
        this.#paused = true;
        this.#socket.pause();
      }
      return;
    }
    this.#parse(chunk);
  }

  #parse(chunk: Buffer): void {
    this.#parsing = true;
    let bytes = chunk;
    if (this.#waiting.length > 0) {
      bytes = chunk.length === 0 ? this.#waiting : Buffer.concat([this.#waiting, chunk]);
      this.#waiting = empty;
    }
    let at = 0;
    while (!this.#open && this.#keepAlive) {
      if (this.#head === null) {
        const end = this.#readHead(bytes, at);
        if (end < 0) break;
        at = end;
      }
      const body = this.#body!;
      const head = this.#head!;
      at = body.push(bytes, at);
      if (at < 0) {
        this.#socket.destroy();
        return;
      }
      if (!body.done) break;
      const kept = this.#kept;
      const stream = this.#stream;
      this.#head = null;
      this.#body = null;
      this.#kept = null;
      this.#stream = null;
      this.#open = true;
      this.#keepAlive = head.keepAlive;
      if (kept === null) stream?.complete();
      else {
        head.payloadBytes = kept.bytes;
        head.payload = kept.take();
        this.#events.onRequest(head, this);
      }
    }
    this.#parsing = false;
    if (at < bytes.length) this.#waiting = at === 0 ? bytes : bytes.subarray(at);
    if (this.#paused && !this.#open) {
      this.#paused = false;
      this.#socket.resume();
    }
  }

  /** Returns the position behind the head, or -1: incomplete, or refused and the connection closing. */
  #readHead(bytes: Buffer, from: number): number {
    let at = from;
    // Empty lines before a request line are to be ignored (RFC 9112, 2.2).
    while (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) at += 2;
    if (at >= bytes.length) return -1;
    const end = bytes.indexOf('\r\n\r\n', at, 'latin1');
    if (end < 0 || end - at > headBytesMax) {
      if (bytes.length - at > headBytesMax) this.#refuse(431);
      return -1;
    }
    const text = bytes.toString('latin1', at, end);
    const head = parseHead(text);
    if ('status' in head) {
      this.#refuse(head.status);
      return -1;
    }
    this.#head = head;
    this.#stream =
      head.responseMode === 'streaming' || this.#events.streams
        ? this.#events.onStream(head, contentTypeOf(text), this)
        : null;
    this.#kept = this.#stream === null ? new KeptBody(this.#budget) : null;
    this.#body = new BodyReader(head.body, this.#stream ?? this.#kept!);
    if (head.expectsContinue) this.#socket.write(continueLine);
    return end + 4;
  }

  #refuse(status: number): void {
    this.#keepAlive = false;
    this.#open = true;
    this.answer(status, '', `{"errorMessage":"${reasons[status]}","errorType":"InvalidRequest"}`);
  }
}
