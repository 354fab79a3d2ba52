import { secondMs } from '../../kernel/units.js';
import type { Patrolled } from '../patrol.js';
import { StandbyPlan } from './standbyplan.js';

/**
 * What has just been started has the processor first, until its first reply: emulated, and on a busy machine, its hooks
 * and handler need most of a second.
 */
const restMs = 2 * secondMs;
/**
 * What was lost so often while nobody used anything like it is not made again before somebody does. As many as wait
 * (`clonesMax`, `preparedMax`), twice: who kills them all gets others, and what cannot stay is not made for ever.
 */
export const lossesMax = 4;

/** Something that waits. */
export interface StandbyItem {
  /** It has ended by itself. */
  readonly ended: Promise<unknown>;
  /** It was killed, and ends when it runs on. Absent: it would have ended. Up to 200 µs. */
  readonly doomed?: boolean;
  /** Resolves when nothing of it is left. */
  dispose(): Promise<void>;
}

export interface StandbyWorld<Wish, Item> {
  /** Makes one. `number`: how many were asked for before. Rejects when it cannot be made; nothing is left then. */
  make(wish: Wish, number: number): Promise<Item>;
  /** Monotonic. */
  nowMs(): number;
}

/** One that waits or is being made. */
interface Held<Wish, Item> {
  readonly key: string;
  readonly wish: Wish;
  item: Item | null;
  /** Uses there had been when it was made. */
  readonly uses: number;
  /** Goes as soon as it can. */
  dropped: boolean;
}

/**
 * Keeps things ready for what was used lately (`StandbyPlan`), since making one takes longer than taking it. Made one at
 * a time, when nothing has been used for a while. What is of one key is all alike.
 */
export class Standby<Wish, Item extends StandbyItem> {
  readonly #plan: StandbyPlan;
  /** By key, of what the plan wants. */
  readonly #wishes = new Map<string, Wish>();
  /** By key: how many were lost since the last use. */
  readonly #losses = new Map<string, number>();
  #held: Held<Wish, Item>[] = [];
  #timer: NodeJS.Timeout | null = null;
  #making: Promise<void> | null = null;
  readonly #going = new Set<Promise<void>>();
  #settled: (() => void)[] = [];
  #made = 0;
  #lost = 0;
  #uses = 0;
  /** Uses under way; whichever ends last wakes us. */
  #using = 0;
  #restedMs = 0;
  #closed = false;

  /** `countMax` 0: nothing waits. */
  constructor(
    private readonly world: StandbyWorld<Wish, Item>,
    countMax: number,
  ) {
    this.#plan = new StandbyPlan(countMax);
  }

  /** Waiting, being made and going: at most `countMax`. */
  get count(): number {
    return this.#held.length;
  }

  /** Of those that stay: what they are for, and what waits already. */
  get held(): readonly { readonly wish: Wish; readonly item: Item | null }[] {
    return this.#held.filter(({ dropped }) => !dropped);
  }

  /** How many ended while they waited. */
  get lost(): number {
    return this.#lost;
  }

  *patrolled(): Iterable<Patrolled> {
    for (const held of this.#held) {
      yield {
        get doomed() {
          return held.item?.doomed === true;
        },
        letDie: () => this.#lose(held),
      };
    }
  }

