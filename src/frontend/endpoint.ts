import type { ApiFailure } from '../kernel/errors.js';
import type { BodyLimit } from './bodyreader.js';
import type { Exchange } from './exchange.js';
import type { Protocol } from './failures.js';

/** What a request can be for. The server authenticates and reads the body as the endpoint says, then hands over. */
export interface Endpoint {
  readonly protocol: Protocol;
  /** Service that the credential has to name. Null: open to everyone who can connect. */
  readonly service: 'lambda' | 'logs' | 'sts' | 'iam' | null;
  readonly limit: BodyLimit;
  /** What a request without any signature is told; absent: as everywhere in the API. */
  readonly unsigned?: ApiFailure;
  /** Answers now or later, exactly once. Never throws for what a client sent; a rejection is our own error. */
  handle(exchange: Exchange): undefined | Promise<void>;
}
