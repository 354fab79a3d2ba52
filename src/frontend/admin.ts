import { apiFailure } from '../kernel/errors.js';
import type { Endpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';
import type { SnapshotSource, StatusSource } from './ports.js';

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

export const snapshotsPath = '/_hearth/snapshots';

/** `GET /_hearth/snapshots` and `/_hearth/snapshots/NAME`, signed like any Lambda request. */
export class SnapshotsEndpoint implements Endpoint {
  readonly protocol = 'rest-json';
  readonly service = 'lambda';
  readonly limit = noBody;
  readonly #source: SnapshotSource;

  constructor(source: SnapshotSource) {
    this.#source = source;
  }

  async handle(exchange: Exchange): Promise<void> {
    const { account } = exchange.caller!; // Signed: the server has set it.
    const name = decoded(exchange.path.slice(snapshotsPath.length + 1));
    const answer = name === '' ? await this.#source.list(account) : await this.#source.show(account, name);
    if (answer === null) exchange.fail(apiFailure('ResourceNotFoundException', `There is no snapshot of ${name}`));
    else exchange.answer(200, ['Content-Type', 'application/json'], JSON.stringify(answer));
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
