import type { SandboxId } from '../../kernel/ids.js';
import { limits } from '../../kernel/limits.js';
import { minuteMs } from '../../kernel/units.js';
import { type BoxInput, BoxMachine, bootMsMax } from '../boxmachine.js';
import { BoxStart } from '../boxstart.js';
import type { CaptureEnd, WorkerInput } from '../messages.js';

/**
 * Saving a box takes seconds: its changed pages are read, compressed, encrypted and stored. 10 GiB of them at 20 MB a
 * second, what a disk under load takes, are below 9 minutes.
 */
export const captureMsMax = 10 * minuteMs;

export interface CaptureMachineOptions {
  readonly sandboxId: SandboxId;
  readonly timeoutMs: number;
}

/**
 * The life of a sandbox that takes no invocation: its function is initialized, saved as the snapshot of its version, and
 * it leaves (`../messages.ts` has inputs and effects). Pure.
 *
 *   booting → initializing → capturing → stopping → gone
 */
export class CaptureMachine extends BoxMachine {
  readonly #initMsMax: number;
  readonly #start = new BoxStart({ snapStart: true });
  #published = false;

  constructor(options: CaptureMachineOptions) {
    super(options.sandboxId);
    // Developer guide, "Lambda SnapStart runtime hooks": 130 s or the function's timeout, whichever is higher.
    this.#initMsMax = Math.max(limits.snapStartInitMsMin, options.timeoutMs);
  }

  get initializing(): boolean {
    return this.phase === 'initializing';
  }

  protected ordered(input: Extract<WorkerInput, { readonly kind: 'invoke' | 'stop' | 'abort' }>): void {
    if (input.kind === 'invoke') {
      const reason = 'this sandbox is made for a snapshot';
      this.effects.push({ kind: 'refuse', requestId: input.requestId, reason });
    } else if (this.phase !== 'gone' && this.phase !== 'stopping') {
      this.#publish({ kind: 'aborted' });
    }
  }

  protected fromBox(input: BoxInput): void {
    switch (input.kind) {
      case 'booted':
        if (this.phase !== 'booting') return;
        this.phaseNow = 'initializing';
        this.#start.booted(input.nowMs, false);
        this.effects.push({ kind: 'log', line: this.#start.initLine }, { kind: 'send-init', boot: this.boot });
        this.arm(input.nowMs + this.#initMsMax);
        break;
      case 'boot-failed':
        if (this.phase === 'booting') this.#publish({ kind: 'problem', message: input.message });
        break;
      case 'init-done':
        if (this.phase !== 'initializing') return;
        this.effects.push({ kind: 'log', line: this.#start.initReport(input.nowMs, 'success', null) });
        this.phaseNow = 'capturing';
        this.effects.push({ kind: 'capture', boot: this.boot });
        this.arm(input.nowMs + captureMsMax);
        break;
      case 'init-error':
        this.#initFailed(input.nowMs, 'error', input.errorType);
        break;
      case 'captured': {
        if (this.phase !== 'capturing') return;
        const { problem } = input;
        this.#publish(problem === null ? { kind: 'captured' } : { kind: 'problem', message: problem });
        break;
      }
      case 'exited': {
        const errorType = input.failure?.errorType ?? (input.outOfMemory ? 'Runtime.OutOfMemory' : 'Runtime.ExitError');
        const message = 'the runtime ended while its snapshot was taken';
        if (this.phase === 'booting') this.#publish({ kind: 'problem', message: 'the sandbox ended while it started' });
        else if (this.phase === 'initializing') this.#initFailed(input.nowMs, 'error', errorType);
        else this.#publish({ kind: 'problem', message });
        break;
      }
      case 'response':
      case 'error':
      case 'restore-done':
      case 'restore-error':
      case 'extensions-done':
        break;
    }
  }

  protected expired(nowMs: number): void {
    if (this.phase === 'initializing') this.#initFailed(nowMs, 'timeout', null);
    else if (this.phase === 'booting') {
      const message = `the sandbox did not boot within ${bootMsMax / 1000} s`;
      this.#publish({ kind: 'problem', message });
    } else this.#publish({ kind: 'problem', message: `the snapshot was not stored within ${captureMsMax / 1000} s` });
  }

  #initFailed(nowMs: number, status: 'error' | 'timeout', errorType: string | null): void {
    if (this.phase !== 'initializing') return;
    this.effects.push({ kind: 'log', line: this.#start.initReport(nowMs, status, errorType) });
    this.#publish({ kind: 'init-failed', status, errorType });
  }

  #publish(end: CaptureEnd): void {
    if (!this.#published) this.effects.push({ kind: 'published', end });
    this.#published = true;
    this.stopNow();
  }
}
