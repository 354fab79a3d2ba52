import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { DeliveryEnd, Destination, DestinationMessage } from '../../kernel/ports/destinations.js';
import { secondMs } from '../../kernel/units.js';

/** A server that has not answered by then costs no more patience. */
const patienceMs = 10 * secondMs;
const arnPattern = /^arn:aws[a-z-]*:hearth:[a-z0-9-]*:\d{12}:http\/(https?:\/\/.+)$/;

/**
 * POST of the record to a URL, ours: `arn:aws:hearth:REGION:ACCOUNT:http/URL`. Functions must not make the platform reach
 * what they could not: only URLs below those that whoever runs it has named. Redirects are not followed.
 */
export class HttpDestination implements Destination {
  readonly #allowed: readonly URL[];
  readonly #extraCa: readonly string[] | null;

  /** `allowed`: origins with paths, below which everything is allowed. */
  constructor(allowed: readonly URL[], extraCa: readonly string[] | null = null) {
    this.#allowed = allowed;
    this.#extraCa = extraCa;
  }

  accepts(arn: string): boolean {
    return arnPattern.test(arn);
  }

  async deliver({ arn, body, attributes, traceHeader, origin }: DestinationMessage): Promise<DeliveryEnd> {
    const text = arnPattern.exec(arn)?.[1] ?? '';
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || !this.#allowed.some((base) => isBelow(url, base))) {
      return failed(false, 'the URL is not below any --destination-url');
    }
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'user-agent': 'hearth',
      'x-amzn-trace-id': traceHeader,
      'x-hearth-function-arn': origin.functionArn,
      'x-hearth-request-id': origin.requestId,
    };
    // Header fields hold no line breaks, and characters of Latin-1 only.
    for (const [name, { value }] of Object.entries(attributes)) {
      headers[`x-hearth-${name.toLowerCase()}`] = encodeURIComponent(value);
    }
    try {
      const status = await this.#post(url, headers, body);
      if (status >= 200 && status < 300) return { kind: 'delivered' };
      return failed(status >= 500 || status === 408 || status === 429, `HTTP ${status}`);
    } catch (error) {
      const { code, message, name } = error as NodeJS.ErrnoException;
      const late = name === 'TimeoutError' || code === 'ABORT_ERR';
      return failed(true, late ? 'it did not answer in time' : message || code || 'unknown error');
    }
  }

  /** What the server says besides its status is not read. */
  #post(url: URL, headers: Record<string, string>, body: string): Promise<number> {
    const options = {
      method: 'POST',
      headers,
      signal: AbortSignal.timeout(patienceMs),
      // Deliveries are rare: a connection each.
      agent: false as const,
      ...(this.#extraCa === null ? {} : { ca: [...this.#extraCa] }),
    };
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, (answer) => {
        resolve(answer.statusCode ?? 0);
        answer.destroy();
      });
      // Also after the answer, when the rest of it is not waited for.
      request.on('error', reject).end(body);
    });
  }
}

function isBelow(url: URL, base: URL): boolean {
  if (url.origin !== base.origin || url.username !== '' || url.password !== '') return false;
  const folder = base.pathname.endsWith('/') ? base.pathname : `${base.pathname}/`;
  return url.pathname === base.pathname || url.pathname.startsWith(folder);
}

function failed(again: boolean, reason: string): DeliveryEnd {
  return { kind: 'failed', again, reason };
}
