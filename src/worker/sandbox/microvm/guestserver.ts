import type { BoxServer, BoxSocket } from '../driver.js';

/** Stands for the server that listens inside: hands connections on, those too that came before anybody asked. */
export class GuestServer implements BoxServer {
  #listener: ((socket: BoxSocket) => void) | null = null;
  #early: BoxSocket[] = [];
  #closed = false;

  on(event: 'connection', listener: (socket: BoxSocket) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'connection' | 'error', listener: (argument: never) => void): this {
    if (event !== 'connection') return this; // It has no errors of its own.
    this.#listener = listener as (socket: BoxSocket) => void;
    for (const socket of this.#early.splice(0)) this.#listener(socket);
    return this;
  }

  removeAllListeners(): this {
    this.#listener = null;
    return this;
  }

  close(): void {
    this.#closed = true;
    for (const socket of this.#early.splice(0)) socket.destroy();
  }

  /** At most as many wait as the guest link has streams. */
  receive(socket: BoxSocket): void {
    if (this.#closed) socket.destroy();
    else if (this.#listener === null) this.#early.push(socket);
    else this.#listener(socket);
  }
}
