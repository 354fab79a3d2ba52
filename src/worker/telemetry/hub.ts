import type { LogSource } from '../log/logcapture.js';
import type { LineFacts } from '../log/loglines.js';
import type { PlatformLine } from '../messages.js';
import type { BoxSocket } from '../sandbox/driver.js';
import { EventSpelling, logEvent, spell, type TelemetryEvent } from './events.js';
import { Subscriber } from './subscriber.js';
import type { Subscription } from './subscription.js';

/** Events kept for extensions that subscribe while they initialize: they see init from its start. */
export const backlogMax = 1_000;

export interface HubSurroundings {
  /** Epoch milliseconds. */
  nowMs(): number;
  monotonicMs(): number;
  connect(port: number): Promise<BoxSocket>;
  /** The function logs JSON. */
  readonly json: boolean;
}

/** Hands what happens in one box to the extensions that subscribed to it. */
export class TelemetryHub {
  readonly #around: HubSurroundings;
  readonly #spelling = new EventSpelling();
  /** One an extension: the bound is that of extensions. */
  readonly #subscribers = new Map<string, Subscriber>();
  #backlog: TelemetryEvent[] | null = [];

  constructor(around: HubSurroundings) {
    this.#around = around;
  }

  /** A second subscription of the same extension replaces the first. */
  subscribe(name: string, subscription: Subscription): void {
    this.#subscribers.get(name)?.close();
    const { monotonicMs, connect } = this.#around;
    const onDropped = (records: number, bytes: number) => this.#dropped(subscriber, records, bytes);
    const subscriber: Subscriber = new Subscriber(name, subscription, { nowMs: monotonicMs, connect, onDropped });
    this.#subscribers.set(name, subscriber);
    for (const event of this.#backlog ?? []) this.#give(subscriber, event);
  }

  /** Init is over: nobody subscribes any more. */
  seal(): void {
    this.#backlog = null;
  }

  platform(line: PlatformLine, facts: LineFacts): void {
    if (this.#listens) this.#tell(this.#spelling.platform(line, facts));
  }

  log(timestampMs: number, text: string, source: LogSource): void {
    if (source !== 'platform' && this.#listens) this.#tell(logEvent(timestampMs, text, source, this.#around.json));
  }

  /** Everything goes now. */
  flush(): void {
    for (const subscriber of this.#subscribers.values()) subscriber.flush();
  }

  close(): void {
    for (const subscriber of this.#subscribers.values()) subscriber.close();
    this.#subscribers.clear();
    this.#backlog = null;
  }

  get #listens(): boolean {
    return this.#backlog !== null || this.#subscribers.size > 0;
  }

  #tell(event: TelemetryEvent): void {
    if (this.#backlog !== null && this.#backlog.length < backlogMax) this.#backlog.push(event);
    for (const subscriber of this.#subscribers.values()) this.#give(subscriber, event);
  }

  #give(subscriber: Subscriber, event: TelemetryEvent): void {
    for (const text of spell(event, subscriber.subscription)) subscriber.add(text);
  }

  #dropped(subscriber: Subscriber, droppedRecords: number, droppedBytes: number): void {
    const time = new Date(this.#around.nowMs()).toISOString();
    const reason = 'Consumer seems to have fallen behind as it has not acknowledged receipt of logs.';
    const record = { droppedBytes, droppedRecords, reason };
    const events = [{ time, type: 'platform.logsDropped', record }];
    // Whatever types it asked for: it has to know that some are missing.
    const subscription = { ...subscriber.subscription, types: ['platform'] as const };
    for (const text of spell({ type: 'platform', line: null, events }, subscription)) subscriber.add(text);
  }
}
