import { mib, secondMs } from '../kernel/units.js';
import { ChunkError, type ChunkErrorKind } from './chunkerror.js';
import { isChunk, openChunk } from './codec.js';
import { withinMs } from './deadline.js';
import { type GateLimits, type Pass, UrgencyGate } from './gate.js';
import { TierCounters } from './latency.js';
import type { ChunkReader, ChunkRef, Urgency } from './layout.js';
import { MemoryTier } from './memorytier.js';
import type { Opening } from './openingthread.js';
import type { ChunkTier, TierMetrics } from './tier.js';

export interface TieredReaderOptions {
  /** Decoded chunks kept in memory. */
  readonly memoryBytesMax: number;
  /** Asked in this order: L1's disk, L2, origin. Those before the last are caches: they are given what a later one had. */
  readonly tiers: readonly ChunkTier[];
  readonly limits?: GateLimits;
  /** A read that is not answered by then rejects (`timeout`), however slow a tier is. */
  readonly deadlineMs?: Readonly<Record<Urgency, number>>;
  /**
   * Where chunks that nobody waits for yet (`prefetch`, `background`) are decrypted and decompressed; null or absent: here.
   * A fault's always are: it would wait behind them.
   */
  readonly opening?: Opening | null;
  /** Told about every answer with wrong bytes: for the log. */
  readonly onCorrupt?: (tier: string, name: string) => void;
}

/**
 * An origin 20 ms away gives one chunk (100 KB compressed, typically) per fetch in flight and 20 ms: 24 ask for 120 MB/s,
 * more than a network of 1 Gbit/s has. Eight more are free for faults at any time; streaming in the background takes
 * four. A fetch holds up to 1.1 MB (ciphertext and plaintext): 35 MB in all. What waits costs some 500 bytes: the
 * chunks of three guests of 10 GiB may.
 */
export const fetchLimits = { running: 32, prefetch: 24, background: 4, waiting: 65_536 } satisfies GateLimits;

/** A fault ends in an invocation error after that: below the shortest hook limit (10 s). The others may wait their turn. */
export const fetchDeadlineMs = {
  fault: 8 * secondMs,
  prefetch: 30 * secondMs,
  background: 120 * secondMs,
} satisfies Record<Urgency, number>;

/** Of chunks on their way into a cache tier, over all of them: one that would go beyond is not kept there. */
export const fillBytesMax = 64 * mib;

interface Fetch {
  readonly id: string;
  readonly done: Promise<Buffer>;
  readonly pass: Pass;
  /** Reads that have not given up. */
  waiters: number;
}

type Answer =
  | { readonly plaintext: Buffer }
  | { readonly plaintext: null; readonly kind: ChunkErrorKind; readonly failure: string };

/** Reads chunks: memory, then tier by tier. One for each process that reads; all methods are of one event loop. */
export class TieredReader implements ChunkReader {
  readonly #memory: MemoryTier;
  readonly #tiers: readonly ChunkTier[];
  readonly #gate: UrgencyGate;
  readonly #deadlineMs: Readonly<Record<Urgency, number>>;
  readonly #opening: Opening | null;
  readonly #onCorrupt: (tier: string, name: string) => void;
  readonly #memoryCounters = new TierCounters();
  readonly #counters: readonly TierCounters[];
  readonly #fetches = new Map<string, Fetch>();
  readonly #fills = new Set<Promise<void>>();
  #fillBytes = 0;

  constructor(options: TieredReaderOptions) {
    this.#memory = new MemoryTier(options.memoryBytesMax);
    this.#tiers = options.tiers;
    this.#gate = new UrgencyGate(options.limits ?? fetchLimits);
    this.#deadlineMs = options.deadlineMs ?? fetchDeadlineMs;
    this.#opening = options.opening ?? null;
    this.#onCorrupt = options.onCorrupt ?? (() => {});
    this.#counters = options.tiers.map(() => new TierCounters());
  }

  /** The chunk if it is in memory: what a page fault asks first. The buffer is shared: not to be changed. */
  cached(chunk: ChunkRef): Buffer | null {
    const startedMs = performance.now();
    const plaintext = this.#memory.get(chunk, startedMs);
    if (plaintext !== null) this.#memoryCounters.hit(plaintext.length, performance.now() - startedMs);
    return plaintext;
  }

  /** As ChunkReader says. The buffer is shared with other readers: not to be changed. */
  async read(chunk: ChunkRef, urgency: Urgency): Promise<Buffer> {
    const startedMs = performance.now();
    const plaintext = this.cached(chunk);
    if (plaintext !== null) return plaintext;
    this.#memoryCounters.miss(performance.now() - startedMs);
    return await this.#join(this.#fetchOf(chunk, urgency), chunk, urgency);
  }

