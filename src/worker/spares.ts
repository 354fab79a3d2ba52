import { secondMs } from '../kernel/units.js';
import type { RuntimeName } from '../wire/functionspec.js';
import { BoxLink } from './boxlink.js';
import type { Patrolled } from './patrol.js';
import type { RuntimeLaunch, SandboxDriver } from './sandbox/driver.js';

/** What a waiting box is counted as, beside the driver's `boxOwnMib`: a booted Node without code holds 40 to 50 MiB. */
export const spareMemoryMib = 64;
/** After a boot that failed, or the loss of a spare, the next is tried no sooner. */
const retryMs = 5 * secondMs;
/**
 * A spare taken is replaced this much later: a boot takes a whole core for some 25 ms, and the cold start that took the
 * spare, which needs that core, is over in half of it.
 */
const refillDelayMs = 25;
/** The same where boxes are emulated: such a cold start takes that long on a busy machine. */
const emulatedRefillDelayMs = 2 * secondMs;
/** A box that has not said HELLO by then is killed. */
const helloMsMax = 30 * secondMs;

/** What a box is for. */
export interface SpareUse {
  readonly account: string;
  readonly memoryMib: number;
}

/** Which spares: with a driver whose spares two accounts may not share, those of one account. */
interface Kind {
  readonly runtime: RuntimeName;
  readonly account: string | null;
}

export interface SparesOptions {
  readonly driver: SandboxDriver;
  readonly launch: (runtime: RuntimeName) => Promise<RuntimeLaunch>;
  readonly perRuntime: number;
  /** Whether this many MiB are still free for one more spare. */
  readonly fits: (memoryMib: number) => boolean;
  readonly boxId: () => string;
}

/**
 * Boxes that are booted, know no function, and wait frozen: a cold start that finds one only binds and initializes.
 * Refilled one at a time over all runtimes, so that refilling never competes with itself for the machine.
 */
