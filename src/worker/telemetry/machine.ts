import type { BufferEffect, BufferInput, BufferLimits } from './messages.js';

/** A delivery that fails is tried this often; then its events are dropped. */
export const attemptsMax = 3;
/** Between attempts: a listener that was not up yet is by then. */
export const retryMs = 100;

interface Batch {
  readonly events: readonly string[];
  readonly bytes: number;
  attempts: number;
}

/**
 * Gathers events into batches of at most `maxItems` and `maxBytes` (a larger event alone), delivered when full or
 * `timeoutMs` old. Holds one batch being delivered and one being gathered; what comes when both are full is dropped
 * and counted. Pure.
 */
export class BufferMachine {
  readonly #limits: BufferLimits;
  #events: string[] = [];
  #bytes = 0;
  /** When what is gathered has to go. */
  #dueMs = Number.POSITIVE_INFINITY;
  #batch: Batch | null = null;
  #retryMs = Number.POSITIVE_INFINITY;
  #droppedRecords = 0;
  #droppedBytes = 0;
  #effects: BufferEffect[] = [];

  constructor(limits: BufferLimits) {
    this.#limits = limits;
  }

  /** Nothing waits and nothing is on its way. */
  get idle(): boolean {
    return this.#batch === null && this.#events.length === 0;
  }

  step(input: BufferInput): readonly BufferEffect[] {
    const effects: BufferEffect[] = [];
    this.#effects = effects;
    switch (input.kind) {
      case 'event':
        this.#add(input.nowMs, input.text, input.bytes);
        break;
      case 'flush':
        this.#dueMs = input.nowMs;
        this.#send(input.nowMs);
        break;
      case 'timer':
        this.#look(input.nowMs);
        break;
      case 'delivered':
        this.#batch = null;
        if (this.#droppedRecords > 0) {
          effects.push({ kind: 'dropped', records: this.#droppedRecords, bytes: this.#droppedBytes });
          this.#droppedRecords = 0;
          this.#droppedBytes = 0;
        }
        this.#send(input.nowMs);
        this.#arm();
        break;
      case 'failed':
        this.#failed(input.nowMs);
        break;
    }
    return effects;
  }

  #add(nowMs: number, text: string, bytes: number): void {
    if (!this.#fits(bytes)) this.#send(nowMs, true);
    if (!this.#fits(bytes)) {
      this.#droppedRecords += 1;
      this.#droppedBytes += bytes;
      return;
    }
    if (this.#events.length === 0) {
      this.#dueMs = nowMs + this.#limits.timeoutMs;
      this.#arm();
    }
    this.#events.push(text);
    this.#bytes += bytes;
    if (!this.#fits(1)) this.#send(nowMs, true);
  }

  #fits(bytes: number): boolean {
    const count = this.#events.length;
    return count === 0 || (count < this.#limits.maxItems && this.#bytes + bytes <= this.#limits.maxBytes);
  }

  #send(nowMs: number, full = !this.#fits(1)): void {
    if (this.#batch !== null || this.#events.length === 0 || (!full && nowMs < this.#dueMs)) return;
    this.#batch = { events: this.#events, bytes: this.#bytes, attempts: 0 };
    this.#events = [];
    this.#bytes = 0;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#deliver(this.#batch);
  }

  #deliver(batch: Batch): void {
    batch.attempts += 1;
    this.#retryMs = Number.POSITIVE_INFINITY;
    this.#effects.push({ kind: 'deliver', events: batch.events });
  }

  #failed(nowMs: number): void {
    const batch = this.#batch;
    if (batch === null) return;
    if (batch.attempts < attemptsMax) {
      this.#retryMs = nowMs + retryMs;
      this.#arm();
      return;
    }
    this.#batch = null;
    this.#droppedRecords += batch.events.length;
    this.#droppedBytes += batch.bytes;
    this.#send(nowMs);
    this.#arm();
  }

  #look(nowMs: number): void {
    if (this.#batch !== null && nowMs >= this.#retryMs) this.#deliver(this.#batch);
    this.#send(nowMs);
    this.#arm();
  }

  /** While a batch is on its way, only its retry needs a timer: what is gathered then gets one when it arrived. */
  #arm(): void {
    const atMs = this.#batch === null ? this.#dueMs : this.#retryMs;
    if (atMs !== Number.POSITIVE_INFINITY) this.#effects.push({ kind: 'arm', atMs });
  }
}