  /** Something of this key is used from now on until the function that is returned is called. */
  used(key: string, wish: Wish): () => void {
    if (this.#closed) return () => {};
    this.#uses += 1;
    this.#using += 1;
    this.#plan.used(key, this.world.nowMs());
    this.#losses.delete(key);
    this.#wishes.set(key, wish);
    return () => {
      this.#using -= 1;
      this.#restedMs = this.world.nowMs() + restMs;
      this.#wake();
    };
  }

  /** One that waits: the caller's from now on. Null: there is none. */
  take(key: string): Item | null {
    for (const held of [...this.#held]) {
      const { item } = held;
      if (held.key !== key || item === null || held.dropped) continue;
      if (item.doomed) this.#lose(held);
      else {
        this.#held = this.#held.filter((one) => one !== held);
        return item;
      }
    }
    return null;
  }

  /** What is alike is gone, or was replaced: it is not wanted before it is used again. */
  forget(is: (wish: Wish) => boolean): void {
    for (const [key, wish] of this.#wishes) if (is(wish)) this.#forgetKey(key);
    for (const held of this.#held) if (is(held.wish)) void this.#drop(held);
  }

  /** Memory is short: one goes, and none is made before one is used again. False: there is none. */
  drop(): boolean {
    const staying = this.#held.filter(({ dropped }) => !dropped);
    const last = staying.pop();
    if (last === undefined) return false;
    this.#plan.shrink(staying.length);
    void this.#drop(last);
    return true;
  }

  /** Resolves when nothing is missing, or what is cannot be made. For benches and tests. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#settled.push(resolve);
      this.#restedMs = this.world.nowMs();
      this.#goOn();
    });
  }

  /** Resolves when nothing that waits is left. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const held of [...this.#held]) void this.#drop(held);
    await this.#making;
    await Promise.all(this.#going);
    this.#settle();
  }

  #wake(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#closed) return;
    const now = this.world.nowMs();
    // Filled: until what is there is wanted no more.
    const atMs = this.#restedMs > now ? this.#restedMs : this.#plan.expiresMs;
    if (atMs === null) return;
    this.#timer = setTimeout(() => this.#work(), Math.max(1, atMs - now));
    this.#timer.unref();
  }

  #work(): void {
    this.#timer = null;
    if (this.#closed || this.#making !== null || this.#using > 0) return;
    const keys = this.#held.map(({ key }) => key);
    const { drop, prepare } = this.#plan.next(keys, this.world.nowMs());
    const going = drop.map((index) => this.#held[index]!).map((held) => this.#drop(held));
    for (const key of this.#wishes.keys()) if (!this.#plan.wants(key)) this.#forgetKey(key);
    const wish = prepare === null ? undefined : this.#wishes.get(prepare);
    if (wish !== undefined) this.#making = this.#make(prepare!, wish);
    else if (going.length === 0) {
      this.#settle();
      this.#wake();
    }
  }

  async #make(key: string, wish: Wish): Promise<void> {
    const held: Held<Wish, Item> = { key, wish, uses: this.#uses, item: null, dropped: false };
    this.#held.push(held);
    try {
      this.#made += 1;
      const item = await this.world.make(wish, this.#made);
      held.item = item;
      void item.ended.then(() => this.#lose(held));
      if (held.dropped) await this.#dispose(held);
    } catch {
      // The next use says why, and makes it wanted again: one that came meanwhile already has.
      if (held.uses === this.#uses) this.#forgetKey(key);
      this.#held = this.#held.filter((one) => one !== held);
    }
    this.#making = null;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#closed || this.#making !== null) return;
    if (this.#restedMs > this.world.nowMs()) this.#wake();
    else this.#work();
  }

  #forgetKey(key: string): void {
    this.#plan.forget(key);
    this.#wishes.delete(key);
    this.#losses.delete(key);
  }

  /** It ended, or was killed, while it waited: another is made, after a while. */
  #lose(held: Held<Wish, Item>): void {
    if (held.dropped || !this.#held.includes(held)) return;
    this.#lost += 1;
    const losses = (this.#losses.get(held.key) ?? 0) + 1;
    this.#losses.set(held.key, losses);
    if (losses >= lossesMax) this.#forgetKey(held.key);
    this.#restedMs = Math.max(this.#restedMs, this.world.nowMs() + restMs);
    void this.#drop(held);
  }

  /** Does nothing for one that was taken. Resolves when nothing of it is left; one being made goes when it is made. */
  #drop(held: Held<Wish, Item>): Promise<void> {
    if (held.dropped || !this.#held.includes(held)) return Promise.resolve();
    held.dropped = true;
    return held.item === null ? Promise.resolve() : this.#dispose(held);
  }

  #dispose(held: Held<Wish, Item>): Promise<void> {
    const going = held
      .item!.dispose()
      .catch(() => {}) // Whoever made it sees to what is left.
      .finally(() => {
        this.#held = this.#held.filter((one) => one !== held);
        this.#going.delete(going);
        this.#goOn(); // There is room for another.
      });
    this.#going.add(going);
    return going;
  }

  #settle(): void {
    const settled = this.#settled;
    this.#settled = [];
    for (const resolve of settled) resolve();
  }
}
