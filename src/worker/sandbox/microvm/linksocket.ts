import { Duplex, type DuplexOptions } from 'node:stream';
import { DriverError } from '../driver.js';
import { BrokenLinkError, dataBytesMax, type LinkFrame, linkFrame, windowBytes } from './linkframes.js';

/** Bytes kept for a reader that does not read: less than half a window, so that the guest can always send more. */
const readBytesMax = 64 * 1024;
/** What a program said last is kept for a snapshot up to here; the longest such message is a request's head. */
const heardBytesMax = 64 * 1024;

/** One stream's state in a snapshot. */
export interface LinkSocketState {
  readonly id: number;
  /** Bytes that may be sent to the guest. */
  readonly credit: number;
  /** Bytes received that the guest has no new credit for. */
  readonly owed: number;
  readonly sentEnd: boolean;
  readonly gotEnd: boolean;
  /** What came since the last write to it, base64. */
  readonly heard: string;
}

/** How a stream sends. False: not now, `flush` is called again when the link is awake. */
export interface LinkSender {
  readonly awake: boolean;
  send(type: LinkFrame, stream: number, body: Uint8Array): void;
  gone(socket: LinkSocket): void;
}

export interface LinkSocketOptions {
  /** False: only from the guest. */
  readonly writable: boolean;
  /** What comes is kept until it is answered, so that a restored sandbox is heard again. */
  readonly remembers: boolean;
}

/** One stream of the guest link, as Node knows streams. */
export class LinkSocket extends Duplex {
  readonly id: number;
  readonly #sender: LinkSender;
  readonly #remembers: boolean;
  #credit = windowBytes;
  #owed = 0;
  #waiting: { chunk: Buffer; sent: number; done: (error?: Error | null) => void } | null = null;
  #ending: (() => void) | null = null;
  #sentEnd: boolean;
  #gotEnd = false;
  #heard: Buffer[] = [];
  #heardBytes = 0;

  constructor(sender: LinkSender, id: number, { writable, remembers }: LinkSocketOptions) {
    // Its types do not know `writable`.
    super({ allowHalfOpen: false, readableHighWaterMark: readBytesMax, writable } as DuplexOptions);
    this.id = id;
    this.#sender = sender;
    this.#remembers = remembers;
    this.#sentEnd = !writable;
  }

  /** As sockets have it; frames are never held back. */
  setNoDelay(): this {
    return this;
  }

  /** Whether something written is not sent yet. */
  get busy(): boolean {
    return this.#waiting !== null || this.#ending !== null || this.writableLength > 0;
  }

  /** Data from the guest. Throws BrokenLinkError when it sends what it has no credit for. */
  receive(bytes: Buffer): void {
    if (this.#gotEnd || this.destroyed) return;
    this.#owed += bytes.length;
    // Whoever is in the guest cannot make us keep more.
    if (this.#owed > windowBytes) throw new BrokenLinkError('more data than there was credit for');
    if (this.#remembers && this.#heardBytes <= heardBytesMax) {
      this.#heardBytes += bytes.length;
      if (this.#heardBytes > heardBytesMax) this.#heard = [];
      else this.#heard.push(Buffer.from(bytes)); // A slice would hold on to all that came with it.
    }
    this.push(bytes);
  }

  receiveEnd(): void {
    if (this.#gotEnd || this.destroyed) return;
    this.#gotEnd = true;
    this.push(null);
  }

  /** The guest has ended it in both directions. */
  receiveReset(): void {
    this.#gotEnd = true;
    this.#sentEnd = true;
    this.destroy();
  }

  receiveCredit(bytes: number): void {
    this.#credit += bytes;
    this.flush();
  }

  /** Sends what may be sent. */
  flush(): void {
    const waiting = this.#waiting;
    if (!this.#sender.awake || this.destroyed) return;
    if (waiting !== null) {
      while (this.#credit > 0 && waiting.sent < waiting.chunk.length) {
        const bytes = Math.min(this.#credit, dataBytesMax, waiting.chunk.length - waiting.sent);
        this.#sender.send(linkFrame.data, this.id, waiting.chunk.subarray(waiting.sent, waiting.sent + bytes));
        waiting.sent += bytes;
        this.#credit -= bytes;
      }
      if (waiting.sent < waiting.chunk.length) return;
      this.#waiting = null;
      waiting.done();
    }
    const ending = this.#ending;
    if (ending === null || this.#waiting !== null) return;
    this.#ending = null;
    if (!this.#sentEnd) this.#sender.send(linkFrame.end, this.id, Buffer.alloc(0));
    this.#sentEnd = true;
    ending();
  }

  /** Rejects with DriverError what cannot be saved. */
  state(): LinkSocketState {
    if (this.busy) throw new DriverError('a snapshot is not possible while the sandbox has yet to read something');
    if (this.#heardBytes > heardBytesMax) {
      throw new DriverError(`a snapshot is not possible after more than ${heardBytesMax} bytes without an answer`);
    }
    const { id } = this;
    const heard = Buffer.concat(this.#heard).toString('base64');
    return { id, credit: this.#credit, owed: this.#owed, sentEnd: this.#sentEnd, gotEnd: this.#gotEnd, heard };
  }

  /** Becomes the saved stream, of which nobody has heard anything yet. */
  become({ credit, owed, sentEnd, gotEnd, heard }: LinkSocketState): void {
    this.#credit = credit;
    this.#sentEnd ||= sentEnd;
    const bytes = Buffer.from(heard, 'base64');
    this.#heardBytes = bytes.length;
    if (bytes.length > 0) {
      this.#heard = [bytes];
      this.push(bytes);
    }
    // After `push`, which makes room only for what it brings itself: those bytes are the same ones.
    this.#owed = owed;
    if (gotEnd) this.receiveEnd();
    if (sentEnd && this.writable) this.end();
  }

  override _read(): void {
    this.#pay();
  }

  #pay(): void {
    const taken = this.#owed - this.readableLength;
    if (taken < windowBytes / 2 || !this.#sender.awake || this.#gotEnd || this.destroyed) return;
    const credit = Buffer.alloc(4);
    credit.writeUInt32LE(taken);
    this.#owed -= taken;
    this.#sender.send(linkFrame.credit, this.id, credit);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#heard = [];
    this.#heardBytes = 0;
    this.#waiting = { chunk, sent: 0, done };
    this.flush();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#ending = done;
    this.flush();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const over = this.#sentEnd && this.#gotEnd;
    this.#waiting?.done(new DriverError('the connection is closed'));
    this.#waiting = null;
    this.#ending?.();
    this.#ending = null;
    this.#heard = [];
    if (!over) this.#sender.send(linkFrame.reset, this.id, Buffer.alloc(0));
    this.#sender.gone(this);
    done(error);
  }
}
