import type { IncomingMessage } from 'node:http';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import type { ObjectFailure, ObjectRequest, ObjectStore } from '../../kernel/ports/objects.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import { kib, minuteMs } from '../../kernel/units.js';

export interface S3Options {
  /** For example `http://127.0.0.1:9000`; a path is kept in front of the bucket. */
  readonly endpoint: URL;
  readonly region: string;
  /** Null: requests are not signed. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
  /** Certificates to believe besides Node's own, PEM. */
  readonly extraCa?: readonly string[];
  /** For tests. */
  readonly msMax?: number;
}

/** From the request to the last byte: 250 MiB at 20 Mbit/s. */
const getMsMax = 2 * minuteMs;
/** An error document is a few lines; what is beyond is not read. */
const errorBytesMax = 16 * kib;

/** GetObject of any S3-compatible store: path-style addresses, Signature Version 4. */
export class S3Objects implements ObjectStore {
  readonly #options: S3Options;
  readonly #signer: SignatureV4 | null;

  constructor(options: S3Options) {
    this.#options = options;
    const { credentials, region } = options;
    // S3 signs paths as they are sent, other services escape them once more.
    this.#signer =
      credentials === null
        ? null
        : new SignatureV4({ service: 's3', region, credentials, sha256: Sha256, uriEscapePath: false });
  }

  async get(request: ObjectRequest): Promise<Result<Buffer, ObjectFailure>> {
    const signal = AbortSignal.timeout(this.#options.msMax ?? getMsMax);
    try {
      return await this.#get(request, signal);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why = signal.aborted ? 'it did not answer in time' : message || code || 'unknown error';
      return unreachable(`The S3-compatible store at ${this.#options.endpoint.origin} could not be used: ${why}`);
    }
  }

  async #get(request: ObjectRequest, signal: AbortSignal): Promise<Result<Buffer, ObjectFailure>> {
    const { bucket, key, version, bytesMax } = request;
    const { endpoint } = this.#options;
    const path = `${endpoint.pathname.replace(/\/$/, '')}/${escaped(bucket)}/${key.split('/').map(escaped).join('/')}`;
    const query: Record<string, string> = version === null ? {} : { versionId: version };
    const unsigned = {
      method: 'GET',
      protocol: endpoint.protocol,
      hostname: endpoint.hostname,
      path,
      query,
      headers: { host: endpoint.host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    };
    const { headers } = this.#signer === null ? unsigned : await this.#signer.sign(unsigned);
    const search = version === null ? '' : `?versionId=${escaped(version)}`;
    const response = await this.#send(`${path}${search}`, headers, signal);
    try {
      if (response.statusCode === 200) return await this.#body(response, bytesMax);
      return fail(await refusalOf(response, endpoint));
    } finally {
      response.destroy();
    }
  }

  #send(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    const { endpoint, extraCa } = this.#options;
    const { hostname, port, protocol } = endpoint;
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const common = { host, port: port === '' ? undefined : port, path, headers, signal, agent: false as const };
    return new Promise((resolve, reject) => {
      const sent =
        protocol === 'https:'
          ? requestHttps({ ...common, ...(extraCa === undefined ? {} : { ca: [...extraCa] }) }, resolve)
          : requestHttp(common, resolve);
      sent.on('error', reject).end();
    });
  }

  async #body(response: IncomingMessage, bytesMax: number): Promise<Result<Buffer, ObjectFailure>> {
    const tooLarge = fail({ code: 'TooLarge', message: `The object is larger than ${bytesMax} bytes` });
    const announced = response.headers['content-length'];
    if (announced !== undefined && Number(announced) > bytesMax) return tooLarge;
    // In place where the length is known: to put 250 MiB together at the end would hold up everybody else.
    const whole = announced === undefined ? null : Buffer.allocUnsafe(Number(announced));
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (bytes + chunk.length > bytesMax) return tooLarge;
      if (whole === null) chunks.push(chunk);
      else chunk.copy(whole, bytes);
      bytes += chunk.length;
    }
    if (!response.complete) return unreachable('The S3-compatible store ended its answer early');
    return ok(whole ?? Buffer.concat(chunks, bytes));
  }
}

/** As Signature Version 4 wants paths: everything but letters, digits and `-._~`. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

async function refusalOf(response: IncomingMessage, endpoint: URL): Promise<ObjectFailure> {
  const { statusCode = 0 } = response;
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString('latin1');
    if (text.length > errorBytesMax) break;
  }
  const code = member(text, 'Code');
  if (code === null || statusCode >= 500) {
    const what = code === null ? `status ${statusCode} and no S3 error` : `${code}: ${member(text, 'Message') ?? ''}`;
    return { code: 'Unreachable', message: `The S3-compatible store at ${endpoint.origin} answered ${what}` };
  }
  return { code, message: member(text, 'Message') ?? '' };
}

/** The text of an element of S3's flat error documents. */
function member(xml: string, name: string): string | null {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  if (found === undefined) return null;
  const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return found.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: string) => entities[entity]!);
}

function unreachable(message: string): Result<never, ObjectFailure> {
  return fail({ code: 'Unreachable', message });
}
