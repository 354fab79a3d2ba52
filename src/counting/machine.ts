import type { RequestId } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import { secondMs } from '../kernel/units.js';
import type { CountingEffect, CountingInput, FunctionKey, ThrottleReason } from './messages.js';

export interface CountingOptions {
  /** Concurrent invocations of one account in one region. */
  readonly accountConcurrency?: number;
  /** Requests per second for each unit of concurrency. AWS documentation, "Understanding concurrency": 10. */
  readonly requestsPerSecondPerConcurrency?: number;
}

type Admit = Extract<CountingInput, { kind: 'admit' }>;

/** Tokens refill continuously; a full bucket holds one second's worth, so an idle second can be caught up at once. */
class TokenBucket {
  #tokens = Number.POSITIVE_INFINITY;
  #filledMs = 0;

  /** Takes one token when `perSecond` allows it; a changed rate counts from this call on. */
  take(nowMs: number, perSecond: number): boolean {
    const elapsedMs = Math.max(0, nowMs - this.#filledMs);
    this.#tokens = Math.min(perSecond, this.#tokens + (elapsedMs * perSecond) / secondMs);
    this.#filledMs = Math.max(this.#filledMs, nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Whether forgetting it makes no difference: everything it holds back comes back within a second. */
  isFull(nowMs: number): boolean {
    return nowMs - this.#filledMs >= secondMs;
  }
}

/** One account in one region. */
interface Territory {
  inFlight: number;
  unreservedInFlight: number;
  readonly unreservedRate: TokenBucket;
}

interface Counted {
  readonly territory: Territory;
  /** All of the function's invocations: those admitted before its reservation count against it too. */
  inFlight: number;
  readonly reservedRate: TokenBucket;
  /** What a request id points to while it runs; two objects per function instead of one per request. */
  readonly reserved: Holding;
  readonly unreserved: Holding;
}

interface Holding {
  readonly counted: Counted;
  readonly fromUnreserved: boolean;
}

const nothing: readonly CountingEffect[] = [];
/** Idle functions are forgotten once this many are known (and again at every doubling): ~200 B each. */
const functionsKeptMin = 1_024;

/**
 * Admits invocations or throttles them: reserved concurrency of the function, else the account's unreserved pool
 * (account concurrency minus all reservations), each with its request rate. A reservation is guaranteed: a function
 * within it is never held back by others. `admit` of a running request id is answered `admitted` and counted once;
 * `release` of an unknown id is ignored, so both may be repeated.
 */
export class CountingMachine {
  readonly #accountConcurrency: number;
  readonly #ratePerConcurrency: number;
  readonly #territories = new Map<string, Territory>();
  readonly #functions = new Map<FunctionKey, Counted>();
  readonly #holdings = new Map<RequestId, Holding>();
  #sweepAt = functionsKeptMin;

  constructor({
    accountConcurrency = limits.accountConcurrency,
    requestsPerSecondPerConcurrency = 10,
  }: CountingOptions = {}) {
    this.#accountConcurrency = accountConcurrency;
    this.#ratePerConcurrency = requestsPerSecondPerConcurrency;
  }

  /** Invocations admitted and not yet released, over all accounts. */
  get inFlight(): number {
    return this.#holdings.size;
  }

  step(input: CountingInput): readonly CountingEffect[] {
    if (input.kind === 'release') {
      this.#release(input.requestId);
      return nothing;
    }
    const { requestId } = input;
    if (this.#holdings.has(requestId)) return [{ kind: 'admitted', requestId }];
    const counted = this.#functions.get(input.functionKey) ?? this.#count(input);
    const reason = input.reserved === null ? this.#tryUnreserved(counted, input) : this.#tryReserved(counted, input);
    if (reason !== null) return [{ kind: 'throttled', requestId, reason }];
    const holding = input.reserved === null ? counted.unreserved : counted.reserved;
    counted.inFlight += 1;
    counted.territory.inFlight += 1;
    if (holding.fromUnreserved) counted.territory.unreservedInFlight += 1;
    this.#holdings.set(requestId, holding);
    return [{ kind: 'admitted', requestId }];
  }

  #tryReserved(counted: Counted, input: Admit): ThrottleReason | null {
    const reserved = input.reserved ?? 0;
    if (counted.inFlight >= reserved) return 'ReservedFunctionConcurrentInvocationLimitExceeded';
    if (!counted.reservedRate.take(input.nowMs, reserved * this.#ratePerConcurrency)) {
      return 'ReservedFunctionInvocationRateLimitExceeded';
    }
    return null;
  }

  #tryUnreserved({ territory }: Counted, input: Admit): ThrottleReason | null {
    const pool = Math.max(0, this.#accountConcurrency - input.reservedInAccount);
    // The second condition matters right after a reservation was lowered or made: its work still runs.
    if (territory.unreservedInFlight >= pool || territory.inFlight >= this.#accountConcurrency) {
      return 'ConcurrentInvocationLimitExceeded';
    }
    if (!territory.unreservedRate.take(input.nowMs, pool * this.#ratePerConcurrency)) {
      return 'FunctionInvocationRateLimitExceeded';
    }
    return null;
  }

  #release(requestId: RequestId): void {
    const holding = this.#holdings.get(requestId);
    if (holding === undefined) return;
    this.#holdings.delete(requestId);
    const { counted } = holding;
    counted.inFlight -= 1;
    counted.territory.inFlight -= 1;
    if (holding.fromUnreserved) counted.territory.unreservedInFlight -= 1;
  }

  #count(input: Admit): Counted {
    if (this.#functions.size >= this.#sweepAt) this.#sweep(input.nowMs);
    const territoryKey = `${input.account}/${input.region}`;
    let territory = this.#territories.get(territoryKey);
    if (territory === undefined) {
      territory = { inFlight: 0, unreservedInFlight: 0, unreservedRate: new TokenBucket() };
      this.#territories.set(territoryKey, territory);
    }
    const counted = { territory, inFlight: 0, reservedRate: new TokenBucket() } as {
      -readonly [K in keyof Counted]: Counted[K];
    };
    counted.reserved = { counted, fromUnreserved: false };
    counted.unreserved = { counted, fromUnreserved: true };
    this.#functions.set(input.functionKey, counted);
    return counted;
  }

  #sweep(nowMs: number): void {
    for (const [key, counted] of this.#functions) {
      if (counted.inFlight === 0 && counted.reservedRate.isFull(nowMs)) this.#functions.delete(key);
    }
    this.#sweepAt = Math.max(functionsKeptMin, 2 * this.#functions.size);
  }
}
