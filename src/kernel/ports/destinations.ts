import type { DeliveryEnd } from '../delivery.js';

/** What is told to a destination or dead-letter queue of an asynchronous invocation. */
export interface DestinationMessage {
  readonly arn: string;
  /** JSON text of the record; of a dead letter the event's payload as it came. */
  readonly body: string;
  /** Of a dead letter what went wrong; of a record none. */
  readonly attributes: Readonly<Record<string, { readonly type: 'String' | 'Number'; readonly value: string }>>;
  readonly traceHeader: string;
  /** Whether its trace is recorded, if that has been decided. */
  readonly traced?: boolean;
  /** Whose event it was: unqualified ARN of the function, its name, the request's id, when (epoch ms). */
  readonly origin: {
    readonly functionArn: string;
    readonly functionName: string;
    readonly requestId: string;
    readonly atMs: number;
  };
}

export type { DeliveryEnd } from '../delivery.js';

/** One kind of target. Every call ends within 10 s, and never rejects. */
export interface Destination {
  accepts(arn: string): boolean;
  deliver(message: DestinationMessage): Promise<DeliveryEnd>;
}
