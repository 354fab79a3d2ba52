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
  /** Those of them that took from the function's provisioned concurrency. */
  provisionedInFlight: number;
  readonly reservedRate: TokenBucket;
  readonly provisionedRate: TokenBucket;
  /** What a request id points to while it runs; three objects per function instead of one per request. */
  readonly reserved: Holding;
  readonly provisioned: Holding;
  readonly unreserved: Holding;
}

interface Holding {
  readonly counted: Counted;
  readonly from: 'reserved' | 'provisioned' | 'unreserved';
}

const nothing: readonly CountingEffect[] = [];
/** Idle functions are forgotten once this many are known (and again at every doubling): ~200 B each. */
const functionsKeptMin = 1_024;

/**
 * Admits invocations or throttles them: reserved concurrency of the function, else its provisioned concurrency, and
 * beyond that the account's unreserved pool (account concurrency minus all reservations and all that is provisioned
 * without one), each with its request rate. Reserved and provisioned concurrency are guaranteed: a function within
 * them is never held back by others. `admit` of a running request id is answered `admitted` and counted once;
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

  /** Of each account and region that was ever invoked in: invocations in flight that took from its unreserved pool. */
  *unreserved(): Iterable<{ readonly account: string; readonly region: string; readonly inFlight: number }> {
    for (const [key, { unreservedInFlight }] of this.#territories) {
      const [account = '', region = ''] = key.split('/');
      yield { account, region, inFlight: unreservedInFlight };
    }
  }

  step(input: CountingInput): readonly CountingEffect[] {
    if (input.kind === 'release') {
      this.#release(input.requestId);
      return nothing;
    }
    const { requestId } = input;
    if (this.#holdings.has(requestId)) return [{ kind: 'admitted', requestId }];
    const counted = this.#functions.get(input.functionKey) ?? this.#know(input);
    let holding = counted.reserved;
    let reason: ThrottleReason | null = null;
    if (input.reserved !== null) reason = this.#tryReserved(counted, input);
    else if (this.#takesProvisioned(counted, input)) holding = counted.provisioned;
    else {
      holding = counted.unreserved;
      reason = this.#tryUnreserved(counted, input);
    }
    if (reason !== null) return [{ kind: 'throttled', requestId, reason }];
    this.#count(holding, 1);
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

  /** Else the unreserved pool is asked: provisioned concurrency is no limit (without a reservation). */
  #takesProvisioned(counted: Counted, input: Admit): boolean {
    if (counted.provisionedInFlight >= input.provisioned) return false;
    // Only right after something was provisioned or reserved: what took its place before still runs.
    if (counted.territory.inFlight >= this.#accountConcurrency) return false;
    return counted.provisionedRate.take(input.nowMs, input.provisioned * this.#ratePerConcurrency);
  }

  #tryUnreserved({ territory }: Counted, input: Admit): ThrottleReason | null {
    const pool = Math.max(0, this.#accountConcurrency - input.reservedInAccount - input.provisionedInAccount);
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
    this.#count(holding, -1);
  }

  #count({ counted, from }: Holding, by: 1 | -1): void {
    counted.inFlight += by;
    counted.territory.inFlight += by;
    if (from === 'unreserved') counted.territory.unreservedInFlight += by;
    else if (from === 'provisioned') counted.provisionedInFlight += by;
  }

  #know(input: Admit): Counted {
    if (this.#functions.size >= this.#sweepAt) this.#sweep(input.nowMs);
    const territoryKey = `${input.account}/${input.region}`;
    let territory = this.#territories.get(territoryKey);
    if (territory === undefined) {
      territory = { inFlight: 0, unreservedInFlight: 0, unreservedRate: new TokenBucket() };
      this.#territories.set(territoryKey, territory);
    }
    const counted = {
      territory,
      inFlight: 0,
      provisionedInFlight: 0,
      reservedRate: new TokenBucket(),
      provisionedRate: new TokenBucket(),
    } as { -readonly [K in keyof Counted]: Counted[K] };
    counted.reserved = { counted, from: 'reserved' };
    counted.provisioned = { counted, from: 'provisioned' };
    counted.unreserved = { counted, from: 'unreserved' };
    this.#functions.set(input.functionKey, counted);
    return counted;
  }

  #sweep(nowMs: number): void {
    for (const [key, counted] of this.#functions) {
      const full = counted.reservedRate.isFull(nowMs) && counted.provisionedRate.isFull(nowMs);
      if (counted.inFlight === 0 && full) this.#functions.delete(key);
    }
    this.#sweepAt = Math.max(functionsKeptMin, 2 * this.#functions.size);
  }
}
