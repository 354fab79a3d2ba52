import type { Duplex } from 'node:stream';
import { FrameReader } from '../../channel.js';
import {
  BrokenLinkError,
  controlMessage,
  dataBytesMax,
  firstGuestStream,
  firstHostStream,
  frameHead,
  type LinkFrame,
  LinkFrameReader,
  linkFrame,
  linkStream,
} from './linkframes.js';
import { type LinkSender, LinkSocket, type LinkSocketState } from './linksocket.js';

export interface LinkEvents {
  onReport(type: number, body: Buffer): void;
  /** A program has connected to the Runtime API. */
  onConnection(socket: LinkSocket): void;
  /** Once: the link is over, and all its streams. */
  onEnd(reason: string): void;
}

export interface SwitchState {
  readonly sockets: readonly LinkSocketState[];
  readonly nextHostStream: number;
}

/** Connections at once, as in the agent; it never has more. */
const connectionsMax = 64;
/** Reports are a few bytes; the longest is an error's text. */
const reportBytesMax = 4096;
/** Bodies up to this size are copied behind their head: one buffer is cheaper than two. */
const copiedBytesMax = 16 * 1024;

/** Streams over one byte channel: knows frames and credit, nothing of what the streams are for. */
export class LinkSwitch implements LinkSender {
  readonly #port: Duplex;
  readonly #events: LinkEvents;
  readonly #sockets = new Map<number, LinkSocket>();
  readonly #opening = new Map<number, (opened: boolean) => void>();
  readonly #frames = new LinkFrameReader((type, stream, body) => this.#frame(type, stream, body));
  readonly #reports = new FrameReader((type, body) => this.#events.onReport(type, body), reportBytesMax);
  #deferred: Buffer[] = [];
  #nextHostStream = firstHostStream;
  #awake: boolean;
  #over = false;
  readonly channel: LinkSocket;
  readonly stdout: LinkSocket;
  readonly stderr: LinkSocket;
  readonly extensions: LinkSocket;

