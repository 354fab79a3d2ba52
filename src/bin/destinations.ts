import { FileDestination } from '../adapters/file/destination.js';
import { HttpDestination } from '../adapters/http/destination.js';
import type { SnsClient } from '../adapters/sns/client.js';
import type { SqsClient } from '../adapters/sqs/client.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { DeliveryEnd, Destination, DestinationMessage } from '../kernel/ports/destinations.js';
import { secondMs } from '../kernel/units.js';

/** Longest delivery. Whatever is under way then may still happen: who is told may be told twice. */
export const deliveryMsMax = 10 * secondMs;

/** Where records and dead letters of asynchronous invocations can go besides functions and files. */
export interface DestinationPlaces {
  /** The service behind ARNs of SQS; null: none. */
  readonly queues?: SqsClient | null;
  /** The service behind ARNs of SNS; null: none. */
  readonly topics?: SnsClient | null;
  /** URLs below which records may be sent. */
  readonly urls?: readonly URL[];
  /** Certificates to believe besides Node's own, PEM. */
  readonly extraCa?: readonly string[] | null;
}

/** All kinds of destinations as one; `functions` tells those that are functions, `folder` has the files. */
export class Destinations {
  readonly #kinds: readonly Destination[];
  readonly #clock: Clock;

  constructor(places: DestinationPlaces, functions: Destination, folder: string, clock: Clock) {
    const { queues = null, topics = null, urls = [], extraCa = null } = places;
    const services = [queues, topics].filter((service) => service !== null);
    this.#kinds = [functions, ...services, new HttpDestination(urls, extraCa), new FileDestination(folder)];
    this.#clock = clock;
  }

  /** Ends within 10 s, and never rejects. */
  async deliver(message: DestinationMessage): Promise<DeliveryEnd> {
    const kind = this.#kinds.find((kind) => kind.accepts(message.arn));
    if (kind === undefined) return { kind: 'failed', again: false, reason: unreachable(message.arn) };
    let cancel: () => void = () => {};
    const late = new Promise<DeliveryEnd>((resolve) => {
      const reason = 'it did not answer in time';
      cancel = this.#clock.after(deliveryMsMax, () => resolve({ kind: 'failed', again: true, reason }));
    });
    const end = kind.deliver(message).catch((error: Error): DeliveryEnd => {
      return { kind: 'failed', again: true, reason: error.message };
    });
    return await Promise.race([end, late]).finally(cancel);
  }
}

function unreachable(arn: string): string {
  const service = arn.split(':')[2] ?? '';
  if (service === 'sqs' || service === 'sns') {
    return `this installation has no such service: start it with --${service}-endpoint URL`;
  }
  return `destinations of the kind ${service} cannot be told by this installation`;
}
