import type { Clock } from '../../kernel/ports/clock.js';

/** setTimeout's largest delay; longer ones are taken in steps. */
const timerMsMax = 2 ** 31 - 1;

/** The machine's own time. */
export class RealClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, action: () => void): () => void {
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      timer = setTimeout(
        () => {
          // Node's timers may fire a fraction of a millisecond early; the port says "not earlier".
          const stillMs = dueMs - performance.now();
          if (stillMs > 0) arm(stillMs);
          else action();
        },
        Math.min(timerMsMax, Math.ceil(leftMs)),
      );
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  }
}
