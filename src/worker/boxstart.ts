import type { InvocationFigures, PlatformLine, RestoreFigures } from './messages.js';

type Status = InvocationFigures['status'];

/** What a sandbox's init lines say it is; nothing: on demand. */
export interface StartKind {
  readonly provisioned?: true;
  readonly snapStart?: true;
}

/**
 * How the latest box of a sandbox started: the lines that tell of its init or restore, and their figures until a REPORT
 * has told them. Times are the machine's `nowMs`.
 */
export class BoxStart {
  readonly #kind: StartKind;
  #askedMs = 0;
  #bootedMs = 0;
  #phase: 'init' | 'invoke' = 'init';
  #initMs: number | null = null;
  #restore: RestoreFigures | null = null;

  constructor(kind: StartKind) {
    this.#kind = kind;
  }

  /** A box was asked for. */
  asked(nowMs: number): void {
    this.#askedMs = nowMs;
  }

  /** The box is there. `inside`: an invocation waits for it. */
  booted(nowMs: number, inside: boolean): void {
    this.#bootedMs = nowMs;
    this.#phase = inside ? 'invoke' : 'init';
  }

  get initLine(): PlatformLine {
    return { kind: 'init-start', ...this.#kind, phase: this.#phase };
  }

  /** Init is over. Inside an invocation it is a part of that one's duration, otherwise of the next REPORT. */
  initReport(nowMs: number, status: Status, errorType: string | null): PlatformLine {
    const phase = this.#phase;
    const initMs = nowMs - this.#bootedMs;
    if (phase === 'init' && status === 'success') this.#initMs = initMs;
    return { kind: 'init-report', initMs, ...this.#kind, phase, status, errorType };
  }

  /** A restore is over. */
  restoreReport(nowMs: number, status: Status, errorType: string | null): PlatformLine {
    const restoreMs = nowMs - this.#askedMs;
    if (status === 'success') this.#restore = { restoreMs, billedMs: Math.ceil(nowMs - this.#bootedMs) };
    return { kind: 'restore-report', restoreMs, status, errorType };
  }

  /** What a REPORT says of the start, if none has yet. */
  get untold(): Pick<InvocationFigures, 'initMs' | 'restore'> {
    return { initMs: this.#initMs, ...(this.#restore !== null && { restore: this.#restore }) };
  }

  /** A REPORT has it. */
  told(): void {
    this.#initMs = null;
    this.#restore = null;
  }
}
