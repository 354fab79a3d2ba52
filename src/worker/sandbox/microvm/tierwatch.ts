import type { SparseFsMetrics } from '../../../sparsefs/sparsefs.js';
import type { TierShare } from '../driver.js';

type TierBytes = Readonly<Record<string, number>>;

/** One start that somebody will ask about. */
export interface WatchedStart {
  /**
   * Bytes that each cache tier served since it began; ends it. Null: the file system is gone. What running machines read
   * for the first time meanwhile is among them.
   */
  tell(): Promise<TierShare | null>;
  /** Nobody asks any more. Idempotent. */
  end(): void;
}

/** The cache tiers count for all machines together: bytes are one start's alone where no other was under way. */
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
    const others = this.#underWay;
    const end = this.begin();
    const begun = this.#begun;
    // Requests are answered in their order: these are the figures from before what is asked for next.
    const before = this.#bytes();
    return {
      end,
      tell: async () => {
        end();
        const besides = others + this.#begun - begun;
        const [from, to] = await Promise.all([before, this.#bytes()]);
        if (from === null || to === null) return null;
        const served = Object.entries(to).map(([tier, bytes]) => [tier, bytes - (from[tier] ?? 0)]);
        return { bytes: Object.fromEntries(served), besides };
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
