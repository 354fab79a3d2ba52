import type { SparseFsMetrics } from '../../../sparsefs/sparsefs.js';

export type TierBytes = Readonly<Record<string, number>>;

/** One start that somebody will ask about. */
export interface WatchedStart {
  /**
   * Bytes that each cache tier served since it began; ends it. Null: another machine was started meanwhile, or the file
   * system is gone. What running machines read for the first time meanwhile is among them.
   */
  tell(): Promise<TierBytes | null>;
  /** Nobody asks any more. Idempotent. */
  end(): void;
}

/** The cache tiers count for all machines together: which of it was one start's is known of those that were alone. */
export class TierWatch {
  #begun = 0;
  #underWay = 0;

  constructor(private readonly metrics: () => Promise<Pick<SparseFsMetrics, 'tiers'>>) {}

  /** A machine starts; the function that is returned says that it has, or never will. */
  begin(): () => void {
    this.#begun += 1;
    this.#underWay += 1;
    let over = false;
    return () => {
      if (!over) this.#underWay -= 1;
      over = true;
    };
  }

  /** The same of one that somebody will ask about. Never waits. */
  watch(): WatchedStart {
    const alone = this.#underWay === 0;
    const end = this.begin();
    const begun = this.#begun;
    // Requests are answered in their order: these are the figures from before what is asked for next.
    const before = alone ? this.#bytes() : null;
    return {
      end,
      tell: async () => {
        end();
        if (before === null || this.#begun !== begun) return null;
        const [from, to] = await Promise.all([before, this.#bytes()]);
        if (from === null || to === null) return null;
        return Object.fromEntries(Object.entries(to).map(([tier, bytes]) => [tier, bytes - (from[tier] ?? 0)]));
      },
    };
  }

  async #bytes(): Promise<TierBytes | null> {
    try {
      const { tiers } = await this.metrics();
      return Object.fromEntries(Object.entries(tiers).map(([tier, { bytes }]) => [tier, bytes]));
    } catch {
      return null;
    }
  }
}
