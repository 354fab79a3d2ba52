import type { SeededRandom } from './random.js';
import { messageMsMax, type Scenario } from './scenario.js';
import type { Schedule } from './schedule.js';

/**
 * Messages between the control plane and workers. Each takes 1–3 ms; some are late (up to `messageMsMax`, so they also
 * overtake each other), lost, or delivered twice. What real shells guarantee and this keeps: a message is never changed,
 * never later than `messageMsMax` (its connection is given up then), and an invocation and its answer, which are a
 * request and a response on one connection, are never repeated.
 */
export class Network {
  readonly #random: SeededRandom;
  readonly #schedule: Schedule;
  readonly #scenario: Scenario;
  /** Off while the run settles. */
  faulty = true;

  constructor(random: SeededRandom, schedule: Schedule, scenario: Scenario) {
    this.#random = random;
    this.#schedule = schedule;
    this.#scenario = scenario;
  }

  /** Reports and orders: may be lost, late and repeated. `cut`: the other side cannot be reached now. */
  tell(cut: boolean, deliver: () => void): void {
    if (cut || this.#isLost()) return;
    this.#schedule.after(this.#delayMs(), deliver);
    if (this.faulty && this.#random.chance(this.#scenario.repeated)) this.#schedule.after(this.#delayMs(), deliver);
  }

  /** Requests and responses: may be lost (`lost` is called at once) and late. */
  ask(cut: boolean, deliver: () => void, lost: () => void): void {
    if (cut || this.#isLost()) lost();
    else this.#schedule.after(this.#delayMs(), deliver);
  }

  #isLost(): boolean {
    return this.faulty && this.#random.chance(this.#scenario.lost);
  }

  #delayMs(): number {
    const isLate = this.faulty && this.#random.chance(this.#scenario.late);
    return isLate ? this.#random.between(1, messageMsMax) : this.#random.between(1, 3);
  }
}
