/** What was used less than this ago is likely to be used again: as long as an idle sandbox is kept at least. */
const hotMs = 600_000;

/**
 * What snapshots something is kept ready for: those that were restored last, one each, and further ones of the same
 * while there is room. Pure.
 */
export class StandbyPlan {
  /** When each was restored last, the latest last; at most `countMax`. */
  readonly #uses = new Map<string, number>();

  #count: number;

  constructor(private readonly countMax: number) {
    this.#count = countMax;
  }

  used(key: string, nowMs: number): void {
    this.#count = this.countMax;
    this.#uses.delete(key);
    if (this.countMax > 0) this.#uses.set(key, nowMs);
    const [oldest] = this.#uses.keys();
    if (this.#uses.size > this.countMax && oldest !== undefined) this.#uses.delete(oldest);
  }

  /** It is gone, or cannot be prepared: not wanted before it is used again. */
  forget(key: string): void {
    this.#uses.delete(key);
  }

  /** No more than `count` machines until something is used again: memory is short. */
  shrink(count: number): void {
    this.#count = count;
  }

  wants(key: string): boolean {
    return this.#uses.has(key);
  }

  /** What machines there shall be, the most urgent first; a snapshot may be among them several times. */
  wanted(nowMs: number): readonly string[] {
    for (const [key, usedMs] of this.#uses) if (nowMs - usedMs >= hotMs) this.#uses.delete(key);
    const hot = [...this.#uses.keys()].reverse();
    return hot.length === 0 ? [] : Array.from({ length: this.#count }, (_, index) => hot[index % hot.length]!);
  }

  /**
   * `held`: what the machines that there are were prepared for. `drop`: which of them (by place) nobody needs; `prepare`:
   * what is missing most, or null; only once there is room for it.
   */
  next(held: readonly string[], nowMs: number): { readonly drop: readonly number[]; readonly prepare: string | null } {
    const missing = [...this.wanted(nowMs)];
    const drop = held.flatMap((key, index) => {
      const place = missing.indexOf(key);
      if (place < 0) return [index];
      missing.splice(place, 1);
      return [];
    });
    return { drop, prepare: held.length < this.countMax ? (missing[0] ?? null) : null };
  }

  /** When something is no longer wanted though nothing happens, or null. */
  get expiresMs(): number | null {
    const [oldest] = this.#uses.values();
    return oldest === undefined ? null : oldest + hotMs;
  }
}
