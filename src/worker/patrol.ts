import { secondMs } from '../kernel/units.js';
import type { BoxLink } from './boxlink.js';

/** How often it looks. */
const roundMs = 1 * secondMs;
/** Sandboxes of one round: each look reads a few small files of the kernel, all of them together take some 5 ms. */
const looksMax = 64;

interface Frozen {
  readonly link: Pick<BoxLink, 'doomed'> | null;
}

/**
 * Looks at frozen sandboxes: where frozen processes cannot die (the freezer of cgroups, version 1), one that was killed
 * ends only when it runs on, which would be inside the next invocation.
 */
export class Patrol<Sandbox extends Frozen> {
  readonly #sandboxes: () => Iterable<Sandbox>;
  readonly #onDoomed: (sandbox: Sandbox) => void;
  readonly #timer: NodeJS.Timeout;
  #ahead: Sandbox[] = [];

  constructor(sandboxes: () => Iterable<Sandbox>, onDoomed: (sandbox: Sandbox) => void) {
    this.#sandboxes = sandboxes;
    this.#onDoomed = onDoomed;
    this.#timer = setInterval(() => this.round(), roundMs);
    this.#timer.unref();
  }

  /** Looks at the next ones; at all of them within a few rounds. */
  round(): void {
    if (this.#ahead.length === 0) this.#ahead = [...this.#sandboxes()];
    for (const sandbox of this.#ahead.splice(0, looksMax)) if (sandbox.link?.doomed) this.#onDoomed(sandbox);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#ahead = [];
  }
}