  /** By tier: `memory` and the names of the others. */
  metrics(): Readonly<Record<string, TierMetrics>> {
    const others = this.#tiers.map(({ name }, at) => [name, this.#counters[at]!.metrics()]);
    return { memory: this.#memoryCounters.metrics(), ...Object.fromEntries(others) };
  }

  /** Bytes of decoded chunks held now. */
  get memoryBytes(): number {
    return this.#memory.bytes;
  }

  /** Resolves when what was read has reached the caches before its tier: for tests and an orderly end. */
  async settled(): Promise<void> {
    while (this.#fills.size > 0) await Promise.all(this.#fills);
  }

  #fetchOf(chunk: ChunkRef, urgency: Urgency): Fetch {
    // By name and key: with a wrong key one fetch must not spoil another's.
    const id = `${chunk.name}${chunk.key.toString('latin1')}`;
    const running = this.#fetches.get(id);
    if (running !== undefined) {
      this.#gate.raise(running.pass, urgency);
      return running;
    }
    let entered = () => {};
    let refused: (error: ChunkError) => void = () => {};
    const entrance = new Promise<void>((resolve, reject) => {
      entered = resolve;
      refused = reject;
    });
    const pass = this.#gate.pass(urgency, entered, refused);
    const fetch: Fetch = { id, done: entrance.then(() => this.#fetch(chunk, fetch)), pass, waiters: 0 };
    this.#fetches.set(id, fetch);
    const over = () => {
      this.#gate.leave(pass);
      if (this.#fetches.get(id) === fetch) this.#fetches.delete(id);
    };
    fetch.done.then(over, over);
    return fetch;
  }

  async #join(fetch: Fetch, chunk: ChunkRef, urgency: Urgency): Promise<Buffer> {
    fetch.waiters++;
    try {
      return await withinMs(this.#deadlineMs[urgency], `chunk ${chunk.name}`, fetch.done);
    } finally {
      fetch.waiters--;
      // Nobody waits for what still waits for its turn: it need not begin.
      if (fetch.waiters === 0 && fetch.pass.state === 'waiting')
        fetch.pass.refuse(new ChunkError('timeout', 'too late'));
    }
  }

  async #fetch(chunk: ChunkRef, fetch: Fetch): Promise<Buffer> {
    const failures: string[] = [];
    let kind: ChunkErrorKind = 'missing';
    for (const at of this.#tiers.keys()) {
      // The last tier has nobody behind it: wrong bytes from it may be those of one bad transfer.
      const attempts = at === this.#tiers.length - 1 ? 2 : 1;
      for (let attempt = 0; attempt < attempts; attempt++) {
        const answer = await this.#ask(at, chunk, fetch.pass);
        if (answer.plaintext !== null) return answer.plaintext;
        failures.push(`${this.#tiers[at]!.name}: ${answer.failure}`);
        if (answer.kind !== 'missing') kind = answer.kind;
        if (answer.kind !== 'corrupt') break;
      }
    }
    throw new ChunkError(kind, `chunk ${chunk.name}: ${failures.join('; ')}`);
  }

  async #ask(at: number, chunk: ChunkRef, pass: Pass): Promise<Answer> {
    const tier = this.#tiers[at]!;
    const counters = this.#counters[at]!;
    const startedMs = performance.now();
    let ciphertext: Buffer | null;
    try {
      const asked = tier.get(chunk.name, chunk.storedBytes, pass.urgency);
      ciphertext = await withinMs(this.#deadlineMs[pass.urgency], 'no answer', asked);
    } catch (error) {
      counters.miss(performance.now() - startedMs);
      const kind = error instanceof ChunkError ? error.kind : 'missing';
      return { plaintext: null, kind, failure: (error as Error).message };
    }
    if (ciphertext === null) {
      counters.miss(performance.now() - startedMs);
      return { plaintext: null, kind: 'missing', failure: 'not there' };
    }
    try {
      const elsewhere = pass.urgency === 'fault' ? null : this.#opening;
      const plaintext = elsewhere === null ? openChunk(chunk, ciphertext) : await elsewhere.open(chunk, ciphertext);
      counters.hit(ciphertext.length, performance.now() - startedMs);
      this.#memory.add(chunk, plaintext, performance.now());
      this.#fill(this.#tiers.slice(0, at), chunk.name, ciphertext);
      return { plaintext };
    } catch (error) {
      // The right bytes, and they do not open: it is who asks that is wrong.
      if (isChunk(chunk.name, chunk.storedBytes, ciphertext)) throw error;
      counters.corrupt(performance.now() - startedMs);
      this.#onCorrupt(tier.name, chunk.name);
      // The last tier is no cache.
      if (at < this.#tiers.length - 1) await tier.discard?.(chunk.name);
      return { plaintext: null, kind: 'corrupt', failure: 'wrong bytes' };
    }
  }

  /** The caches that lacked it, or had it wrong, get it: wrong bytes are replaced. */
  #fill(caches: readonly ChunkTier[], name: string, ciphertext: Buffer): void {
    for (const cache of caches) {
      if (this.#fillBytes + ciphertext.length > fillBytesMax) return;
      this.#fillBytes += ciphertext.length;
      const fill: Promise<void> = cache
        .put(name, ciphertext)
        .catch(() => {})
        .finally(() => {
          this.#fills.delete(fill);
          this.#fillBytes -= ciphertext.length;
        });
      this.#fills.add(fill);
    }
  }
}
