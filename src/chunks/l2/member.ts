import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mib, secondMs } from '../../kernel/units.js';
import { isSigned } from './signature.js';
import { bodyBytesMax, checksumsOf, decodeStripes } from './stripes.js';
import type { StripeStore } from './stripestore.js';

export interface MemberOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Shared by workers and members of a zone; at least 16 bytes. */
  readonly secret: Buffer;
  readonly store: StripeStore;
}

/** What a member tells of itself at `/v1/status`. */
export interface MemberStatus {
  readonly chunks: number;
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly puts: number;
  readonly evictions: number;
}

const pathPattern = /^\/v1\/chunks\/([0-9a-f]{64})$/;
/** Bodies being received at the same time, together; what is beyond is refused (503), as a cache may. */
const receivingBytesMax = 64 * mib;
/** A request of at most 660 KiB at 1 Mbit/s. */
const requestMsMax = 10 * secondMs;
/** Longer than a worker's connections rest (`memberclient.ts`), so that the worker is the one to close. */
const restMsMax = 60 * secondMs;
/** Some 40 workers with all their connections. */
const connectionsMax = 1_024;

/**
 * A member of L2: keeps whatever stripes it is given until there is no more room. It sees names and fifths of ciphertexts,
 * never a key, and it is believed in nothing: whoever reads checks every stripe and the whole.
 */
export class CacheMember {
  readonly #options: MemberOptions;
  readonly #server: Server;
  #receivingBytes = 0;
  #hits = 0;
  #misses = 0;
  #puts = 0;

  private constructor(options: MemberOptions) {
    this.#options = options;
    this.#server = createServer(
      { keepAliveTimeout: restMsMax, requestTimeout: requestMsMax, headersTimeout: requestMsMax, noDelay: true },
      (request, response) => {
        response.on('error', () => {});
        request.on('error', () => {});
        this.#serve(request, response).catch(() => answer(response, 500));
      },
    );
    this.#server.maxConnections = connectionsMax;
  }

  /** Rejects when the address cannot be had. */
  static async listen(options: MemberOptions): Promise<CacheMember> {
    const member = new CacheMember(options);
    await new Promise<void>((resolve, reject) => {
      member.#server.once('error', reject);
      member.#server.listen(options.port, options.host, resolve);
    });
    return member;
  }

  get url(): URL {
    const { address, port, family } = this.#server.address() as AddressInfo;
    return new URL(`http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
  }

  status(): MemberStatus {
    const { count, bytes, evictions } = this.#options.store;
    return { chunks: count, bytes, hits: this.#hits, misses: this.#misses, puts: this.#puts, evictions };
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const name = pathPattern.exec(url)?.[1];
    if (name === undefined && url !== '/v1/status') return answer(response, 404);
    if (method === 'PUT' && name !== undefined) return await this.#take(request, response, name);
    if (method !== 'GET') return answer(response, 405);
    if (!this.#may(request, Buffer.alloc(0))) return answer(response, 401);
    if (name === undefined) return answer(response, 200, Buffer.from(JSON.stringify(this.status())));
    const body = await this.#options.store.get(name);
    if (body === null) this.#misses += 1;
    else this.#hits += 1;
    answer(response, body === null ? 404 : 200, body);
  }

  async #take(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
    const length = Number(request.headers['content-length'] ?? Number.NaN);
    if (!(length > 0 && length <= bodyBytesMax)) return refuse(request, response, 413);
    if (this.#receivingBytes + length > receivingBytesMax) return refuse(request, response, 503);
    this.#receivingBytes += length;
    try {
      const body = Buffer.allocUnsafeSlow(length);
      let filled = 0;
      for await (const piece of request as AsyncIterable<Buffer>) filled += piece.copy(body, filled);
      if (filled < length) return;
      // Signed are the checksums: they hold for the body only once it has been read through.
      const { stripes, broken } = decodeStripes(name, body);
      if (!this.#may(request, checksumsOf(body))) return answer(response, 401);
      if (broken || stripes.length === 0) return answer(response, 400);
      await this.#options.store.put(name, body);
      this.#puts += 1;
      answer(response, 204);
    } finally {
      this.#receivingBytes -= length;
    }
  }

  #may(request: IncomingMessage, digest: Buffer): boolean {
    const { method = '', url = '', headers } = request;
    return isSigned(this.#options.secret, { method, path: url, digest }, headers.authorization, Date.now());
  }
}

function answer(response: ServerResponse, status: number, body: Buffer | null = null): void {
  if (response.headersSent) return;
  const headers: Record<string, string | number> = status === 204 ? {} : { 'content-length': body?.length ?? 0 };
  response.writeHead(status, headers).end(body ?? undefined);
}

/** Without reading what comes. */
function refuse(request: IncomingMessage, response: ServerResponse, status: number): void {
  response.shouldKeepAlive = false;
  answer(response, status);
  response.once('finish', () => request.destroy());
}
