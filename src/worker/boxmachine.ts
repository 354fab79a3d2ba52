import { assert } from '../kernel/assert.js';
import type { SandboxId } from '../kernel/ids.js';
import { minuteMs } from '../kernel/units.js';
import type { ShutdownReason, WorkerEffect, WorkerInput } from './messages.js';
import type { Phase } from './running.js';

/**
 * A box that has not booted by then never will. Not a limit of the service: a booting box has no user code in it, and
 * the slowest boot there is (a namespace box on a machine under full load) takes seconds.
 */
export const bootMsMax = minuteMs;

export type BoxInput = Extract<WorkerInput, { readonly boot: number }>;

/** The boxes of one sandbox, one at a time, its one timer, and its end: what every life of a sandbox is made of. */
export abstract class BoxMachine {
  readonly sandboxId: SandboxId;
  protected phaseNow: Phase = 'new';
  /** Number of the latest box. */
  protected boot = 0;
  /** The latest box has not been told to die. */
  protected boxed = false;
  /** Why the sandbox could not serve, or null. */
  protected problem: string | null = null;
  protected effects: WorkerEffect[] = [];
  /** Boxes told to die that are not cleared away yet. */
  #clearing = 0;
  #token = 0;
  #armed = false;

  constructor(sandboxId: SandboxId) {
    this.sandboxId = sandboxId;
  }

  get phase(): Phase {
    return this.phaseNow;
  }

  /** The function has not been loaded yet by the box there is. */
  abstract get initializing(): boolean;

  step(input: WorkerInput): readonly WorkerEffect[] {
    const effects: WorkerEffect[] = [];
    this.effects = effects;
    switch (input.kind) {
      case 'start':
        assert(this.phaseNow === 'new', 'a sandbox starts once');
        this.phaseNow = 'booting';
        this.begin(input.nowMs);
        break;
      case 'timer':
        if (!this.#armed || input.token !== this.#token) break;
        this.#armed = false;
        this.expired(input.nowMs);
        break;
      case 'cleared':
        assert(this.#clearing > 0, 'cleared without kill');
        this.#clearing -= 1;
        this.leave();
        break;
      case 'invoke':
      case 'stop':
      case 'abort':
        this.ordered(input);
        break;
      default:
        if (input.boot === this.boot && this.boxed) this.fromBox(input);
    }
    return effects;
  }

  protected abstract ordered(input: Extract<WorkerInput, { readonly kind: 'invoke' | 'stop' | 'abort' }>): void;
  protected abstract fromBox(input: BoxInput): void;
  protected abstract expired(nowMs: number): void;

  protected begin(nowMs: number): void {
    this.startBox(nowMs);
  }

  protected startBox(nowMs: number): void {
    assert(!this.boxed, 'one box at a time');
    this.boot += 1;
    this.boxed = true;
    this.effects.push({ kind: 'boot', boot: this.boot });
    this.arm(nowMs + bootMsMax);
  }

  protected stopNow(): void {
    this.discardBox('SPINDOWN');
    this.phaseNow = 'stopping';
    this.leave();
  }

  protected leave(): void {
    if (this.phaseNow !== 'stopping' || this.#clearing > 0) return;
    this.phaseNow = 'gone';
    this.effects.push({ kind: 'gone', sandboxId: this.sandboxId, problem: this.problem });
  }

  protected discardBox(reason: ShutdownReason): void {
    this.disarm();
    if (!this.boxed) return;
    this.boxed = false;
    this.#clearing += 1;
    this.effects.push({ kind: 'kill', boot: this.boot, reason });
  }

  protected arm(atMs: number): void {
    this.#token += 1;
    this.#armed = true;
    this.effects.push({ kind: 'arm', token: this.#token, atMs });
  }

  protected disarm(): void {
    if (!this.#armed) return;
    this.#armed = false;
    this.effects.push({ kind: 'disarm' });
  }
}
