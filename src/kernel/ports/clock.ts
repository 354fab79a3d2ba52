/** Wall clock and timers. The simulator gives a virtual one; deciding parts never see it, only `nowMs` in inputs. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Milliseconds with fraction from an arbitrary origin, never going back: for durations. */
  monotonicMs(): number;
  /** Runs `action` once, not earlier than `delayMs` from now. The returned function cancels it. */
  after(delayMs: number, action: () => void): () => void;
}
