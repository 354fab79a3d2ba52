import type { Clock } from '../kernel/ports/clock.js';
import { secondMs } from '../kernel/units.js';
import { failedItems } from './batchresponse.js';
import type { EventMatcher } from './eventpattern.js';
import { PollMachine } from './machine.js';
import type { BatchOutcome, PollEffect, PollInput, PollSettings } from './messages.js';
import { QueueError, type QueueService } from './queue.js';
import { isWanted, recordOf, type SqsRecord } from './sqsevent.js';

/** How an invocation with a batch ended; `payload` is what the function answered, of a success. */
export interface Invoked {
  readonly outcome: BatchOutcome;
  readonly payload: Buffer | null;
}

export interface PollerPorts {
  readonly queues: QueueService;
  readonly clock: Clock;
  /** Null: the function is there. Otherwise why nothing is to be received for it now. */
  readonly absence: () => string | null;
  /** Never rejects. `traceHeaders`: those that the messages were sent with. */
  readonly invoke: (payload: Buffer, traceHeaders: readonly (string | undefined)[]) => Promise<Invoked>;
  readonly note: (text: string) => void;
  readonly quiet: () => void;
  readonly onProblem: (error: Error) => void;
}

export interface Polling extends PollSettings {
  readonly filters: readonly EventMatcher[];
  readonly reportsItemFailures: boolean;
}

/**
 * A receive waits this long for a message. Lambda waits longest, 20 s; with less a mapping that is disabled, or a
 * platform that stops, is done sooner.
 */
export const waitSeconds = 2;
/** The queue's visibility timeout is asked for again after this: it can be changed at any time. */
const visibilityMs = 60 * secondMs;
/** While it is not known. SQS's default. */
const visibilitySecondsDefault = 30;
/** What was not deleted is delivered again, so it is tried more than once. */
const deletesMax = 3;

/** Performs one mapping's machine: receives, invokes, deletes. */
export class Poller {
  readonly #machine = new PollMachine();
  readonly #arn: string;
  readonly #ports: PollerPorts;
  readonly #held = new Map<string, { readonly handle: string; readonly record: SqsRecord }>();
  #polling: Polling = {
    enabled: false,
    batchSize: 1,
    windowMs: 0,
    concurrencyMax: 1,
    filters: [],
    reportsItemFailures: false,
  };
  #disarm: () => void = () => {};
  #visibility = { seconds: visibilitySecondsDefault, untilMs: 0 };
  #nextId = 1;
  #isAbandoned = false;
  readonly #running = new Set<Promise<void>>();

  constructor(arn: string, ports: PollerPorts) {
    this.#arn = arn;
    this.#ports = ports;
  }

  configure(polling: Polling): void {
    this.#polling = polling;
    const { enabled, batchSize, windowMs, concurrencyMax } = polling;
    this.#input({
      kind: 'configure',
      nowMs: this.#nowMs(),
      settings: { enabled, batchSize, windowMs, concurrencyMax },
    });
    if (!enabled) this.#disarm();
  }

  /** Resolves once nothing is under way: neither receives, nor invocations, nor what is told to the queue. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Does nothing any more, whatever is still under way. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#disarm();
  }

  #input(input: PollInput): void {
    if (this.#isAbandoned) return;
    for (const effect of this.#machine.step(input)) this.#perform(effect);
  }

  #perform(effect: PollEffect): void {
    switch (effect.kind) {
      case 'receive':
        this.#track(this.#receive(effect.receiveId, effect.count));
        break;
      case 'invoke':
        this.#track(this.#invoke(effect.batchId, effect.ids));
        break;
      case 'delete':
        this.#track(this.#delete(this.#take(effect.ids)));
        break;
      case 'release':
        this.#track(this.#ports.queues.release(this.#arn, this.#take(effect.ids)));
        break;
      case 'forget':
        this.#take(effect.ids);
        break;
      case 'note':
        this.#ports.note(effect.text);
        break;
      case 'quiet':
        this.#ports.quiet();
        break;
      case 'arm': {
        this.#disarm();
        const wake = () => this.#input({ kind: 'wake', nowMs: this.#nowMs() });
        this.#disarm = this.#ports.clock.after(Math.max(0, effect.atMs - this.#nowMs()), wake);
      }
    }
  }

  async #receive(receiveId: number, count: number): Promise<void> {
    const absence = this.#ports.absence();
    if (absence !== null) {
      // Not received at all: every delivery counts towards the queue's dead letters.
      await Promise.resolve();
      this.#input({ kind: 'receive-failed', nowMs: this.#nowMs(), receiveId, problem: absence });
      return;
    }
    try {
      await this.#lookAtVisibility();
      const startedMs = this.#nowMs();
      const messages = await this.#ports.queues.receive(this.#arn, count, waitSeconds);
      const polled = messages.map((message) => {
        const id = String(this.#nextId++);
        const record = recordOf(message, this.#arn, this.#polling.windowMs > 0);
        this.#held.set(id, { handle: message.ReceiptHandle, record });
        const bytes = Buffer.byteLength(JSON.stringify(record)) + 1;
        return { id, bytes, wanted: isWanted(this.#polling.filters, record) };
      });
      const hiddenUntilMs = startedMs + this.#visibility.seconds * secondMs;
      this.#input({ kind: 'received', nowMs: this.#nowMs(), receiveId, messages: polled, hiddenUntilMs });
    } catch (error) {
      // Nonsense from a service must not end the polling either.
      if (!(error instanceof QueueError)) this.#ports.onProblem(error as Error);
      const problem = error instanceof QueueError ? `${error.code}: ${error.message}` : 'the queue gave no messages';
      this.#input({ kind: 'receive-failed', nowMs: this.#nowMs(), receiveId, problem });
    }
  }

  async #lookAtVisibility(): Promise<void> {
    if (this.#nowMs() < this.#visibility.untilMs) return;
    const seconds = await this.#ports.queues.visibilitySeconds(this.#arn);
    this.#visibility = { seconds, untilMs: this.#nowMs() + visibilityMs };
  }

  async #invoke(batchId: number, ids: readonly string[]): Promise<void> {
    const records = ids.map((id) => this.#held.get(id)!.record);
    const traceHeaders = records.map(({ attributes }) => attributes.AWSTraceHeader);
    const event = Buffer.from(JSON.stringify({ Records: records }));
    const { outcome, payload } = await this.#ports.invoke(event, traceHeaders);
    if (outcome !== 'success' || payload === null || !this.#polling.reportsItemFailures) {
      this.#input({ kind: 'invoked', nowMs: this.#nowMs(), batchId, outcome, failedIds: [] });
      return;
    }
    const failed = failedItems(payload, new Set(records.map(({ messageId }) => messageId)));
    const failedIds = ids.filter((_, at) => failed?.includes(records[at]!.messageId));
    const judged = failed === null ? 'function-error' : 'success';
    this.#input({ kind: 'invoked', nowMs: this.#nowMs(), batchId, outcome: judged, failedIds });
  }

  async #delete(handles: readonly string[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#ports.queues.delete(this.#arn, handles);
      } catch (error) {
        if (attempt === deletesMax || !(error instanceof QueueError)) throw error;
      }
    }
  }

  /** Their receipt handles; nothing of them is kept. */
  #take(ids: readonly string[]): readonly string[] {
    return ids.map((id) => {
      const { handle } = this.#held.get(id)!;
      this.#held.delete(id);
      return handle;
    });
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: Error) => {
        if (!this.#isAbandoned) this.#ports.onProblem(error);
      })
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  #nowMs(): number {
    return this.#ports.clock.nowMs();
  }
}
