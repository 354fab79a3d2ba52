import { kinds } from '../config/mappings/kinds.js';
import type { EventSourceMappings, SourceProbe } from '../config/mappings/mappings.js';
import { isSettled, type MappingRecord } from '../config/mappings/record.js';
import { isLoop, longestLineage, withLineage } from '../frontend/lineage.js';
import type { Dispatcher, FunctionResolver, Tracing } from '../frontend/ports.js';
import type { RequestId } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Random } from '../kernel/ports/random.js';
import { secondMs } from '../kernel/units.js';
import { compilePattern } from './eventpattern.js';
import { type Invoked, Poller, type Polling } from './poller.js';
import { noSuchQueue, QueueError, type QueueService } from './queue.js';

export interface EventSourceOptions {
  readonly mappings: EventSourceMappings;
  /** Null: no queues can be reached from here. */
  readonly queues: QueueService | null;
  readonly resolver: FunctionResolver;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly random: Random;
  /** Null or absent: nothing is traced. */
  readonly tracing?: Tracing | null;
  readonly onProblem: (error: unknown) => void;
}

/** Invocations at once of a mapping without a ScalingConfig; the account's concurrency bounds them all. */
export const concurrencyMaxDefault = 100;

/** Keeps one poller for every mapping that is enabled, or has just been. */
export class EventSourceService {
  readonly #options: EventSourceOptions;
  readonly #pollers = new Map<string, Poller>();
  /** Those that receive nothing more, and still invoke. */
  readonly #ending = new Set<Poller>();
  #endWatch: () => void = () => {};

  constructor(options: EventSourceOptions) {
    this.#options = options;
  }

  start(): void {
    this.#endWatch = this.#options.mappings.onChange((uuid, record) => {
      if (record === null) this.#pollers.delete(uuid);
      else this.#follow(record);
    });
    for (const record of this.#options.mappings.all()) this.#follow(record);
  }

  /**
   * Receives nothing more, and waits for what is under way, at most `drainMs`. What is not done by then comes back to
   * the queues by itself.
   */
  async close(drainMs: number): Promise<void> {
    this.#endWatch();
    const pollers = [...this.#pollers.values(), ...this.#ending];
    for (const poller of pollers) poller.configure(pollingOf(null));
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(drainMs, resolve);
      Promise.all(pollers.map((poller) => poller.idle())).then(() => {
        cancel();
        resolve();
      }, this.#options.onProblem);
    });
    for (const poller of pollers) poller.abandon();
  }

  #follow(record: MappingRecord): void {
    const { uuid, enabled, sourceArn, kind } = record;
    const { mappings, queues } = this.#options;
    let poller = this.#pollers.get(uuid);
    // The settled state says nothing new.
    if (poller !== undefined && isSettled(record)) return;
    if (poller === undefined && enabled && queues !== null && kind === 'sqs' && sourceArn !== null) {
      poller = this.#pollerOf(uuid, sourceArn, queues);
      this.#pollers.set(uuid, poller);
    } else if (poller === undefined && enabled) mappings.note(uuid, `PROBLEM: ${unavailable(record, queues)}`);
    poller?.configure(pollingOf(record));
    // A poller that is to stop says itself when it has.
    if (enabled || poller === undefined) this.#settle(record);
  }

  #settle(record: MappingRecord): void {
    if (!isSettled(record)) this.#options.mappings.settle(record.uuid).catch(this.#options.onProblem);
  }

  #pollerOf(uuid: string, arn: string, queues: QueueService): Poller {
    const { mappings, clock, onProblem } = this.#options;
    const current = () => mappings.find(uuid);
    const poller: Poller = new Poller(arn, {
      queues,
      clock,
      onProblem,
      absence: () => {
        const record = current();
        return record === null ? 'the mapping is gone' : this.#absence(record);
      },
      invoke: async (payload, traceHeaders) => {
        const record = current();
        return record === null ? { outcome: 'gone', payload: null } : await this.#invoke(record, payload, traceHeaders);
      },
      note: (text) => mappings.note(uuid, text),
      quiet: () => {
        this.#pollers.delete(uuid);
        this.#ending.add(poller);
        void poller.idle().then(() => this.#ending.delete(poller));
        mappings.settle(uuid).catch(onProblem);
      },
    });
    return poller;
  }

  #resolve({ account, region, functionName, qualifier }: MappingRecord) {
    return this.#options.resolver.resolve(account, region, functionName, qualifier);
  }

  #absence(record: MappingRecord): string | null {
    const found = this.#resolve(record);
    return found.ok ? null : found.failure.message;
  }

  /** The way of everybody: admission, assignment, worker. The function is looked up anew each time. */
  #invoke(record: MappingRecord, payload: Buffer, traceHeaders: readonly (string | undefined)[]): Promise<Invoked> {
    const { dispatcher, clock, random, tracing = null } = this.#options;
    const found = this.#resolve(record);
    if (!found.ok) {
      const gone = found.failure.code === 'ResourceNotFoundException';
      return Promise.resolve({ outcome: gone ? 'gone' : 'system-error', payload: null });
    }
    const nowMs = clock.nowMs();
    const { spec, invokedFunctionArn } = found.value;
    const trace = `Root=1-${Math.floor(nowMs / secondMs).toString(16)}-${random.hex(12)};Parent=${random.hex(8)};Sampled=0`;
    const given = longestLineage(traceHeaders);
    const traceHeader = withLineage(trace, given, spec);
    if (given !== null && isLoop(traceHeader, spec)) {
      // The messages come back, until the queue's redrive policy has had enough of them.
      return Promise.resolve({ outcome: 'function-error', payload: null });
    }
    const traced = tracing === null ? null : tracing.batch(traceHeader, traceHeaders);
    return new Promise((resolve) => {
      dispatcher.invoke(
        {
          requestId: random.uuid() as RequestId,
          spec,
          invokedFunctionArn,
          payload,
          clientContext: null,
          cognitoIdentity: null,
          traceHeader: traced === null ? traceHeader : traced.header,
          tail: false,
          stream: null,
          kind: 'mapping',
          arrivedMs: nowMs,
          trace: traced?.trace,
        },
        (outcome) => {
          if (outcome.kind === 'success') resolve({ outcome: 'success', payload: outcome.payload });
          else if (outcome.kind === 'function-error') resolve({ outcome: 'function-error', payload: null });
          else {
            const throttled = outcome.failure.code === 'TooManyRequestsException';
            resolve({ outcome: throttled ? 'throttled' : 'system-error', payload: null });
          }
        },
      );
    });
  }
}

