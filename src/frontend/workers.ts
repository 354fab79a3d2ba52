import { apiFailure } from '../kernel/errors.js';
import type { Endpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';

/** The workers that sandboxes run on; the composition root fills it. */
export interface WorkerSource {
  /** The account that may have workers drained: they are everybody's. */
  readonly operator: string;
  list(): readonly object[];
  /** Begins, and tells how the worker stands now. Null: there is no such worker. */
  drain(worker: string): object | null;
}

export const workersPath = '/_hearth/workers';

/** `GET /_hearth/workers`, and `POST /_hearth/workers/NAME/drain`; signed like any Lambda request. */
export class WorkersEndpoint implements Endpoint {
  readonly protocol = 'rest-json';
  readonly service = 'lambda';
  readonly limit = { bytesMax: 0, operation: 'administration' };

  constructor(private readonly source: WorkerSource) {}

  handle(exchange: Exchange): undefined {
    const { path, method } = exchange;
    if (method !== 'POST') {
      answer(exchange, path === workersPath ? this.source.list() : null, 200);
      return;
    }
    const { account, arn } = exchange.caller!; // Signed: the server has set it.
    if (account !== this.source.operator || !arn.endsWith(':root')) {
      exchange.fail(apiFailure('AccessDeniedException', 'Workers are drained by the first account of the data folder'));
      return;
    }
    const [, worker] = /^\/([\w.-]{1,64})\/drain$/.exec(path.slice(workersPath.length)) ?? [];
    answer(exchange, worker === undefined ? null : this.source.drain(worker), 202);
  }
}

function answer(exchange: Exchange, what: object | null, status: number): void {
  if (what !== null) exchange.answer(status, ['Content-Type', 'application/json'], JSON.stringify(what));
  else exchange.fail(apiFailure('ResourceNotFoundException', 'There is no such worker'));
}
