import { secondMs } from '../../kernel/units.js';

/** One failure may be chance, three in a row are not. */
const failuresMax = 3;
/** First pause; each further failed trial doubles it. */
const pauseMsMin = secondMs;
/** A member that came back is noticed after this at the latest. */
const pauseMsMax = 30 * secondMs;

/**
 * Whether a member is worth asking. Closed: yes. Open, after three failures in a row: no, until a pause is over. Then one
 * request is let through as a trial, and its end decides. Time comes in with the calls, from any origin, never back.
 */
export class Breaker {
  #failures = 0;
  #pauseMs = 0;
  #openUntilMs = 0;
  #trying = false;

  /** `yes`; `trial`: one request, whose end must be reported; `no`. */
  ask(nowMs: number): 'yes' | 'trial' | 'no' {
    if (this.#pauseMs === 0) return 'yes';
    if (this.#trying || nowMs < this.#openUntilMs) return 'no';
    this.#trying = true;
    return 'trial';
  }

  get open(): boolean {
    return this.#pauseMs > 0;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#pauseMs = 0;
    this.#trying = false;
  }

  /** Returns true when it has opened by this. A failure that was under way when it opened changes nothing. */
  failed(nowMs: number, trial: boolean): boolean {
    this.#failures += 1;
    const opens = this.#pauseMs === 0 ? this.#failures >= failuresMax : trial;
    if (!opens) return false;
    this.#pauseMs = Math.min(pauseMsMax, Math.max(pauseMsMin, this.#pauseMs * 2));
    this.#openUntilMs = nowMs + this.#pauseMs;
    this.#trying = false;
    return true;
  }
}
