import { Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { secondMs } from '../../kernel/units.js';
import { Breaker } from './breaker.js';
import type { Member } from './placement.js';
import { sign } from './signature.js';
import { bodyBytesMax, checksumsOf, type Decoded, decodeStripes } from './stripes.js';

/** `stripes`: intact ones, possibly fewer than there should be. `miss`: it has none. `none`: no usable answer. */
export type MemberAnswer =
  | { readonly kind: 'stripes'; readonly stripes: Decoded['stripes']; readonly broken: boolean }
  | { readonly kind: 'miss' }
  | { readonly kind: 'none' };

/** What became of the requests to one member. */
export interface MemberCounts {
  hits: number;
  misses: number;
  /** Stripes that were not what they should be. */
  broken: number;
  /** No answer, a late one, or an error. */
  failures: number;
  /** Not asked, because too many requests to it were under way. */
  skipped: number;
}

/** Connections to one member: enough for a restore's burst; requests beyond take turns on them. */
const connectionsMax = 24;
/** Requests to one member at the same time; one that answers nothing holds no more than this. */
const underwayMax = 128;
/** Shorter than a member's own, so that no request meets a connection that is being closed. */
const restMs = 30 * secondMs;

/** Talks to one member over connections that are kept, and knows whether that is worth it. Never rejects. */
export class MemberClient {
  readonly member: Member;
  readonly counts: MemberCounts = { hits: 0, misses: 0, broken: 0, failures: 0, skipped: 0 };
  readonly #breaker = new Breaker();
  readonly #secret: Buffer;
  readonly #agent = new Agent({
    keepAlive: true,
    maxSockets: connectionsMax,
    maxFreeSockets: connectionsMax,
    timeout: restMs,
    scheduling: 'lifo',
  });
  /** Requests under way, to end them when the breaker opens. */
  readonly #underway = new Set<AbortController>();

  constructor(member: Member, secret: Buffer) {
    this.member = member;
    this.#secret = secret;
  }

  get id(): string {
    return this.member.id;
  }

  /** Whether its breaker is open: it failed several times in a row. */
  get down(): boolean {
    return this.#breaker.open;
  }

  /** Whether a request would be sent now. `trial`: it is believed down, but one request may find out; send that one. */
  ask(nowMs: number): 'yes' | 'trial' | 'no' {
    return this.#breaker.ask(nowMs);
  }

  /** What it has of a chunk, within `deadlineMs`. `trial` as `ask` said. */
  async get(name: string, storedBytes: number, deadlineMs: number, trial: boolean): Promise<MemberAnswer> {
    const answer = await this.#send('GET', name, null, deadlineMs, trial);
    if (answer === null) return { kind: 'none' };
    if (answer.status === 404) {
      this.counts.misses += 1;
      return { kind: 'miss' };
    }
    const decoded = decodeStripes(name, answer.body);
    const stripes = decoded.stripes.filter((stripe) => stripe.storedBytes === storedBytes);
    const broken = decoded.broken || stripes.length < decoded.stripes.length;
    if (broken) this.counts.broken += 1;
    if (stripes.length > 0) this.counts.hits += 1;
    return { kind: 'stripes', stripes, broken };
  }

  /** Whether it took the stripes. */
  async put(name: string, body: Buffer, deadlineMs: number, trial: boolean): Promise<boolean> {
    return (await this.#send('PUT', name, body, deadlineMs, trial)) !== null;
  }

  /** It gave a stripe that is intact but no part of the chunk: as bad as no answer. */
  lied(nowMs: number): void {
    this.counts.broken += 1;
    this.#fail(nowMs, false);
  }

  close(): void {
    for (const one of this.#underway) one.abort();
    this.#agent.destroy();
  }

  async #send(
    method: 'GET' | 'PUT',
    name: string,
    body: Buffer | null,
    deadlineMs: number,
    trial: boolean,
  ): Promise<{ readonly status: number; readonly body: Buffer } | null> {
    if (this.#underway.size >= underwayMax) {
      this.counts.skipped += 1;
      if (trial) this.#fail(performance.now(), true);
      return null;
    }
    const abort = new AbortController();
    this.#underway.add(abort);
    const timer = setTimeout(() => abort.abort(), deadlineMs);
    try {
      const answer = await this.#exchange(method, `/v1/chunks/${name}`, body, abort.signal);
      const usable = answer.status === 200 || answer.status === 204 || (answer.status === 404 && method === 'GET');
      if (usable) this.#breaker.succeeded();
      // A member that is full of work (503) or has another secret (401) is of no more use than one that is away.
      else this.#fail(performance.now(), trial);
      return usable ? answer : null;
    } catch {
      this.#fail(performance.now(), trial);
      return null;
    } finally {
      clearTimeout(timer);
      this.#underway.delete(abort);
    }
  }

  #fail(nowMs: number, trial: boolean): void {
    this.counts.failures += 1;
    if (this.#breaker.failed(nowMs, trial)) for (const one of this.#underway) one.abort();
  }

  #exchange(
    method: string,
    path: string,
    body: Buffer | null,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: Buffer }> {
    const { hostname, port } = this.member.url;
    const digest = body === null ? Buffer.alloc(0) : checksumsOf(body);
    const headers: Record<string, string | number> = {
      authorization: sign(this.#secret, { method, path, digest }, Date.now()),
      ...(body === null ? {} : { 'content-length': body.length }),
    };
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    return new Promise((resolve, reject) => {
      const sent = requestHttp({ host, port: port || 80, method, path, headers, agent: this.#agent, signal });
      sent.once('response', (response) => {
        receive(response).then((received) => resolve({ status: response.statusCode ?? 0, body: received }), reject);
      });
      sent.once('error', reject);
      sent.end(body ?? undefined);
    });
  }
}

async function receive(response: IncomingMessage): Promise<Buffer> {
  const length = Number(response.headers['content-length'] ?? 0);
  if (!(length <= bodyBytesMax)) {
    response.destroy();
    throw new Error(`a member announced ${length} bytes`);
  }
  // Of its own memory: stripes begin at whole words in it.
  const body = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  for await (const piece of response as AsyncIterable<Buffer>) filled += piece.copy(body, filled);
  if (filled < length) throw new Error('a member ended its answer early');
  return body;
}
