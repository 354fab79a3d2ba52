import { apiFailure } from '../kernel/errors.js';
import type { Endpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';

/** What `GET /_hearth/why` tells an account of its own invocations; the composition root fills it. */
export interface WhySource {
  /** The latest that were not warm, newest first. */
  list(account: string): readonly object[];
  /** Null: forgotten, or never there. */
  show(account: string, requestId: string): object | null;
}

export const whyPath = '/_hearth/why';

/** `GET /_hearth/why` and `/_hearth/why/REQUEST_ID`, signed like any Lambda request. */
export class WhyEndpoint implements Endpoint {
  readonly protocol = 'rest-json';
  readonly service = 'lambda';
  readonly limit = { bytesMax: 0, operation: 'administration' };

  constructor(private readonly source: WhySource) {}

  handle(exchange: Exchange): undefined {
    const { account } = exchange.caller!; // Signed: the server has set it.
    const requestId = exchange.path.slice(whyPath.length + 1);
    const answer = requestId === '' ? this.source.list(account) : this.source.show(account, requestId);
    if (answer !== null) exchange.answer(200, ['Content-Type', 'application/json'], JSON.stringify(answer));
    else exchange.fail(apiFailure('ResourceNotFoundException', 'No invocation of this id is remembered'));
  }
}
