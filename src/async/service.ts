import { apiFailure } from '../kernel/errors.js';
import type { Clock } from '../kernel/ports/clock.js';
import { type Delivery, type Queue, QueueFullError } from '../kernel/ports/queue.js';
import { fail, ok, type Result } from '../kernel/result.js';
import { secondMs } from '../kernel/units.js';
import type { AsyncEffect, AsyncEvent, AsyncInput } from './messages.js';

interface AsyncMachine {
  step(input: AsyncInput): readonly AsyncEffect[];
}

export type AttemptOutcome = Extract<AsyncInput, { kind: 'attempt-ended' }>['outcome'];

/** Runs one attempt of an event through the synchronous path. Never rejects. */
export type Attempt = (event: AsyncEvent, payload: Buffer) => Promise<AttemptOutcome>;

/** After the queue failed (disk full, say), it is asked again after this long. */
const retryMs = 1 * secondMs;

/** Performs the poller machine's effects: queue, attempts, timer. */
export class AsyncService {
  private readonly inFlight = new Map<string, Delivery<AsyncEvent>>();
  private disarm: () => void = () => {};
  private closed = false;
  /** What the queue has been told and has not confirmed. */
  private readonly running = new Set<Promise<void>>();

  constructor(
    private readonly machine: AsyncMachine,
    private readonly queue: Queue<AsyncEvent>,
    private readonly attempt: Attempt,
    private readonly clock: Clock,
    private readonly onProblem: (error: Error) => void,
  ) {}

  /** Looks for events that a run before this one left. */
  start(): void {
    this.wake();
  }

  /** Resolves once the event is on disk. */
  async publish(event: AsyncEvent, payload: Buffer): Promise<Result<void>> {
    try {
      await this.queue.publish({ body: event, payload, nowMs: event.acceptedMs });
    } catch (error) {
      if (!(error instanceof QueueFullError)) throw error;
      return fail(apiFailure('ServiceException', 'The queue of asynchronous invocations is full.'));
    }
    this.wake();
    return ok(undefined);
  }

  private wake(): void {
    if (!this.closed) this.input({ kind: 'wake', nowMs: this.clock.nowMs() });
  }

  private input(input: AsyncInput): void {
    for (const effect of this.machine.step(input)) this.perform(effect);
  }

  private perform(effect: AsyncEffect): void {
    switch (effect.kind) {
      case 'pull':
        this.track(this.pull(effect.count, effect.leaseMs));
        return;
      case 'extend':
        this.track(this.queue.extend(effect.id, effect.leaseUntilMs));
        return;
      case 'attempt':
        // Not waited for at the end: it may run for as long as the function does.
        this.run(effect.id, effect.event).catch(this.onProblem);
        return;
      case 'ack':
        this.inFlight.delete(effect.id);
        this.track(this.queue.ack(effect.id));
        return;
      case 'nak':
        this.inFlight.delete(effect.id);
        this.track(this.queue.nak(effect.id, effect.dueMs, effect.event));
        return;
      case 'arm':
        this.arm(effect.atMs);
        return;
    }
  }

  private async pull(count: number, leaseMs: number): Promise<void> {
    const nowMs = this.clock.nowMs();
    const deliveries = await this.queue.pull({ count, nowMs, leaseMs }).catch((error: Error) => {
      this.onProblem(error);
      return null;
    });
    // What was leased meanwhile is delivered again by the next run.
    if (this.closed) return;
    for (const delivery of deliveries ?? []) this.inFlight.set(delivery.id, delivery);
    this.input({
      kind: 'pulled',
      nowMs: this.clock.nowMs(),
      deliveries: (deliveries ?? []).map(({ id, body }) => ({ id, event: body })),
      nextDueMs: deliveries === null ? nowMs + retryMs : await this.queue.nextDueMs(),
    });
  }

  private async run(id: string, event: AsyncEvent): Promise<void> {
    const payload = this.inFlight.get(id)?.payload ?? new Uint8Array();
    const outcome = await this.attempt(event, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
    // After a shutdown has begun the queue keeps the event: it is delivered again by the next run.
    if (!this.closed) this.input({ kind: 'attempt-ended', nowMs: this.clock.nowMs(), id, outcome });
  }

  private arm(atMs: number): void {
    this.disarm();
    if (this.closed) return;
    this.disarm = this.clock.after(Math.max(0, atMs - this.clock.nowMs()), () => this.wake());
  }

  private track(work: Promise<void>): void {
    const tracked = work.catch(this.onProblem).finally(() => this.running.delete(tracked));
    this.running.add(tracked);
  }

  /** Stops polling; what the queue was told before is on disk then. Events whose attempt has not ended stay in it. */
  async close(): Promise<void> {
    this.closed = true;
    this.disarm();
    await Promise.all(this.running);
    await this.queue.close();
  }
}
