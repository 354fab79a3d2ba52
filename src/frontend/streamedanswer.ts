import type { ServerResponse } from 'node:http';
import { kib } from '../kernel/units.js';
import type { Exchange } from './exchange.js';
import { type Bandwidth, Pace } from './pace.js';

/**
 * Bytes of one streamed answer that wait for its client, beyond which its writer is told to stop. What the writer had in
 * hand comes on top: one read of a socket, 64 KiB at most. Not below the 64 KiB from which node:http tells of a drain.
 */
export const streamHeldBytesMax = 64 * kib;
/** A whole payload is cut into pieces of this size. */
export const pieceBytesMax = 64 * kib;

/**
 * An HTTP answer whose body leaves as it is made, in chunks. Slow clients and the bandwidth hold back the writer; for a
 * client that has gone everything is taken and thrown away.
 */
export class StreamedAnswer {
  /** Called when the writer may go on after a `write` that answered false. */
  onDrain: (() => void) | null = null;
  readonly #exchange: Exchange;
  readonly #pace: Pace | null;
  #res: ServerResponse | null = null;
  #began = false;
  #waiting: NodeJS.Timeout | null = null;

  constructor(exchange: Exchange, bandwidth: Bandwidth | null) {
    this.#exchange = exchange;
    this.#pace = bandwidth === null ? null : new Pace(bandwidth, performance.now());
  }

  get began(): boolean {
    return this.#began;
  }

  /** Status and headers (names and values in turn) leave now. */
  begin(status: number, headers: string[]): void {
    this.#began = true;
    const res = this.#exchange.begin(status, headers);
    if (res === null) return;
    this.#res = res;
    res.on('drain', () => this.#drained());
    res.on('error', () => this.#gone());
    res.on('close', () => this.#gone());
  }

  /** False: stop until `onDrain`. */
  write(bytes: Uint8Array): boolean {
    const res = this.#res;
    if (res === null || res.destroyed) return true;
    const waitMs = this.#pace?.spend(bytes.length, performance.now()) ?? 0;
    res.write(bytes);
    if (waitMs > 0 && this.#waiting === null) {
      this.#waiting = setTimeout(() => {
        this.#waiting = null;
        this.#drained();
      }, waitMs);
    }
    return this.#waiting === null && res.writableLength < streamHeldBytesMax;
  }

  /** Writes all of it, as fast as the client and the bandwidth allow, then calls `done`. `framed` makes the bytes that leave. */
  writeAll(payload: Buffer, framed: (piece: Buffer) => Uint8Array, done: () => void): void {
    let at = 0;
    const more = () => {
      while (at < payload.length) {
        const piece = payload.subarray(at, at + pieceBytesMax);
        at += piece.length;
        if (!this.write(framed(piece)) && at < payload.length) return;
      }
      this.onDrain = null;
      done();
    };
    this.onDrain = more;
    more();
  }

  end(last?: Uint8Array): void {
    const res = this.#res;
    this.onDrain = null;
    this.#exchange.release();
    if (res === null || res.destroyed) return;
    res.end(last);
    this.#exchange.watch();
  }

  #drained(): void {
    if (this.#waiting === null && (this.#res?.writableLength ?? 0) < streamHeldBytesMax) this.onDrain?.();
  }

  #gone(): void {
    if (this.#res === null) return;
    this.#res = null;
    if (this.#waiting !== null) clearTimeout(this.#waiting);
    this.#waiting = null;
    this.#exchange.release();
    this.onDrain?.();
  }
}
