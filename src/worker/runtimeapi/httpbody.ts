import { limits } from '../../kernel/limits.js';
import { kib, mib } from '../../kernel/units.js';
import { ByteGather } from '../bytegather.js';

/** Bytes of a body that are kept; one more is counted and dropped, so that it can be seen as too large. */
const keptBytesMax = limits.syncResponseBytesMax;
/** A body is read to its end up to this size, so that its sender sees the 413; beyond it the connection is cut. */
export const bodyBytesMax = 32 * mib;
/** A chunk-size line with its extensions, or a trailer line that nobody reads. */
const lineBytesMax = 4 * kib;

/** Where a body's bytes go as they arrive. */
export interface BodyTarget {
  /** Longest trailer line. */
  readonly trailerBytesMax: number;
  /** False: too much, the connection is to be cut. */
  piece(bytes: Buffer): boolean;
  trailer(line: string): void;
  /** The connection ended before the body did. */
  cut(): void;
}

/** Bytes that the unfinished bodies of one sandbox may hold together; the connection that goes beyond is cut. */
export interface BodyBudget {
  leftBytes: number;
}

/** Two of the largest responses: one is all that an honest runtime ever sends at a time. */
export const budgetBytes = 2 * keptBytesMax;

/** Takes one request's body out of a byte stream and hands its bytes on. */
export class BodyReader {
  readonly #target: BodyTarget;
  /** Bytes of the current chunk (or of the whole body) still to come. */
  #left: number;
  readonly #chunked: boolean;
  #part: 'data' | 'data-end' | 'size' | 'trailer' | 'done';

  constructor(body: number | 'chunked', target: BodyTarget) {
    this.#target = target;
    this.#chunked = body === 'chunked';
    this.#left = body === 'chunked' ? 0 : body;
    this.#part = this.#chunked ? 'size' : this.#left === 0 ? 'done' : 'data';
  }

  get done(): boolean {
    return this.#part === 'done';
  }

  /**
   * Consumes from `at`; returns the position behind what it took, or -1 when the body is malformed or too large.
   * Bytes it leaves although not done must be offered again with more behind them.
   */
  push(bytes: Buffer, from: number): number {
    let at = from;
    while (this.#part !== 'done' && at < bytes.length) {
      if (this.#part === 'data') {
        const end = Math.min(at + this.#left, bytes.length);
        if (!this.#target.piece(bytes.subarray(at, end))) return -1;
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#part = this.#chunked ? 'data-end' : 'done';
        continue;
      }
      const end = bytes.indexOf('\r\n', at, 'latin1');
      const longest = this.#part === 'trailer' ? this.#target.trailerBytesMax : lineBytesMax;
      if (end < 0) return bytes.length - at > longest ? -1 : at;
      if (end - at > longest) return -1;
      const line = bytes.toString('latin1', at, end);
      at = end + 2;
      if (this.#part === 'data-end') {
        if (line !== '') return -1;
        this.#part = 'size';
      } else if (this.#part === 'size') {
        const size = /^([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?$/.exec(line)?.[1];
        if (size === undefined) return -1;
        this.#left = Number.parseInt(size, 16);
        this.#part = this.#left === 0 ? 'trailer' : 'data';
      } else if (line === '') this.#part = 'done';
      else this.#target.trailer(line);
    }
    return at;
  }
}

/** Keeps a body in memory, but no more of it than the largest response Lambda takes. */
export class KeptBody implements BodyTarget {
  readonly trailerBytesMax = lineBytesMax;
  readonly #kept = new ByteGather();
  readonly #budget: BodyBudget;
  /** All bytes of the body so far, kept or not. */
  bytes = 0;

  constructor(budget: BodyBudget) {
    this.#budget = budget;
  }

  piece(bytes: Buffer): boolean {
    this.bytes += bytes.length;
    if (this.bytes > bodyBytesMax) return false;
    if (this.bytes <= keptBytesMax) {
      this.#budget.leftBytes -= bytes.length;
      this.#kept.push(bytes);
    } else this.cut();
    return this.#budget.leftBytes >= 0;
  }

  trailer(): void {}

  take(): Buffer {
    this.#budget.leftBytes += this.#kept.bytes;
    return this.#kept.take();
  }

  /** Forgets what is kept. */
  cut(): void {
    this.#budget.leftBytes += this.#kept.bytes;
    this.#kept.clear();
  }
}
