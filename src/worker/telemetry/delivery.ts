import { request } from 'node:http';
import type { BoxSocket } from '../sandbox/driver.js';
import type { Destination } from './subscription.js';

/** Brings batches to one subscriber, inside its sandbox's network. One delivery at a time. */
export class Delivery {
  readonly #destination: Destination;
  readonly #connect: (port: number) => Promise<BoxSocket>;
  /** The TCP subscriber's, or the one of the HTTP request in progress. */
  #socket: BoxSocket | null = null;
  #closed = false;

  constructor(destination: Destination, connect: (port: number) => Promise<BoxSocket>) {
    this.#destination = destination;
    this.#connect = connect;
  }

  /**
   * Resolves when the subscriber has them: its answer (HTTP), or all is written (TCP). No deadline: a frozen sandbox
   * answers when it runs again, and a subscriber that does not is one whose events are dropped meanwhile.
   */
  async deliver(events: readonly string[]): Promise<void> {
    const destination = this.#destination;
    if (destination.kind === 'http') await this.#post(destination, `[${events.join(',')}]`);
    else await this.#write(`${events.join('\n')}\n`, destination.port);
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
  }

  async #open(port: number): Promise<BoxSocket> {
    const socket = await this.#connect(port);
    if (this.#closed) {
      socket.destroy();
      throw new Error('the sandbox ends');
    }
    socket.setNoDelay(true);
    socket.on('error', () => {}); // Shows as `close`.
    this.#socket = socket;
    return socket;
  }

  async #post({ host, port, path, method }: Extract<Destination, { kind: 'http' }>, body: string): Promise<void> {
    const socket = await this.#open(port);
    await new Promise<void>((resolve, reject) => {
      const sent = request(
        {
          createConnection: () => socket,
          method,
          path,
          headers: {
            Host: host,
            'Content-Type': 'application/json',
            'Content-Length': Buffer.byteLength(body),
            Connection: 'close',
          },
        },
        (response) => {
          response.resume();
          response.once('error', reject);
          const status = response.statusCode ?? 0;
          response.once('end', () => (status < 300 ? resolve() : reject(new Error(`status ${status}`))));
        },
      );
      sent.once('error', reject);
      sent.end(body);
    });
    socket.destroy();
  }

  async #write(text: string, port: number): Promise<void> {
    const socket = this.#socket === null || this.#socket.destroyed ? await this.#open(port) : this.#socket;
    await new Promise<void>((resolve, reject) => {
      const cut = () => reject(new Error('the connection closed'));
      socket.once('close', cut);
      socket.write(text, (error) => {
        socket.off('close', cut);
        if (error) reject(error);
        else resolve();
      });
    });
  }
}
