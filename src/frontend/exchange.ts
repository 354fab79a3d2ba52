import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ApiFailure } from '../kernel/errors.js';
import type { RequestId } from '../kernel/ids.js';
import { kib, minuteMs, secondMs } from '../kernel/units.js';
import type { Caller } from '../wire/caller.js';
import type { BodyBudget } from './bodybudget.js';
import { type FailureText, failureText, type Protocol } from './failures.js';
import { headerOf } from './signature/canonical.js';
import type { SignedRequest } from './signature/sigv4.js';

/** How long a refused client may go on sending (and be ignored) before its connection is cut. */
const lingerMs = 5 * secondMs;
/** A client that does not take a large answer within this time loses its connection, and we the memory. */
const takeMsMax = 2 * minuteMs;
/** Answers up to this size fit the socket's buffers: nothing to watch. */
const watchedBytesMin = 64 * kib;

/** Bodies up to this size leave in one text with the headers. Beyond it, copying costs more. */
const mergedBytesMax = 16 * kib;

export const emptyBody = Buffer.alloc(0);

/** One request and its answer. Answering twice, or after the client left, does nothing. */
export class Exchange implements SignedRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly requestId: RequestId;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly rawHeaders: readonly string[];
  readonly arrivedMs: number;
  protocol: Protocol = 'rest-json';
  /** Set before a handler sees the exchange, unless its endpoint is open to everyone. */
  caller: Caller | null = null;
  body: Buffer = emptyBody;
  pathParameters: Readonly<Record<string, string>> = {};
  readonly #budget: BodyBudget;
  #heldBytes = 0;
  #answered = false;

  constructor(req: IncomingMessage, res: ServerResponse, budget: BodyBudget, nowMs: number) {
    this.req = req;
    this.res = res;
    this.requestId = randomUUID() as RequestId;
    this.method = req.method as string;
    const url = req.url as string;
    const mark = url.indexOf('?');
    this.path = mark < 0 ? url : url.slice(0, mark);
    this.query = mark < 0 ? '' : url.slice(mark + 1);
    this.rawHeaders = req.rawHeaders;
    this.arrivedMs = nowMs;
    this.#budget = budget;
  }

  get answered(): boolean {
    return this.#answered;
  }

  get sendsBody(): boolean {
    return this.announcedBytes !== 0;
  }

  /** Length of the body as announced by the client: 0 without any; null when it sends chunks. */
  get announcedBytes(): number | null {
    // Not `req.headers`: that would make an object of all headers, on every request.
    const length = headerOf(this.rawHeaders, 'content-length');
    // node:http has checked that it is a number.
    if (length !== null) return Number(length);
    return headerOf(this.rawHeaders, 'transfer-encoding') === null ? 0 : null;
  }

  /** False: the budget of all requests is used up. */
  hold(bytes: number): boolean {
    if (!this.#budget.take(bytes)) return false;
    this.#heldBytes += bytes;
    return true;
  }

  /** The body is not needed any more. */
  release(): void {
    if (this.#heldBytes > 0) {
      this.#budget.give(this.#heldBytes);
      this.#heldBytes = 0;
    }
    this.body = emptyBody;
  }

  /** `headers`: names and values in turn, without Content-Length and x-amzn-RequestId. `body` null: none (204). */
  answer(status: number, headers: string[], body: string | Uint8Array | null): void {
    if (this.#answered) return;
    this.#answered = true;
    this.release();
    const { res } = this;
    if (res.destroyed) return;
    headers.push('x-amzn-RequestId', this.requestId);
    if (body === null) {
      if (status !== 204) headers.push('Content-Length', '0');
      res.writeHead(status, headers);
      res.end();
      return;
    }
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    headers.push('Content-Length', String(length));
    res.writeHead(status, headers);
    if (this.method === 'HEAD') res.end();
    else if (Buffer.isBuffer(body) && length <= mergedBytesMax) endMerged(res, body);
    else res.end(body);
    if (length >= watchedBytesMin) this.watch();
  }

  /**
   * Sends status and headers now; the caller writes the body, in chunks, ends it, and calls `release` and `watch`. Null:
   * already answered, or the client has gone.
   */
  begin(status: number, headers: string[]): ServerResponse | null {
    if (this.#answered) return null;
    this.#answered = true;
    const { res } = this;
    if (res.destroyed) return null;
    headers.push('x-amzn-RequestId', this.requestId);
    res.writeHead(status, headers);
    res.flushHeaders();
    return res;
  }

  fail(failure: ApiFailure): void {
    const text = failureText(this.protocol, failure, this.requestId);
    const headers = ['Content-Type', text.contentType, 'x-amzn-ErrorType', failure.code];
    for (const [name, value] of Object.entries(failure.headers ?? {})) headers.push(name, value);
    this.answer(text.status, headers, text.body);
  }

  /**
   * Refuses before the body has been read. A connection closed on a client that is still sending would lose the answer
   * on its way, so what still comes is taken and thrown away for a while; then the connection goes.
   */
  refuse(failure: ApiFailure): void {
    if (this.req.complete || !this.sendsBody) {
      this.fail(failure);
      return;
    }
    if (this.#answered) return;
    this.#answered = true;
    this.release();
    const { req, res } = this;
    if (res.destroyed) return;
    const text: FailureText = failureText(this.protocol, failure, this.requestId);
    const headers = ['Content-Type', text.contentType, 'x-amzn-ErrorType', failure.code, 'Connection', 'close'];
    headers.push('x-amzn-RequestId', this.requestId, 'Content-Length', String(Buffer.byteLength(text.body)));
    res.writeHead(text.status, headers);
    res.write(text.body);
    const end = () => {
      clearTimeout(timer);
      req.off('end', end).off('close', end);
      res.end(() => req.socket.destroy());
    };
    const timer = setTimeout(end, lingerMs);
    req.removeAllListeners('data');
    req.on('end', end).on('close', end).resume();
  }

  /** Cuts a connection whose client does not take what it was sent. */
  watch(): void {
    const { req, res } = this;
    const timer = setTimeout(() => req.socket.destroy(), takeMsMax);
    timer.unref();
    const done = () => clearTimeout(timer);
    res.once('finish', done).once('close', done);
  }
}

/**
 * Ends an answer whose headers wait to be sent. node:http would make a list of them, the body and nothing, and a
 * `writev` of that list: a `write` of one text (a character a byte) costs 5 µs less. It keeps the headers' text in a
 * property that is not documented; should that ever be otherwise, the body goes the usual way.
 */
function endMerged(res: ServerResponse, body: Buffer): void {
  const text = body.toString('latin1');
  const inner = res as { _header?: unknown };
  if (typeof inner._header !== 'string') {
    res.end(text, 'latin1');
    return;
  }
  inner._header += text;
  res.end();
}
