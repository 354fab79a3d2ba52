import { AsyncMachine } from '../async/machine.js';
import type { AsyncEvent } from '../async/messages.js';
import { AsyncCounts, type AsyncObserver, asyncObservers } from '../async/observer.js';
import { AsyncService } from '../async/service.js';
import type { ConfigService } from '../config/service.js';
import type { Dispatcher, Tracing } from '../frontend/ports.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Queue } from '../kernel/ports/queue.js';
import type { Random } from '../kernel/ports/random.js';
import { attemptThrough } from './attempt.js';
import { type DestinationPlaces, Destinations } from './destinations.js';
import { FunctionDestination } from './functiondestination.js';

export interface AsyncParts {
  readonly queue: Queue<AsyncEvent>;
  readonly config: ConfigService;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly random: Random;
  /** Where destinations that are files lie. */
  readonly folder: string;
  readonly places: DestinationPlaces;
  /** Before the first retry; default: Lambda's minute. */
  readonly retryMs?: number;
  /** Hears what happens to each event. */
  readonly observer: AsyncObserver;
  /** Null: nothing is traced. */
  readonly tracing: Tracing | null;
  readonly onProblem: (error: unknown) => void;
}

/** The poller of events and whom it tells, put together. Polling begins with `service.start`. */
export function openAsync(parts: AsyncParts): { readonly service: AsyncService; readonly counts: AsyncCounts } {
  const { queue, config, dispatcher, clock, random, folder, places, retryMs, onProblem } = parts;
  const counts = new AsyncCounts();
  const functions = new FunctionDestination({
    resolver: config,
    roleOf: (spec) => config.roleOf(spec),
    intake: { publish: (event, payload) => service.publish(event, payload) },
    clock,
    random,
  });
  const destinations = new Destinations(places, functions, folder, clock);
  const service = new AsyncService(new AsyncMachine(retryMs === undefined ? {} : { retryMs }), {
    queue,
    attempt: attemptThrough(config, dispatcher, clock, parts.tracing),
    policyOf: (event) => config.asyncPolicy(event),
    deliver: (message) => destinations.deliver(message),
    clock,
    observer: asyncObservers(counts, parts.observer),
    onProblem,
  });
  return { service, counts };
}
