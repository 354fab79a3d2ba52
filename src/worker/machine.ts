import { assert } from '../kernel/assert.js';
import type { RequestId, SandboxId } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import { minuteMs } from '../kernel/units.js';
import { exitMessage } from './exitmessage.js';
import type {
  AnswerInput,
  InvocationEnd,
  InvocationFigures,
  ShutdownReason,
  WorkerEffect,
  WorkerInput,
} from './messages.js';
import type { Phase, Running } from './running.js';

/**
 * A box that has not booted by then never will. Not a limit of the service: a booting box has no user code in it, and
 * the slowest boot there is (a namespace box on a machine under full load) takes seconds.
 */
export const bootMsMax = minuteMs;

export interface WorkerMachineOptions {
  readonly sandboxId: SandboxId;
  readonly timeoutMs: number;
  readonly initMsMax?: number;
  readonly responseBytesMax?: number;
}

/** The life of one sandbox; see `messages.ts`. Pure: the effects of a step are to be performed in their order. */
export class WorkerMachine {
  readonly sandboxId: SandboxId;
  readonly #timeoutMs: number;
  readonly #initMsMax: number;
  readonly #responseBytesMax: number;
  #phase: Phase = 'new';
  /** Number of the latest box. */
  #boot = 0;
  /** The latest box has not been told to die. */
  #boxed = false;
  /** Boxes told to die that are not cleared away yet. */
  #clearing = 0;
  #token = 0;
  #armed = false;
  #epoch = 0;
  #initStartedMs = 0;
  /** Length of a completed init phase that no REPORT has told yet. */
  #initMs: number | null = null;
  #running: Running | null = null;
  #stopWanted = false;
  #problem: string | null = null;
  #effects: WorkerEffect[] = [];

  constructor(options: WorkerMachineOptions) {
    this.sandboxId = options.sandboxId;
    this.#timeoutMs = options.timeoutMs;
    this.#initMsMax = options.initMsMax ?? limits.initMsMax;
    this.#responseBytesMax = options.responseBytesMax ?? limits.syncResponseBytesMax;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The function has not been loaded yet by the box there is. */
  get initializing(): boolean {
    return this.#phase === 'initializing' || this.#running?.step === 'initializing';
  }

  step(input: WorkerInput): readonly WorkerEffect[] {
    const effects: WorkerEffect[] = [];
    this.#effects = effects;
    switch (input.kind) {
      case 'start':
        assert(this.#phase === 'new', 'a sandbox starts once');
        this.#phase = 'booting';
        this.#startBox(input.nowMs);
        break;
      case 'invoke':
        this.#invoke(input.nowMs, input.requestId, input.epoch);
        break;
      case 'stop':
        this.#stop();
        break;
      case 'abort':
        if (this.#phase !== 'gone' && this.#phase !== 'stopping') this.#cutOff('the worker is shutting down');
        break;
      case 'timer':
        if (this.#armed && input.token === this.#token) this.#expired(input.nowMs);
        break;
      case 'cleared':
        assert(this.#clearing > 0, 'cleared without kill');
        this.#clearing -= 1;
        this.#leave();
        break;
      default:
        if (input.boot === this.#boot && this.#boxed) this.#fromBox(input);
    }
    return effects;
  }

  #fromBox(input: Extract<WorkerInput, { readonly boot: number }>): void {
    switch (input.kind) {
      case 'booted':
        this.#booted(input.nowMs);
        break;
      case 'boot-failed':
        if (this.#phase === 'booting' || this.#running?.step === 'booting') this.#unbootable(input.message);
        break;
      case 'init-done':
        this.#initDone(input.nowMs);
        break;
      case 'init-error':
        this.#initFailed(input.nowMs, 'error', input.errorType, { kind: 'runtime-error', errorType: input.errorType });
        break;
      case 'response':
      case 'error':
        this.#answered(input);
        break;
      case 'extensions-done':
        this.#lingered(input.nowMs);
        break;
      case 'exited':
        this.#exited(input);
        break;
    }
  }

  #startBox(nowMs: number): void {
    assert(!this.#boxed, 'one box at a time');
    this.#boot += 1;
    this.#boxed = true;
    this.#effects.push({ kind: 'boot', boot: this.#boot });
    this.#arm(nowMs + bootMsMax);
  }

  #booted(nowMs: number): void {
    const running = this.#running;
    if (running?.step === 'booting') {
      running.step = 'initializing';
      running.startedMs = nowMs;
      this.#arm(nowMs + this.#timeoutMs);
    } else if (this.#phase === 'booting') {
      this.#phase = 'initializing';
      this.#effects.push({ kind: 'log', line: { kind: 'init-start' } });
      this.#arm(nowMs + this.#initMsMax);
    } else return;
    this.#initStartedMs = nowMs;
    this.#effects.push({ kind: 'send-init', boot: this.#boot });
  }

  /** No box for this sandbox: that is the platform's failure, and another sandbox may fare better. */
  #unbootable(message: string): void {
    this.#problem = message;
    this.#cutOff(message);
  }

  #cutOff(reason: string): void {
    const running = this.#running;
    if (running !== null) {
      this.#running = null;
      const { requestId, answer } = running;
      if (answer === null) this.#effects.push({ kind: 'refuse', requestId, reason });
      else if (!answer.given) this.#effects.push({ kind: 'complete', requestId, end: answer.end });
    }
    this.#stopNow();
  }

  #initDone(nowMs: number): void {
    const running = this.#running;
    if (running?.step === 'initializing') {
      running.step = 'running';
      this.#initReport(nowMs, 'invoke', 'success', null);
      this.#sendInvoke(running);
    } else if (this.#phase === 'initializing') {
      this.#initMs = nowMs - this.#initStartedMs;
      this.#initReport(nowMs, 'init', 'success', null);
      this.#phase = 'idle';
      this.#disarm();
      this.#effects.push({ kind: 'ready' });
    }
  }

  #initReport(
    nowMs: number,
    phase: 'init' | 'invoke',
    status: InvocationFigures['status'],
    errorType: string | null,
  ): void {
    const initMs = nowMs - this.#initStartedMs;
    this.#effects.push({ kind: 'log', line: { kind: 'init-report', initMs, phase, status, errorType } });
  }

  /** `end`: what the client gets when this init ran inside an invocation. */
  #initFailed(nowMs: number, status: 'error' | 'timeout', errorType: string | null, end: InvocationEnd): void {
    const running = this.#running;
    const inside = running?.step === 'initializing';
    if (!inside && this.#phase !== 'initializing') return;
    this.#initReport(nowMs, inside ? 'invoke' : 'init', status, errorType);
    if (inside) {
      this.#effects.push({ kind: 'log', line: { kind: 'start', requestId: running.requestId } });
      this.#fail(nowMs, running, status, errorType, end);
    } else {
      this.#discardBox(status === 'timeout' ? 'TIMEOUT' : 'FAILURE');
      this.#phase = 'idle';
      this.#effects.push({ kind: 'ready' });
    }
  }

  #invoke(nowMs: number, requestId: RequestId, epoch: number): void {
    const reason =
      this.#phase !== 'idle' ? `sandbox is ${this.#phase}` : epoch <= this.#epoch ? 'lease epoch is over' : null;
    if (reason !== null) {
      this.#effects.push({ kind: 'refuse', requestId, reason });
      return;
    }
    this.#epoch = epoch;
    this.#phase = 'invoking';
    const step = this.#boxed ? 'running' : 'booting';
    const running: Running = { requestId, epoch, step, startedMs: nowMs, answer: null };
    this.#running = running;
    if (this.#boxed) {
      this.#sendInvoke(running);
      this.#arm(nowMs + this.#timeoutMs);
    } else this.#startBox(nowMs);
  }

