/**
 * How long a runtime has, after it reported an error, to ask for its next invocation. Java's client logs the error in
 * between, some milliseconds; one that takes longer logs into what comes next.
 */
const heldMsMax = 100;

/** A failed invocation's report, kept back so that what the runtime logs of it is still part of its log. */
export class HeldReport {
  #report: (() => void) | null = null;
  #timer: NodeJS.Timeout | undefined;

  hold(report: () => void): void {
    this.#report = report;
    this.#timer = setTimeout(() => this.release(), heldMsMax);
  }

  /** Hands it on, if there is one. */
  release(): void {
    const report = this.#report;
    this.drop();
    report?.();
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#report = null;
  }
}
