import { apiFailure } from '../kernel/errors.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { DeliveryEnd, DestinationMessage } from '../kernel/ports/destinations.js';
import { type Queue, QueueFullError } from '../kernel/ports/queue.js';
import { fail, ok, type Result } from '../kernel/result.js';
import { secondMs } from '../kernel/units.js';
import { messageOf } from './envelope.js';
import type { AsyncEffect, AsyncEvent, AsyncInput, AsyncPolicy, AttemptEnd, Conclusion } from './messages.js';
import type { AsyncObserver, FunctionKey } from './observer.js';

interface AsyncMachine {
  readonly attemptsInFlight: number;
  readonly deliveriesInFlight: number;
  step(input: AsyncInput): readonly AsyncEffect[];
}

/** Runs one attempt of an event through the synchronous path. Never rejects. `keepsResponse`: its text is wanted. */
export type Attempt = (event: AsyncEvent, payload: Buffer, keepsResponse: boolean) => Promise<AttemptEnd>;

export interface AsyncPorts {
  readonly queue: Queue<AsyncEvent>;
  readonly attempt: Attempt;
  /** Synchronous, from memory. */
  readonly policyOf: (event: AsyncEvent) => AsyncPolicy;
  /** Ends within a deadline, and never rejects. */
  readonly deliver: (message: DestinationMessage) => Promise<DeliveryEnd>;
  readonly clock: Clock;
  readonly observer: AsyncObserver;
  readonly onProblem: (error: Error) => void;
}

/** After the queue failed (disk full, say), it is asked again after this long. */
const retryMs = 1 * secondMs;
/** Of records that nobody could be told of, one is reported in this time: a destination may be away for long. */
const reportMs = 1 * secondMs;

/** Performs the poller machine's effects: queue, attempts, deliveries, timer. */
export class AsyncService {
  readonly #machine: AsyncMachine;
  readonly #ports: AsyncPorts;
  /** Emptied when they go, as the machine's are. */
  readonly #payloads = new Map<string, { payload: Uint8Array | null }>();
  #disarm: () => void = () => {};
  /** Takes nothing more from the queue. */
  #draining = false;
  #closed = false;
  #onIdle: () => void = () => {};
  #reportedMs = Number.NEGATIVE_INFINITY;
  /** What the queue has been told and has not confirmed. */
  readonly #running = new Set<Promise<void>>();

  constructor(machine: AsyncMachine, ports: AsyncPorts) {
    this.#machine = machine;
    this.#ports = ports;
  }

  /** Looks for events that a run before this one left. */
  start(): void {
    this.#wake();
  }

  /** Resolves once the event is on disk. */
  async publish(event: AsyncEvent, payload: Buffer): Promise<Result<void>> {
    try {
      await this.#ports.queue.publish({ body: event, payload, nowMs: event.acceptedMs });
    } catch (error) {
      if (!(error instanceof QueueFullError)) throw error;
      return fail(apiFailure('ServiceException', 'The queue of asynchronous invocations is full.'));
    }
    this.#ports.observer.received(keyOf(event));
    this.#wake();
    return ok(undefined);
  }

  #wake(): void {
    if (!this.#draining) this.#input({ kind: 'wake', nowMs: this.#nowMs() });
  }

  #input(input: AsyncInput): void {
    for (const effect of this.#machine.step(input)) this.#perform(effect);
    if (this.#isIdle()) this.#onIdle();
  }

  #isIdle(): boolean {
    return this.#machine.attemptsInFlight + this.#machine.deliveriesInFlight === 0;
  }

