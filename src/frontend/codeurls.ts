import { createHmac } from 'node:crypto';
import { apiFailure } from '../kernel/errors.js';
import { minuteMs, secondMs } from '../kernel/units.js';
import type { Endpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';
import type { CodeSource, CodeUrls } from './ports.js';
import { sameText } from './signature/sigv4.js';

export const codePrefix = '/_hearth/code/';
/** As Lambda's own download URLs. */
const validMs = 10 * minuteMs;

/**
 * URLs that download a function's code without credentials, for ten minutes: an HMAC over path and expiry with the
 * data folder's secret, so nothing has to be remembered and restarts do not break them.
 */
export class SignedCodeUrls implements CodeUrls {
  readonly #secret: Buffer;
  readonly #baseUrl: () => string;
  readonly #now: () => number;

  /** `baseUrl`: for example `http://127.0.0.1:4566`, asked each time since the port is known only after listening. */
  constructor(secret: Buffer, baseUrl: () => string, now: () => number = Date.now) {
    this.#secret = secret;
    this.#baseUrl = baseUrl;
    this.#now = now;
  }

  urlFor(path: string): string {
    const expires = Math.floor((this.#now() + validMs) / secondMs);
    return `${this.#baseUrl()}${codePrefix}${path}?expires=${expires}&token=${this.#token(path, expires)}`;
  }

  accepts(path: string, query: string): boolean {
    const parameters = new URLSearchParams(query);
    const expires = Number(parameters.get('expires') ?? Number.NaN);
    const genuine = sameText(parameters.get('token') ?? '', this.#token(path, expires));
    return genuine && expires * secondMs >= this.#now();
  }

  #token(path: string, expires: number): string {
    return createHmac('sha256', this.#secret).update(`${expires}\n${path}`).digest('hex');
  }
}

export class CodeEndpoint implements Endpoint {
  readonly protocol = 'rest-json';
  readonly service = null;
  readonly limit = { bytesMax: 0, operation: 'code download' };
  readonly #urls: SignedCodeUrls;
  readonly #source: CodeSource;

  constructor(urls: SignedCodeUrls, source: CodeSource) {
    this.#urls = urls;
    this.#source = source;
  }

  async handle(exchange: Exchange): Promise<void> {
    const path = exchange.path.slice(codePrefix.length);
    if (!this.#urls.accepts(path, exchange.query)) {
      return exchange.fail(apiFailure('AccessDeniedException', 'Request has expired'));
    }
    const bytes = await this.#source.read(path);
    if (bytes === null) {
      return exchange.fail(apiFailure('ResourceNotFoundException', 'The resource you requested does not exist.'));
    }
    exchange.answer(200, ['Content-Type', 'application/zip'], bytes);
  }
}
