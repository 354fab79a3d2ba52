import type { SqsClient } from '../adapters/sqs/client.js';
import { EventSourceMappings, type MappedFunctions } from '../config/mappings/mappings.js';
import { EventSourceService, QueueProbe } from '../eventsources/service.js';
import type { Dispatcher, FunctionResolver, Tracing } from '../frontend/ports.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Kv } from '../kernel/ports/kv.js';
import type { Random } from '../kernel/ports/random.js';

export interface EventSourceParts {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: MappedFunctions & FunctionResolver;
  readonly dispatcher: Dispatcher;
  readonly queues: SqsClient | null;
  /** Null: nothing is traced. */
  readonly tracing: Tracing | null;
  readonly onProblem: (error: unknown) => void;
}

/** Mappings and their pollers, put together. Polling begins with `start`. */
export async function openEventSources(parts: EventSourceParts) {
  const { kv, clock, random, config, dispatcher, queues, tracing, onProblem } = parts;
  const probe = new QueueProbe(queues);
  const mappings = await EventSourceMappings.open({ kv, clock, random, functions: config, probe });
  const ways = { resolver: config, dispatcher, tracing };
  const service = new EventSourceService({ mappings, queues, ...ways, clock, random, onProblem });
  return {
    mappings,
    start: () => service.start(),
    /** Waits at most `drainMs` for what is under way. */
    close: async (drainMs: number) => {
      await service.close(drainMs);
      await mappings.close();
    },
  };
}
