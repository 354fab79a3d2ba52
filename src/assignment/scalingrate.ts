interface Bucket {
  tokens: number;
  filledMs: number;
}

/** How fast each function may get new sandboxes: so many at once, refilled continuously, never more than that saved up. */
export class ScalingRate {
  readonly #most: number;
  readonly #perMs: number;
  /** Of functions that took any lately, the one that took longest ago first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(environmentsMax: number, periodMs: number) {
    this.#most = environmentsMax;
    this.#perMs = environmentsMax / periodMs;
  }

  /** Functions it remembers: those with creations in the last period. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Whether the function may have one more sandbox now. */
  take(functionKey: string, nowMs: number): boolean {
    const bucket = this.#fill(functionKey, nowMs);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    this.#buckets.delete(functionKey);
    this.#buckets.set(functionKey, bucket);
    this.#forgetFull(nowMs);
    return true;
  }

  /** One that was taken came to nothing. */
  give(functionKey: string): void {
    const bucket = this.#buckets.get(functionKey);
    if (bucket !== undefined) bucket.tokens += 1;
  }

  #fill(functionKey: string, nowMs: number): Bucket {
    const bucket = this.#buckets.get(functionKey);
    if (bucket === undefined) return { tokens: this.#most, filledMs: nowMs };
    const elapsedMs = Math.max(0, nowMs - bucket.filledMs);
    bucket.tokens = Math.min(this.#most, bucket.tokens + elapsedMs * this.#perMs);
    bucket.filledMs += elapsedMs;
    return bucket;
  }

  /** Those that are full again, two at most: as many as one call adds, and one more. */
  #forgetFull(nowMs: number): void {
    let looked = 0;
    for (const [functionKey, { tokens, filledMs }] of this.#buckets) {
      looked += 1;
      if (looked > 2 || tokens + (nowMs - filledMs) * this.#perMs < this.#most) return;
      this.#buckets.delete(functionKey);
    }
  }
}
