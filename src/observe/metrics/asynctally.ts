import type { AsyncObserver, FunctionKey } from '../../async/observer.js';
import { type Family, labels, type Sample } from './exposition.js';
import { ageBounds, Histogram } from './histogram.js';

/** Functions with series of their own; what comes later counts as `other`. */
export const functionsMax = 5_000;

interface Counts {
  readonly labels: string;
  received: number;
  dropped: number;
  deadLetterErrors: number;
  deliveryFailures: number;
  recursions: number;
  ages: Histogram | null;
}

type Counter = 'received' | 'dropped' | 'deadLetterErrors' | 'deliveryFailures' | 'recursions';

/** Numbers of asynchronous invocation since the start, as CloudWatch has them. */
export class AsyncTally implements AsyncObserver {
  readonly #functions = new Map<FunctionKey, Counts>();
  readonly #other = countsOf('other/other/other');

  constructor(private readonly countMax = functionsMax) {}

  received(of: FunctionKey): void {
    this.#of(of).received += 1;
  }

  age(of: FunctionKey, ageMs: number): void {
    const counts = this.#of(of);
    counts.ages ??= new Histogram(ageBounds);
    counts.ages.add(ageMs / 1_000);
  }

  dropped(of: FunctionKey): void {
    this.#of(of).dropped += 1;
  }

  undelivered(of: FunctionKey, kind: 'destination' | 'dead-letter'): void {
    this.#of(of)[kind === 'destination' ? 'deliveryFailures' : 'deadLetterErrors'] += 1;
  }

  recursion(of: FunctionKey): void {
    this.#of(of).recursions += 1;
  }

  families(): readonly Family[] {
    return [
      this.#counter('async_events_received', 'Events accepted (AWS: AsyncEventsReceived).', 'received'),
      this.#counter('async_events_dropped', 'Events given up (AWS: AsyncEventsDropped).', 'dropped'),
      {
        name: 'hearth_lambda_async_event_age_seconds',
        type: 'histogram',
        help: 'Age of events when an attempt begins (AWS: AsyncEventAge).',
        samples: () => this.#ages(),
      },
      this.#counter(
        'dead_letter_errors',
        'Events no dead-letter queue could be told of (AWS: DeadLetterErrors).',
        'deadLetterErrors',
      ),
      this.#counter(
        'destination_delivery_failures',
        'Records that no destination took (AWS: DestinationDeliveryFailures).',
        'deliveryFailures',
      ),
      this.#counter(
        'recursive_invocations_dropped',
        'Invocations stopped in a loop (AWS: RecursiveInvocationsDropped).',
        'recursions',
      ),
    ];
  }

  #of(key: FunctionKey): Counts {
    let counts = this.#functions.get(key);
    if (counts === undefined) {
      if (this.#functions.size >= this.countMax) return this.#other;
      counts = countsOf(key);
      this.#functions.set(key, counts);
    }
    return counts;
  }

  *#all(): Iterable<Counts> {
    yield* this.#functions.values();
    if (this.#functions.size >= this.countMax) yield this.#other;
  }

  *#each(what: Counter): Iterable<Sample> {
    for (const counts of this.#all()) yield { labels: counts.labels, value: counts[what] };
  }

  *#ages(): Iterable<Sample> {
    for (const { labels: given, ages } of this.#all()) if (ages !== null) yield { labels: given, value: ages };
  }

  #counter(name: string, help: string, what: Counter): Family {
    return { name: `hearth_lambda_${name}_total`, type: 'counter', help, samples: () => this.#each(what) };
  }
}

function countsOf(key: FunctionKey): Counts {
  const [account = '', region = '', name = ''] = key.split('/');
  const zero = { received: 0, dropped: 0, deadLetterErrors: 0, deliveryFailures: 0, recursions: 0 };
  return { labels: labels({ account, region, function: name }), ...zero, ages: null };
}