  #perform(effect: AsyncEffect): void {
    const { queue, observer } = this.#ports;
    switch (effect.kind) {
      case 'pull':
        if (!this.#draining) this.#track(this.#pull(effect.count, effect.leaseMs));
        return;
      case 'extend':
        this.#track(queue.extend(effect.id, effect.leaseUntilMs));
        return;
      case 'attempt':
        observer.age(keyOf(effect.event), this.#nowMs() - effect.event.acceptedMs);
        // Not waited for at the end: it may run for as long as the function does.
        this.#attempt(effect.id, effect.event, effect.keepsResponse).catch(this.#ports.onProblem);
        return;
      case 'conclude':
        this.#track(this.#conclude(effect.id, effect.event));
        return;
      case 'deliver':
        this.#deliver(effect.id, effect.event, effect.conclusion).catch(this.#ports.onProblem);
        return;
      case 'undelivered':
        this.#undelivered(effect);
        return;
      case 'dropped':
        observer.dropped(keyOf(effect.event));
        return;
      case 'ack':
        this.#drop(effect.id);
        this.#track(queue.ack(effect.id));
        return;
      case 'nak':
        this.#drop(effect.id);
        this.#track(this.#store(effect.event, (event) => queue.nak(effect.id, effect.dueMs, event)));
        return;
      case 'arm':
        this.#arm(effect.atMs);
        return;
    }
  }

  async #pull(count: number, leaseMs: number): Promise<void> {
    const { queue, policyOf, onProblem } = this.#ports;
    const nowMs = this.#nowMs();
    const deliveries = await queue.pull({ count, nowMs, leaseMs }).catch((error: Error) => {
      onProblem(error);
      return null;
    });
    // What was leased meanwhile is delivered again by the next run.
    if (this.#draining) return;
    for (const { id, payload } of deliveries ?? []) this.#payloads.set(id, { payload });
    this.#input({
      kind: 'pulled',
      nowMs: this.#nowMs(),
      deliveries: (deliveries ?? []).map(({ id, body }) => ({ id, event: body, policy: policyOf(body) })),
      nextDueMs: deliveries === null ? nowMs + retryMs : await queue.nextDueMs(),
    });
  }

  async #attempt(id: string, event: AsyncEvent, keepsResponse: boolean): Promise<void> {
    const ended = await this.#ports.attempt(event, this.#payload(id), keepsResponse);
    // After the end the queue keeps the event: it is delivered again by the next run.
    if (this.#closed) return;
    if (ended.outcome === 'recursion') this.#ports.observer.recursion(keyOf(event));
    this.#input({ kind: 'attempt-ended', nowMs: this.#nowMs(), id, ended });
  }

  async #conclude(id: string, event: AsyncEvent): Promise<void> {
    const stored = await this.#store(event, (event) => this.#ports.queue.update(id, event)).then(
      () => true,
      (error: Error) => {
        this.#ports.onProblem(error);
        return false;
      },
    );
    if (this.#closed) return;
    if (!stored) this.#drop(id);
    this.#input({ kind: 'concluded', nowMs: this.#nowMs(), id, stored });
  }

  async #deliver(id: string, event: AsyncEvent, conclusion: Conclusion): Promise<void> {
    const ended = await this.#ports.deliver(messageOf(event, this.#payload(id), conclusion));
    if (!this.#closed) this.#input({ kind: 'delivered', nowMs: this.#nowMs(), id, ended });
  }

  /** A full queue takes the conclusion without the response: who is told after a restart then hears less. */
  async #store(event: AsyncEvent, write: (event: AsyncEvent) => Promise<void>): Promise<void> {
    try {
      await write(event);
    } catch (error) {
      const end = event.conclusion?.end ?? null;
      if (!(error instanceof QueueFullError) || end === null || !('response' in end)) throw error;
      await write({ ...event, conclusion: { ...event.conclusion!, end: { ...end, response: null } } });
    }
  }

  #undelivered({ event, telling, reason }: Extract<AsyncEffect, { kind: 'undelivered' }>): void {
    this.#ports.observer.undelivered(keyOf(event), telling.kind);
    const nowMs = this.#nowMs();
    if (nowMs - this.#reportedMs < reportMs) return;
    this.#reportedMs = nowMs;
    const what = telling.kind === 'destination' ? 'record' : 'dead letter';
    const error = new Error(
      `the ${what} of ${event.functionName}'s event ${event.requestId} is lost: ${telling.arn}: ${reason}`,
    );
    delete error.stack;
    this.#ports.onProblem(error);
  }

  #payload(id: string): Buffer {
    const payload = this.#payloads.get(id)?.payload ?? new Uint8Array();
    return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  #drop(id: string): void {
    const dropped = this.#payloads.get(id);
    if (dropped === undefined) return;
    dropped.payload = null;
    this.#payloads.delete(id);
  }

  #arm(atMs: number): void {
    this.#disarm();
    if (this.#closed) return;
    this.#disarm = this.#ports.clock.after(Math.max(0, atMs - this.#nowMs()), () => {
      // While it drains, what is under way must keep its leases.
      if (!this.#closed) this.#input({ kind: 'wake', nowMs: this.#nowMs() });
    });
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch(this.#ports.onProblem).finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  #nowMs(): number {
    return this.#ports.clock.nowMs();
  }

  /**
   * Takes nothing more from the queue and waits at most `drainMs` for attempts and deliveries under way; what is not
   * over by then stays in it. What the queue was told is on disk at the end.
   */
  async close(drainMs: number): Promise<void> {
    this.#draining = true;
    await new Promise<void>((resolve) => {
      const cancel = this.#ports.clock.after(drainMs, resolve);
      this.#onIdle = () => {
        cancel();
        resolve();
      };
      if (this.#isIdle()) this.#onIdle();
    });
    this.#closed = true;
    this.#disarm();
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.#ports.queue.close();
  }
}

function keyOf({ account, region, functionName }: AsyncEvent): FunctionKey {
  return `${account}/${region}/${functionName}`;
}
