/** `ACCOUNT/REGION/NAME`. */
export type FunctionKey = string;

/** What the poller of events tells, as CloudWatch's metrics of asynchronous invocation count it. Must not throw. */
export interface AsyncObserver {
  /** An event is on disk (AsyncEventsReceived). */
  received(of: FunctionKey): void;
  /** An attempt begins, so long after that (AsyncEventAge, milliseconds). */
  age(of: FunctionKey, ageMs: number): void;
  /** An event is given up (AsyncEventsDropped), whether or not anybody is told. */
  dropped(of: FunctionKey): void;
  /** Nobody could be told (DestinationDeliveryFailures, DeadLetterErrors). */
  undelivered(of: FunctionKey, kind: 'destination' | 'dead-letter'): void;
  /** Stopped in a loop (RecursiveInvocationsDropped). */
  recursion(of: FunctionKey): void;
}

/** Each hears everything. */
export function asyncObservers(...all: readonly AsyncObserver[]): AsyncObserver {
  return {
    received: (of) => all.forEach((one) => void one.received(of)),
    age: (of, ageMs) => all.forEach((one) => void one.age(of, ageMs)),
    dropped: (of) => all.forEach((one) => void one.dropped(of)),
    undelivered: (of, kind) => all.forEach((one) => void one.undelivered(of, kind)),
    recursion: (of) => all.forEach((one) => void one.recursion(of)),
  };
}

/** Sums over all functions since the start, for `hearth status`. */
export class AsyncCounts implements AsyncObserver {
  readonly #counts = { received: 0, dropped: 0, undelivered: 0, recursions: 0, ageMsMax: 0 };

  get counts(): {
    readonly received: number;
    readonly dropped: number;
    readonly undelivered: number;
    readonly recursions: number;
    /** Age of the oldest event that was attempted. */
    readonly ageMsMax: number;
  } {
    return { ...this.#counts };
  }

  received(): void {
    this.#counts.received += 1;
  }
  age(_of: FunctionKey, ageMs: number): void {
    if (ageMs > this.#counts.ageMsMax) this.#counts.ageMsMax = ageMs;
  }
  dropped(): void {
    this.#counts.dropped += 1;
  }
  undelivered(): void {
    this.#counts.undelivered += 1;
  }
  recursion(): void {
    this.#counts.recursions += 1;
  }
}
