/** What has a deadline: one slot, `Infinity` when there is none. */
export interface Alarmed {
  /** In the time of the alarms' clock. */
  alarmAtMs: number;
  onAlarm(nowMs: number): void;
}

/**
 * Deadlines of all sandboxes behind one timer: setting or clearing one on the hot path is an assignment to
 * `alarmAtMs`. The timer stands at the earliest deadline seen; a deadline cleared meanwhile costs one early look.
 */
export class Alarms {
  readonly #all: () => Iterable<Alarmed>;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(all: () => Iterable<Alarmed>, now: () => number) {
    this.#all = all;
    this.#now = now;
  }

  set(alarmed: Alarmed, atMs: number): void {
    alarmed.alarmAtMs = atMs;
    if (atMs < this.#timerAtMs) this.#stand(atMs);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerAtMs = Number.NEGATIVE_INFINITY;
  }

  #stand(atMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => this.#look(), Math.max(1, Math.ceil(atMs - this.#now())));
  }

  #look(): void {
    this.#timer = null;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#now();
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const alarmed of this.#all()) {
      if (alarmed.alarmAtMs <= nowMs) {
        alarmed.alarmAtMs = Number.POSITIVE_INFINITY;
        alarmed.onAlarm(nowMs);
      }
      if (alarmed.alarmAtMs < earliestMs) earliestMs = alarmed.alarmAtMs;
    }
    if (earliestMs < this.#timerAtMs) this.#stand(earliestMs);
  }
}
