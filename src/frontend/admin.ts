import type { Endpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';
import type { StatusSource } from './ports.js';

const noBody = { bytesMax: 0, operation: 'administration' };

/** `GET /_hearth/health`: the door is open. For load balancers and scripts; tells nothing else. */
export const healthEndpoint: Endpoint = {
  protocol: 'rest-json',
  service: null,
  limit: noBody,
  handle(exchange: Exchange): undefined {
    exchange.answer(200, ['Content-Type', 'application/json'], '{"status":"ok"}');
  },
};

/** `GET /_hearth/status`, signed like any Lambda request. */
export class StatusEndpoint implements Endpoint {
  readonly protocol = 'rest-json';
  readonly service = 'lambda';
  readonly limit = noBody;
  readonly #source: StatusSource;

  constructor(source: StatusSource) {
    this.#source = source;
  }

  handle(exchange: Exchange): undefined {
    exchange.answer(200, ['Content-Type', 'application/json'], JSON.stringify(this.#source()));
  }
}
