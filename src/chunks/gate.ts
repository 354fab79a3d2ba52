import { ChunkError } from './chunkerror.js';
import type { Urgency } from './layout.js';

export interface GateLimits {
  /** All at once. */
  readonly running: number;
  /** Of these, `prefetch` and `background` together: the rest is free for a fault at any time. */
  readonly prefetch: number;
  /** Of these, `background` alone. */
  readonly background: number;
  /** Waiting, all together; one more is refused with ChunkError (`busy`). A fault pushes out the newest least urgent one. */
  readonly waiting: number;
}

const urgencies: readonly Urgency[] = ['fault', 'prefetch', 'background'];

/** One piece of work that waits or runs. */
export interface Pass {
  urgency: Urgency;
  readonly enter: () => void;
  readonly refuse: (error: ChunkError) => void;
  state: 'waiting' | 'running' | 'over';
}

/** Lets work begin by urgency: what a guest waits for goes before everything that is only a guess. */
export class UrgencyGate {
  readonly #limits: GateLimits;
  readonly #waiting: Record<Urgency, Set<Pass>> = { fault: new Set(), prefetch: new Set(), background: new Set() };
  readonly #running: Record<Urgency, number> = { fault: 0, prefetch: 0, background: 0 };

  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  /** Calls `enter` when it may begin, at once perhaps, or `refuse`. What has entered must `leave`. */
  pass(urgency: Urgency, enter: () => void, refuse: (error: ChunkError) => void): Pass {
    const pass: Pass = { urgency, enter, refuse, state: 'waiting' };
    if (this.#mayRun(urgency)) {
      this.#run(pass);
      return pass;
    }
    this.#waiting[urgency].add(pass);
    const waiting = urgencies.reduce((sum, each) => sum + this.#waiting[each].size, 0);
    if (waiting > this.#limits.waiting) this.#refuse();
    return pass;
  }

  /** Somebody more urgent waits for the same work. */
  raise(pass: Pass, urgency: Urgency): void {
    if (urgencies.indexOf(urgency) >= urgencies.indexOf(pass.urgency)) return;
    const before = pass.urgency;
    pass.urgency = urgency;
    if (pass.state === 'running') {
      this.#running[before]--;
      this.#running[urgency]++;
    }
    if (pass.state === 'waiting') {
      this.#waiting[before].delete(pass);
      this.#waiting[urgency].add(pass);
    }
    this.#admit();
  }

  /** It is done, or wanted no more. */
  leave(pass: Pass): void {
    if (pass.state === 'running') this.#running[pass.urgency]--;
    this.#waiting[pass.urgency].delete(pass);
    pass.state = 'over';
    this.#admit();
  }

  #admit(): void {
    for (const urgency of urgencies) {
      for (const pass of this.#waiting[urgency]) {
        if (!this.#mayRun(urgency)) break;
        this.#waiting[urgency].delete(pass);
        this.#run(pass);
      }
    }
  }

  #mayRun(urgency: Urgency): boolean {
    const { fault, prefetch, background } = this.#running;
    if (fault + prefetch + background >= this.#limits.running) return false;
    if (urgency === 'fault') return true;
    if (prefetch + background >= this.#limits.prefetch) return false;
    return urgency === 'prefetch' || background < this.#limits.background;
  }

  #run(pass: Pass): void {
    pass.state = 'running';
    this.#running[pass.urgency]++;
    pass.enter();
  }

  #refuse(): void {
    const least = urgencies.findLast((urgency) => this.#waiting[urgency].size > 0)!;
    const pass = [...this.#waiting[least]].at(-1)!;
    this.#waiting[least].delete(pass);
    pass.state = 'over';
    pass.refuse(new ChunkError('busy', `${this.#limits.waiting} fetches wait already`));
  }
}