  #sendInvoke(running: Running): void {
    const { requestId } = running;
    // The line is written while the runtime wakes up: whatever it logs is read in a later turn.
    this.#effects.push(
      { kind: 'send-invoke', boot: this.#boot, requestId, deadlineMs: running.startedMs + this.#timeoutMs },
      { kind: 'log', line: { kind: 'start', requestId } },
    );
  }

  #answered(input: AnswerInput): void {
    const running = this.#running;
    if (running === null || running.step !== 'running' || running.requestId !== input.requestId) return;
    const { bytes } = input;
    const bytesMax = input.streamed === true ? limits.streamedResponseBytesMax : this.#responseBytesMax;
    if (bytes > bytesMax) {
      const errorType = 'Function.ResponseSizeTooLarge';
      const errorMessage = `Response payload size exceeded maximum allowed payload size (${bytesMax} bytes).`;
      this.#conclude(input, running, null, { kind: 'platform-error', errorType, errorMessage });
    } else if (input.kind === 'response') this.#conclude(input, running, null, { kind: 'response' });
    else {
      const { errorType } = input;
      this.#conclude(input, running, errorType, { kind: 'runtime-error', errorType });
    }
  }

  #conclude(
    { nowMs, bytes, lingers }: AnswerInput,
    running: Running,
    errorType: string | null,
    end: InvocationEnd,
  ): void {
    if (lingers === undefined) {
      this.#end(nowMs, running, 'success', errorType, end, bytes);
      return;
    }
    const given = lingers === 'answer-first';
    running.step = 'lingering';
    running.answer = { errorType, end, bytes, given };
    const { requestId } = running;
    const durationMs = nowMs - running.startedMs;
    const figures = { durationMs, initMs: null, status: 'success', errorType, producedBytes: bytes } as const;
    this.#effects.push({ kind: 'log', line: { kind: 'runtime-done', requestId, figures } });
    if (given) this.#effects.push({ kind: 'complete', requestId, end });
  }

  #lingered(nowMs: number): void {
    const running = this.#running;
    if (running === null || running.answer === null) return;
    const { errorType, end, bytes } = running.answer;
    this.#end(nowMs, running, 'success', errorType, end, bytes);
  }

  #exited(input: Extract<WorkerInput, { readonly kind: 'exited' }>): void {
    const errorType = input.failure?.errorType ?? (input.outOfMemory ? 'Runtime.OutOfMemory' : 'Runtime.ExitError');
    const message = input.failure?.message ?? exitMessage(input);
    const running = this.#running;
    if (this.#phase === 'booting' || running?.step === 'booting') this.#unbootable(message);
    else if (this.#phase === 'initializing' || running?.step === 'initializing') {
      this.#initFailed(input.nowMs, 'error', errorType, this.#platformEnd(errorType, message));
    } else if (running !== null) {
      this.#fail(input.nowMs, running, 'error', errorType, this.#platformEnd(errorType, message));
    } else if (this.#phase === 'idle') this.#discardBox('FAILURE');
  }

  #expired(nowMs: number): void {
    this.#armed = false;
    const running = this.#running;
    if (this.#phase === 'booting' || running?.step === 'booting') {
      this.#unbootable(`the sandbox did not boot within ${bootMsMax / 1000} s`);
    } else if (this.#phase === 'initializing')
      this.#initFailed(nowMs, 'timeout', null, { kind: 'runtime-error', errorType: 'Sandbox.Timedout' });
    else if (running !== null) {
      const seconds = (this.#timeoutMs / 1000).toFixed(2);
      const end = this.#platformEnd('Sandbox.Timedout', `Task timed out after ${seconds} seconds`);
      if (running.step === 'initializing') this.#initFailed(nowMs, 'timeout', null, end);
      else this.#fail(nowMs, running, 'timeout', null, end);
    }
  }

  #platformEnd(errorType: string, message: string): InvocationEnd {
    const id = this.#running?.requestId ?? '';
    return { kind: 'platform-error', errorType, errorMessage: `RequestId: ${id} Error: ${message}` };
  }

  /** The invocation's box is lost: the next invocation gets a fresh one. */
  #fail(
    nowMs: number,
    running: Running,
    status: 'error' | 'timeout',
    errorType: string | null,
    end: InvocationEnd,
  ): void {
    const { requestId } = running;
    if (status === 'timeout') {
      this.#effects.push({ kind: 'log', line: { kind: 'timed-out', requestId, timeoutMs: this.#timeoutMs } });
    } else if (end.kind === 'platform-error') {
      const message = end.errorMessage;
      this.#effects.push({
        kind: 'log',
        line: { kind: 'failure', requestId, errorType: end.errorType, message },
      });
    }
    this.#discardBox(status === 'timeout' ? 'TIMEOUT' : 'FAILURE');
    // What the runtime answered before stays the answer.
    this.#end(nowMs, running, status, errorType, running.answer?.end ?? end);
  }

  #end(
    nowMs: number,
    running: Running,
    status: InvocationFigures['status'],
    errorType: string | null,
    end: InvocationEnd,
    producedBytes = 0,
  ): void {
    const { requestId } = running;
    // The right to run ends exactly at the timeout, however late the timer fired.
    const durationMs = status === 'timeout' ? this.#timeoutMs : nowMs - running.startedMs;
    const figures: InvocationFigures = { durationMs, initMs: this.#initMs, status, errorType, producedBytes };
    this.#initMs = null;
    this.#running = null;
    this.#disarm();
    this.#effects.push(
      { kind: 'log', line: { kind: 'end', requestId, figures, lingered: running.answer !== null } },
      { kind: 'log', line: { kind: 'report', requestId, figures } },
    );
    if (running.answer?.given !== true) this.#effects.push({ kind: 'complete', requestId, end });
    if (this.#stopWanted) {
      this.#stopNow();
      return;
    }
    this.#phase = 'idle';
    this.#effects.push({ kind: 'idle', epoch: running.epoch });
  }

  #stop(): void {
    this.#stopWanted = true;
    if (this.#phase === 'new' || this.#phase === 'booting' || this.#phase === 'initializing' || this.#phase === 'idle')
      this.#stopNow();
  }

  #stopNow(): void {
    this.#discardBox('SPINDOWN');
    this.#phase = 'stopping';
    this.#leave();
  }

  #leave(): void {
    if (this.#phase !== 'stopping' || this.#clearing > 0) return;
    this.#phase = 'gone';
    this.#effects.push({ kind: 'gone', sandboxId: this.sandboxId, problem: this.#problem });
  }

  #discardBox(reason: ShutdownReason): void {
    this.#disarm();
    if (!this.#boxed) return;
    this.#boxed = false;
    this.#clearing += 1;
    this.#effects.push({ kind: 'kill', boot: this.#boot, reason });
  }

  #arm(atMs: number): void {
    this.#token += 1;
    this.#armed = true;
    this.#effects.push({ kind: 'arm', token: this.#token, atMs });
  }

  #disarm(): void {
    if (!this.#armed) return;
    this.#armed = false;
    this.#effects.push({ kind: 'disarm' });
  }
}
