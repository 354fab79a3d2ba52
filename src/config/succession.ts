import type { PoolKey } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import { secondMs } from '../kernel/units.js';
import type { FunctionSpec } from '../wire/functionspec.js';

/** An update waits so long for those who make ready for it: a hand-over ends after 15 s; a third more for a slow machine. */
export const successionMsMax = 20 * secondMs;

/** `to` is about to replace `from`: resolves when it may. Must not reject. */
export type SuccessionListener = (from: PoolKey, to: FunctionSpec) => Promise<void>;

/** Whoever wants to make ready before invocations get something new. */
export class Succession {
  readonly #clock: Clock;
  readonly #listeners = new Set<SuccessionListener>();
  readonly #closed: Promise<void>;
  #close: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  on(listener: SuccessionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when all listeners are done, at the latest after `successionMsMax`; at once when there are none. */
  async between(from: PoolKey, to: FunctionSpec): Promise<void> {
    if (this.#listeners.size === 0) return;
    let end = () => {};
    const late = new Promise<void>((resolve) => {
      end = this.#clock.after(successionMsMax, resolve);
    });
    const ready = Promise.all([...this.#listeners].map((listener) => listener(from, to)));
    await Promise.race([ready, late, this.#closed]).finally(end);
  }

  /** Nobody is waited for any more. */
  close(): void {
    this.#close();
  }
}
