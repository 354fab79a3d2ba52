/**
 * A runtime that answers within this time is waited for awake. Asleep, the loop is woken some 30 µs after the answer was
 * written (an idle core has to wake, and the system to find what for); an echo takes 60–100 µs in all. Beyond it the
 * waking matters little, and the core is worth more to others.
 */
export const busyPollMs = 0.2;

/**
 * Keeps the event loop from falling asleep while the only invocation under way is about to be answered. With a second one
 * under way there is other work that waits for the cores.
 */
export class BusyPoll {
  readonly #now: () => number;
  readonly #pollMs: number;
  #underWay = 0;
  #untilMs = 0;
  #polling = false;

  /** `pollMs`: 0 for a machine of one core, whose runtimes would wait for the loop to sleep. */
  constructor(now: () => number, pollMs = busyPollMs) {
    this.#now = now;
    this.#pollMs = pollMs;
  }

  get polling(): boolean {
    return this.#polling;
  }

  /** An invocation goes to a runtime. `expectedMs`: what the last one took there; null: nothing is known. */
  begun(expectedMs: number | null): void {
    this.#underWay += 1;
    if (this.#underWay > 1 || expectedMs === null || expectedMs >= this.#pollMs) return;
    this.#untilMs = this.#now() + this.#pollMs;
    if (this.#polling) return;
    this.#polling = true;
    setImmediate(this.#turn);
  }

  ended(): void {
    this.#underWay -= 1;
    this.#untilMs = 0;
  }

  readonly #turn = (): void => {
    if (this.#underWay === 1 && this.#now() < this.#untilMs) setImmediate(this.#turn);
    else this.#polling = false;
  };
}
