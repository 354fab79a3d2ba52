import type { RequestId, SandboxId } from '../../kernel/ids.js';

/**
 * Names with a number each. Numbers of what is gone are given out again, the last one first: what is known of each then
 * lies close together, however many there were.
 */
class Numbers {
  readonly #free: number[] = [];
  #used = 0;

  take(): number {
    const number = this.#free.pop();
    if (number !== undefined) return number;
    this.#used += 1;
    return this.#used - 1;
  }

  give(number: number): void {
    this.#free.push(number);
  }
}

/** Sandboxes that there are: `sUSE.SLOT`, never the same name twice. */
export class SandboxSlots {
  readonly #numbers = new Numbers();
  /** Sandboxes that there ever were. */
  made = 0;
  /** By slot; null: none. */
  readonly ids: (SandboxId | null)[] = [];
  readonly functions: number[] = [];
  /** Number of the request that runs in it; -1: none. */
  readonly requests: number[] = [];
  readonly epochs: number[] = [];
  readonly readyMs: number[] = [];

  name(): SandboxId {
    this.made += 1;
    return `s${this.made}.${this.#numbers.take()}` as SandboxId;
  }

  slotOf(sandboxId: SandboxId): number {
    return numberBehind(sandboxId, sandboxId.indexOf('.'));
  }

  /** It exists from now on, and is ready at a time. */
  start(sandboxId: SandboxId, index: number, readyMs: number): number {
    const slot = this.slotOf(sandboxId);
    this.ids[slot] = sandboxId;
    this.functions[slot] = index;
    this.requests[slot] = -1;
    this.epochs[slot] = 0;
    this.readyMs[slot] = readyMs;
    return slot;
  }

  /** It is gone, or never came to be. */
  end(sandboxId: SandboxId): void {
    const slot = this.slotOf(sandboxId);
    this.ids[slot] = null;
    this.#numbers.give(slot);
  }
}

/** Invocations that are under way: `rNUMBER`; a name is used again when its invocation has ended. */
export class RequestNames {
  readonly #numbers = new Numbers();
  readonly #names: RequestId[] = [];
  /** By number. */
  readonly functions: number[] = [];

  /** Returns its number. */
  begin(index: number): number {
    const number = this.#numbers.take();
    if (number === this.#names.length) this.#names.push(`r${number}` as RequestId);
    this.functions[number] = index;
    return number;
  }

  nameOf(number: number): RequestId {
    return this.#names[number]!;
  }

  numberOf(requestId: RequestId): number {
    return numberBehind(requestId, 0);
  }

  end(number: number): void {
    this.#numbers.give(number);
  }
}

/** The number that stands behind this place. */
function numberBehind(text: string, place: number): number {
  let number = 0;
  for (let at = place + 1; at < text.length; at += 1) number = 10 * number + text.charCodeAt(at) - zero;
  return number;
}

const zero = '0'.charCodeAt(0);