export class Spares {
  readonly #options: SparesOptions;
  /** By kind, as text. */
  readonly #wanted = new Map<string, Kind>();
  readonly #waiting = new Map<string, BoxLink[]>();
  readonly #resting = new Map<string, NodeJS.Timeout>();
  #settled: (() => void)[] = [];
  #filling = false;
  #lost = 0;
  #later: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: SparesOptions) {
    this.#options = options;
  }

  /** Boxes waiting (or being made) right now. */
  get count(): number {
    let count = this.#filling ? 1 : 0;
    for (const links of this.#waiting.values()) count += links.length;
    return count;
  }

  /** What they count as. */
  get mib(): number {
    return this.count * this.#oneMib;
  }

  get #oneMib(): number {
    return spareMemoryMib + this.#options.driver.boxOwnMib;
  }

  /** By runtime. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const [key, { runtime }] of this.#wanted) {
      const alive = this.#waiting.get(key)?.filter((link) => link.alive).length ?? 0;
      counts[runtime] = (counts[runtime] ?? 0) + alive;
    }
    return counts;
  }

  /** Spares that ended while they waited, since the start. */
  get lost(): number {
    return this.#lost;
  }

  *patrolled(): Iterable<Patrolled> {
    for (const [key, links] of this.#waiting) {
      for (const link of links) {
        yield {
          get doomed() {
            return link.doomed;
          },
          letDie: () => this.#lose(key, link),
        };
      }
    }
  }

  want(runtime: RuntimeName, account: string): void {
    const kind = this.#kind(runtime, account);
    const key = keyOf(kind);
    if (this.#options.perRuntime === 0 || this.#wanted.has(key)) return;
    this.#wanted.set(key, kind);
    this.#waiting.set(key, []);
    this.#refill();
  }

  /** A waiting box that serves this function, running again, or null. */
  take(runtime: RuntimeName, { account, memoryMib }: SpareUse): BoxLink | null {
    if (memoryMib > this.#options.driver.spareMemoryMibMax) return null;
    const key = keyOf(this.#kind(runtime, account));
    const links = this.#waiting.get(key);
    // What was killed in the last second is unknown to the patrol.
    for (let link = links?.[0]; link !== undefined && (!link.alive || link.doomed); link = links![0])
      this.#lose(key, link);
    const link = links?.shift() ?? null;
    link?.thaw();
    this.#refillLater();
    return link;
  }

  /**
   * Boots a box now; rejects with DriverError. A managed runtime is starting then: what it is told waits in its channel.
   * `held`: for a function that no spare can serve, since its runtime must start with the function's variables; a managed
   * runtime is then not started yet. `use`: what is known of the function it is for.
   */
  async boot(runtime: RuntimeName, held: boolean, use: Partial<SpareUse>): Promise<BoxLink> {
    const launch = await this.#options.launch(runtime);
    const waits = held && launch.command !== null;
    const box = await this.#options.driver.boot({
      boxId: this.#options.boxId(),
      runtime: waits ? { ...launch, command: null } : launch,
      ...use,
    });
    return new BoxLink(box, launch.command !== null, waits ? launch : null);
  }

  /** Gives memory back: the youngest spare first, as the older ones are surely warm. True when one went. */
  drop(): boolean {
    for (const links of this.#waiting.values()) {
      const link = links.pop();
      if (link === undefined) continue;
      void link.kill();
      return true;
    }
    return false;
  }

  /** Resolves when no spare is missing, or the missing ones could not be made. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#settled.push(resolve);
      this.#refill();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#resting.values()) clearTimeout(timer);
    if (this.#later !== null) clearTimeout(this.#later);
    await Promise.all([...this.#waiting.values()].flat().map((link) => link.kill()));
    this.#waiting.clear();
    this.#settle();
  }

  #kind(runtime: RuntimeName, account: string): Kind {
    return { runtime, account: this.#options.driver.sparesPerAccount ? account : null };
  }

  #missing(): Kind | null {
    if (this.#closed || !this.#options.fits(this.#oneMib)) return null;
    for (const [key, kind] of this.#wanted) {
      const links = this.#waiting.get(key)!;
      for (const link of links.filter(({ alive }) => !alive)) this.#lose(key, link);
      if (links.length < this.#options.perRuntime && !this.#resting.has(key)) return kind;
    }
    return null;
  }

  #refillLater(): void {
    let delayMs = refillDelayMs;
    if (this.#options.driver.rehearses) delayMs = emulatedRefillDelayMs;
    this.#later ??= setTimeout(() => {
      this.#later = null;
      this.#refill();
    }, delayMs);
  }

  #refill(): void {
    if (this.#filling) return;
    const kind = this.#missing();
    if (kind === null) {
      this.#settle();
      return;
    }
    this.#filling = true;
    // A turn later: whoever took a spare is served first.
    setImmediate(() => void this.#fill(kind));
  }

  async #fill(kind: Kind): Promise<void> {
    const { runtime, account } = kind;
    const key = keyOf(kind);
    try {
      const link = await this.boot(runtime, false, account === null ? {} : { account });
      await this.#greeted(link, runtime);
      const links = this.#waiting.get(key);
      if (this.#closed || links === undefined) await link.kill();
      else {
        links.push(link);
        link.freeze();
        void link.box.exited.then(() => this.#lose(key, link));
      }
    } catch {
      // Reported when a function needs the runtime: its own boot fails with the same reason.
      if (!this.#closed) this.#rest(key);
    }
    this.#filling = false;
    this.#refill();
  }

  async #greeted(link: BoxLink, runtime: RuntimeName): Promise<void> {
    const timer = setTimeout(() => void link.kill(), helloMsMax);
    const alive = await link.greeted;
    clearTimeout(timer);
    if (alive && (!this.#options.driver.rehearses || (await link.rehearse()))) return;
    await link.kill();
    throw new Error(`${runtime} did not start`);
  }

  /** One that waited has ended, or is to. Does nothing for any other. */
  #lose(key: string, link: BoxLink): void {
    const links = this.#waiting.get(key);
    if (this.#closed || links?.includes(link) !== true) return;
    links.splice(links.indexOf(link), 1);
    this.#lost += 1;
    void link.kill();
    this.#rest(key);
  }

  /** None of this kind is made for a while. */
  #rest(key: string): void {
    if (this.#resting.has(key)) return;
    const timer = setTimeout(() => {
      this.#resting.delete(key);
      this.#refill();
    }, retryMs);
    timer.unref();
    this.#resting.set(key, timer);
  }

  #settle(): void {
    const settled = this.#settled;
    this.#settled = [];
    for (const resolve of settled) resolve();
  }
}

function keyOf({ runtime, account }: Kind): string {
  return account === null ? runtime : `${runtime} of ${account}`;
}
