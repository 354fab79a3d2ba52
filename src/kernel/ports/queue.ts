/** One delivery of a message. `deliveries` counts this one, from 1. */
export interface Delivery<T> {
  readonly id: string;
  readonly body: T;
  readonly payload: Uint8Array;
  readonly deliveries: number;
  readonly publishedMs: number;
}

/**
 * Durable work queue, at least once. A message pulled and neither acknowledged nor given back within its lease is
 * delivered again; so is every message in flight when the process died. Embedded: LMDB. Distributed: NATS JetStream.
 */
export interface Queue<T = unknown> {
  /** Resolves with the message's id once it is on disk. Rejects with QueueFullError beyond the queue's bound. */
  publish(message: { readonly body: T; readonly payload: Uint8Array; readonly nowMs: number }): Promise<string>;
  /** Up to `count` messages that are due at `nowMs`, each leased until `nowMs + leaseMs`. */
  pull(options: {
    readonly count: number;
    readonly nowMs: number;
    readonly leaseMs: number;
  }): Promise<readonly Delivery<T>[]>;
  /** Extends the lease of a message in flight. */
  extend(id: string, leaseUntilMs: number): Promise<void>;
  /**
   * Replaces the stored body of a message in flight, which stays in flight: after a restart it is delivered with the new
   * one, at once. Rejects with QueueFullError when it grows beyond the queue's bound; then the old one stays.
   */
  update(id: string, body: T): Promise<void>;
  /** Done: the message is gone once this resolves. */
  ack(id: string): Promise<void>;
  /**
   * Gives the message back, to be delivered no earlier than `dueMs`; `body` replaces the stored one when given. Rejects
   * with QueueFullError like `update`; then it comes back, as it was, when its lease is over.
   */
  nak(id: string, dueMs: number, body?: T): Promise<void>;
  /** Messages not yet acknowledged. */
  depth(): Promise<number>;
  /** Earliest time at which `pull` would return something, or null when the queue is empty. */
  nextDueMs(): Promise<number | null>;
  close(): Promise<void>;
}

/** The queue holds as many messages (or bytes) as it may. Nothing was stored. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
}
