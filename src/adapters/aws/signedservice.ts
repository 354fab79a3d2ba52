import { Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as SecureAgent } from 'node:https';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { secondMs } from '../../kernel/units.js';

export interface SignedServiceOptions {
  readonly endpoint: URL;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  /** Certificates to believe besides Node's own, PEM. */
  readonly extraCa?: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly statusMessage: string;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** An AWS-compatible service that takes POST requests, signed with Signature Version 4. */
export class SignedService {
  readonly #options: SignedServiceOptions;
  readonly #service: string;
  readonly #answerBytesMax: number;
  readonly #signers = new Map<string, SignatureV4>();
  readonly #agent: Agent;

  /** `service`: its name in signatures. Larger answers than `answerBytesMax` are failures. */
  constructor(service: string, options: SignedServiceOptions, answerBytesMax: number) {
    this.#options = options;
    this.#service = service;
    this.#answerBytesMax = answerBytesMax;
    const { endpoint, extraCa } = options;
    const ca = extraCa === undefined ? {} : { ca: [...extraCa] };
    const shared = { keepAlive: true, keepAliveMsecs: secondMs };
    this.#agent = endpoint.protocol === 'https:' ? new SecureAgent({ ...shared, ...ca }) : new Agent(shared);
  }

  /** Closes what is kept open. */
  close(): void {
    this.#agent.destroy();
  }

  /** Rejects with an error that says why, when there is no answer within `msMax`. */
  async post(region: string, headers: Record<string, string>, body: string, msMax: number): Promise<Answer> {
    const { endpoint } = this.#options;
    const signed = await this.#signer(region).sign({
      method: 'POST',
      protocol: endpoint.protocol,
      hostname: endpoint.hostname,
      path: endpoint.pathname,
      headers: { host: endpoint.host, ...headers },
      body,
    });
    try {
      const answer = await this.#send(signed.headers, body, AbortSignal.timeout(msMax));
      const { statusCode: status = 0, statusMessage = '', headers } = answer;
      return { status, statusMessage, headers, text: await this.#textOf(answer) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const late = (error as Error).name === 'TimeoutError' || code === 'ABORT_ERR';
      throw new Error(late ? 'it did not answer in time' : message || code || 'unknown error');
    }
  }

  #send(headers: Record<string, string>, body: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { hostname, port, protocol, pathname: path } = this.#options.endpoint;
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const options = {
      host,
      port,
      path,
      method: 'POST',
      headers: { ...headers, ...length },
      signal,
      agent: this.#agent,
    };
    return new Promise((resolve, reject) => {
      const request = (protocol === 'https:' ? requestHttps : requestHttp)(options, resolve);
      request.on('error', reject).end(body);
    });
  }

  async #textOf(answer: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > this.#answerBytesMax) throw new Error(`the answer is larger than ${this.#answerBytesMax} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #signer(region: string): SignatureV4 {
    let signer = this.#signers.get(region);
    if (signer === undefined) {
      const { credentials } = this.#options;
      signer = new SignatureV4({ service: this.#service, region, credentials, sha256: Sha256 });
      this.#signers.set(region, signer);
    }
    return signer;
  }
}