  /** With a state: the saved link, asleep until `wake`. */
  constructor(port: Duplex, events: LinkEvents, state: SwitchState | null = null) {
    this.#port = port;
    this.#events = events;
    this.#awake = state === null;
    this.channel = this.#add(linkStream.channel, true, true);
    this.stdout = this.#add(linkStream.stdout, false, false);
    this.stderr = this.#add(linkStream.stderr, false, false);
    this.extensions = this.#add(linkStream.extensions, false, false);
    port.on('data', (chunk: Buffer) => this.#receive(chunk));
    port.on('error', (error) => this.end(error.message));
    port.on('close', () => this.end('the machine ended'));
    if (state === null) return;
    this.#nextHostStream = state.nextHostStream;
    for (const saved of state.sockets) this.#revive(saved);
  }

  get awake(): boolean {
    return this.#awake && !this.#over;
  }

  /** Nothing is sent until `wake`: the guest has been told to be quiet. */
  sleep(): void {
    this.#awake = false;
  }

  wake(): void {
    if (this.#over) return;
    this.#awake = true;
    for (const frame of this.#deferred.splice(0)) this.#port.write(frame);
    for (const socket of this.#sockets.values()) socket.flush();
  }

  /** Rejects with DriverError while something is on its way. */
  state(): SwitchState {
    // A connection from outside has no owner in another process.
    const saved = [...this.#sockets.values()].filter(({ id }) => id < firstGuestStream || id % 2 === 0);
    return { sockets: saved.map((socket) => socket.state()), nextHostStream: this.#nextHostStream };
  }

  request(type: number, body: Uint8Array): void {
    if (this.#over) return;
    const message = controlMessage(type, body);
    for (let at = 0; at < message.length; at += dataBytesMax) {
      this.#write(linkFrame.data, linkStream.control, message.subarray(at, at + dataBytesMax));
    }
  }

  /** Resolves with null when nobody listens there. */
  connect(port: number): Promise<LinkSocket | null> {
    if (this.#sockets.size >= connectionsMax) return Promise.resolve(null);
    const id = this.#nextHostStream;
    this.#nextHostStream += 2;
    const socket = this.#add(id, true, false);
    return new Promise((resolve) => {
      this.#opening.set(id, (opened) => resolve(opened ? socket : null));
      this.send(linkFrame.open, id, Buffer.from([port & 0xff, port >> 8]));
    });
  }

  send(type: LinkFrame, stream: number, body: Uint8Array): void {
    if (this.#over) return;
    // Data wait in their streams; what ends or opens one is small and happens at most once a stream.
    if (!this.#awake) this.#deferred.push(Buffer.concat([frameHead(type, stream, body.length), body]));
    else this.#write(type, stream, body);
  }

  gone(socket: LinkSocket): void {
    if (this.#sockets.get(socket.id) === socket) this.#sockets.delete(socket.id);
    this.#opened(socket.id, false);
  }

  /** The machine is gone, or must go: every stream ends. */
  end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#deferred = [];
    for (const socket of [...this.#sockets.values()]) {
      // What was printed can still be read; conversations are over.
      if (socket.id === linkStream.channel || socket.id >= firstGuestStream) socket.receiveReset();
      else socket.receiveEnd();
    }
    this.#port.destroy();
    this.#events.onEnd(reason);
  }

  #add(id: number, writable: boolean, remembers: boolean): LinkSocket {
    const socket = new LinkSocket(this, id, { writable, remembers });
    // Whoever uses it may listen too; an error must not end the worker.
    socket.on('error', () => {});
    this.#sockets.set(id, socket);
    return socket;
  }

  #revive(saved: LinkSocketState): void {
    const existing = this.#sockets.get(saved.id);
    const socket = existing ?? this.#add(saved.id, true, true);
    socket.become(saved);
    if (existing === undefined) this.#events.onConnection(socket);
  }

  #write(type: LinkFrame, stream: number, body: Uint8Array): void {
    const head = frameHead(type, stream, body.length);
    if (body.length <= copiedBytesMax) {
      this.#port.write(Buffer.concat([head, body]));
      return;
    }
    this.#port.cork();
    this.#port.write(head);
    this.#port.write(body);
    this.#port.uncork();
  }

  #receive(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#frames.push(chunk);
    } catch (error) {
      this.end(error instanceof Error ? error.message : String(error));
    }
  }

  #opened(id: number, opened: boolean): void {
    const tell = this.#opening.get(id);
    this.#opening.delete(id);
    tell?.(opened);
  }

  #frame(type: LinkFrame, stream: number, body: Buffer): void {
    if (this.#over) return;
    if (stream === linkStream.control) {
      if (type === linkFrame.data) this.#reports.push(body);
      return;
    }
    if (type === linkFrame.open) {
      this.#accept(stream);
      return;
    }
    const socket = this.#sockets.get(stream);
    if (socket === undefined) return; // It is over here, and the guest will know.
    if (type === linkFrame.data) socket.receive(body);
    else if (type === linkFrame.credit) {
      if (body.length !== 4) throw new BrokenLinkError('a wrong credit');
      socket.receiveCredit(body.readUInt32LE(0));
    } else if (type === linkFrame.end) socket.receiveEnd();
    else if (type === linkFrame.opened) this.#opened(stream, true);
    else if (type === linkFrame.reset) {
      this.#opened(stream, false);
      socket.receiveReset();
    }
  }

  #accept(stream: number): void {
    if (stream < firstGuestStream || stream % 2 === 1 || this.#sockets.has(stream)) {
      throw new BrokenLinkError(`a new stream ${stream}`);
    }
    if (this.#sockets.size > connectionsMax + firstGuestStream) throw new BrokenLinkError('too many connections');
    this.#events.onConnection(this.#add(stream, true, true));
  }
}