/** Null: disabled. */
function pollingOf(record: MappingRecord | null): Polling {
  const settings = record?.settings;
  return {
    enabled: record?.enabled ?? false,
    batchSize: settings?.BatchSize ?? 1,
    windowMs: (settings?.MaximumBatchingWindowInSeconds ?? 0) * secondMs,
    concurrencyMax: settings?.ScalingConfig?.MaximumConcurrency ?? concurrencyMaxDefault,
    // Checked when the mapping was made.
    filters: (settings?.FilterCriteria?.Filters ?? []).map(
      ({ Pattern = '' }) => compilePattern(Pattern) ?? (() => false),
    ),
    reportsItemFailures: settings?.FunctionResponseTypes?.includes('ReportBatchItemFailures') ?? false,
  };
}

function unavailable({ kind }: Pick<MappingRecord, 'kind'>, queues: QueueService | null): string {
  const advice = 'Create the mapping with Enabled set to false to keep its configuration.';
  if (kind !== 'sqs') return `${kinds[kind].title} event sources cannot be polled by this installation. ${advice}`;
  return queues === null
    ? `This installation has no SQS endpoint: start it with --sqs-endpoint URL. ${advice}`
    : 'The queue has no ARN.';
}

/** Looks at the queue before a mapping is enabled, as Lambda does; the texts are Lambda's. */
export class QueueProbe implements SourceProbe {
  readonly #queues: QueueService | null;

  constructor(queues: QueueService | null) {
    this.#queues = queues;
  }

  async refusal(record: MappingRecord, timeoutSeconds: number): Promise<string | null> {
    if (this.#queues === null || record.kind !== 'sqs' || record.sourceArn === null) {
      return unavailable(record, this.#queues);
    }
    try {
      const seconds = await this.#queues.visibilitySeconds(record.sourceArn);
      if (seconds >= timeoutSeconds) return null;
      return `Queue visibility timeout: ${seconds} seconds is less than Function timeout: ${timeoutSeconds} seconds`;
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      const text =
        error.code === noSuchQueue ? 'The specified queue does not exist for this wsdl version.' : error.message;
      return `Error occurred while ReceiveMessage. SQS Error Code: ${error.code}. SQS Error Message: ${text}`;
    }
  }
}
