import { setImmediate } from 'node:timers/promises';
import { apiFailure } from '../kernel/errors.js';
import type { Endpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';
import { headerOf } from './signature/canonical.js';

export interface MetricsSource {
  readonly contentType: string;
  /** Whether everybody who can connect may ask, and not only this machine. */
  readonly open: boolean;
  pieces(): Iterable<string>;
}

/** A piece takes some 5 µs: a millisecond at a time, so that invocations in between do not wait for thousands of series. */
const piecesPerTurn = 200;

/**
 * `GET /metrics`, unsigned, as scrapers cannot sign: only for clients on this machine, unless it is open. What came
 * through a proxy is from elsewhere, whatever address the proxy has.
 */
export class MetricsEndpoint implements Endpoint {
  readonly protocol = 'rest-json';
  readonly service = null;
  readonly limit = { bytesMax: 0, operation: 'metrics' };
  /** Scrapes at the same time get the same text: it is held once. */
  #text: Promise<string> | null = null;

  constructor(private readonly source: MetricsSource) {}

  async handle(exchange: Exchange): Promise<void> {
    if (!this.source.open && !isLocal(exchange)) {
      exchange.fail(apiFailure('AccessDeniedException', 'Metrics are for this machine only'));
      return;
    }
    this.#text ??= this.#render().finally(() => {
      this.#text = null;
    });
    exchange.answer(200, ['Content-Type', this.source.contentType], await this.#text);
  }

  async #render(): Promise<string> {
    let text = '';
    let count = 0;
    for (const piece of this.source.pieces()) {
      text += piece;
      count += 1;
      if (count % piecesPerTurn === 0) await setImmediate();
    }
    return text;
  }
}

function isLocal({ req, rawHeaders }: Exchange): boolean {
  const { remoteAddress = '' } = req.socket;
  const isLoopback = remoteAddress === '::1' || /^(::ffff:)?127\./.test(remoteAddress);
  return isLoopback && ['forwarded', 'x-forwarded-for', 'via'].every((name) => headerOf(rawHeaders, name) === null);
}
