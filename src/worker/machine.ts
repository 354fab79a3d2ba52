import type { RequestId, SandboxId } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import { type BoxInput, BoxMachine, bootMsMax } from './boxmachine.js';
import { BoxStart } from './boxstart.js';
import { exitMessage } from './exitmessage.js';
import type { AnswerInput, InvocationEnd, InvocationFigures, WorkerInput } from './messages.js';
import type { Running } from './running.js';

export { bootMsMax } from './boxmachine.js';

export interface WorkerMachineOptions {
  readonly sandboxId: SandboxId;
  readonly timeoutMs: number;
  /** Its init may take longer, its lines say what it is, and it leaves when it has lost its box: it is no longer initialized. */
  readonly provisioned?: boolean;
  readonly initMsMax?: number;
  readonly responseBytesMax?: number;
}

/** The life of one sandbox; see `messages.ts`. Pure: the effects of a step are to be performed in their order. */
export class WorkerMachine extends BoxMachine {
  readonly #timeoutMs: number;
  readonly #initMsMax: number;
  readonly #provisioned: boolean;
  readonly #responseBytesMax: number;
  readonly #start: BoxStart;
  #epoch = 0;
  /** A restore failed before the invocation that it was for came here. */
  #restoreFailed: 'error' | 'timeout' | null = null;
  #running: Running | null = null;
  #stopWanted = false;

  constructor(options: WorkerMachineOptions) {
    super(options.sandboxId);
    this.#timeoutMs = options.timeoutMs;
    const provisioned = options.provisioned === true;
    this.#provisioned = provisioned;
    this.#start = new BoxStart({ ...(provisioned && { provisioned }) });
    const provisionedMs = Math.max(limits.provisionedInitMsMin, options.timeoutMs);
    this.#initMsMax = options.initMsMax ?? (provisioned ? provisionedMs : limits.initMsMax);
    this.#responseBytesMax = options.responseBytesMax ?? limits.syncResponseBytesMax;
  }

  get initializing(): boolean {
    return this.phase === 'initializing' || this.#running?.step === 'initializing';
  }

  protected ordered(input: Extract<WorkerInput, { readonly kind: 'invoke' | 'stop' | 'abort' }>): void {
    if (input.kind === 'invoke') this.#invoke(input.nowMs, input.requestId, input.epoch);
    else if (input.kind === 'stop') this.#stop();
    else if (this.phase !== 'gone' && this.phase !== 'stopping') this.#cutOff('the worker is shutting down');
  }

  protected fromBox(input: BoxInput): void {
    switch (input.kind) {
      case 'booted':
        this.#booted(input.nowMs, input.restored === true);
        break;
      case 'boot-failed':
        if (this.phase === 'booting' || this.#running?.step === 'booting') this.#unbootable(input.message);
        break;
      case 'init-done':
        this.#initDone(input.nowMs);
        break;
      case 'init-error':
        this.#initFailed(input.nowMs, 'error', input.errorType, { kind: 'runtime-error', errorType: input.errorType });
        break;
      case 'restore-done':
        this.#restored(input.nowMs);
        break;
      case 'restore-error':
        if (this.#restoring) this.#unrestored(input.nowMs, 'error', input.errorType);
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
      case 'captured':
        break;
    }
  }

  protected override startBox(nowMs: number): void {
    this.#start.asked(nowMs);
    super.startBox(nowMs);
  }

  #booted(nowMs: number, restored: boolean): void {
    const running = this.#running;
    const inside = running?.step === 'booting';
    if (!inside && this.phase !== 'booting') return;
    this.#start.booted(nowMs, inside);
    const next = restored ? 'restoring' : 'initializing';
    if (inside) running.step = next;
    else this.phaseNow = next;
    if (restored) {
      this.effects.push({ kind: 'log', line: { kind: 'restore-start' } }, { kind: 'send-restore', boot: this.boot });
      this.arm(nowMs + limits.restoreMsMax);
      return;
    }
    if (inside) running.startedMs = nowMs;
    this.effects.push({ kind: 'log', line: this.#start.initLine });
    this.arm(nowMs + (inside ? this.#timeoutMs : this.#initMsMax));
    this.effects.push({ kind: 'send-init', boot: this.boot });
  }

  get #restoring(): boolean {
    return this.phase === 'restoring' || this.#running?.step === 'restoring';
  }

  #restored(nowMs: number): void {
    if (!this.#restoring) return;
    const running = this.#running;
    this.effects.push({ kind: 'log', line: this.#start.restoreReport(nowMs, 'success', null) });
    if (running !== null) {
      running.step = 'running';
      running.startedMs = nowMs;
      this.#sendInvoke(running);
      this.arm(nowMs + this.#timeoutMs);
      return;
    }
    this.phaseNow = 'idle';
    this.disarm();
    this.effects.push({ kind: 'ready', initialized: true });
  }

  /** The box is lost. Its invocation never began: it has no START, and no REPORT. */
  #unrestored(nowMs: number, status: 'error' | 'timeout', errorType: string | null): void {
    const running = this.#running;
    this.effects.push({ kind: 'log', line: this.#start.restoreReport(nowMs, status, errorType) });
    this.discardBox(status === 'timeout' ? 'TIMEOUT' : 'FAILURE');
    if (running !== null) {
      this.#running = null;
      this.#complete(running, { kind: 'restore-failed', status });
      return;
    }
    this.#restoreFailed = status;
    this.phaseNow = 'idle';
    this.effects.push({ kind: 'ready', initialized: false });
  }

  /** No box for this sandbox: that is the platform's failure, and another sandbox may fare better. */
  #unbootable(message: string): void {
    this.problem = message;
    this.#cutOff(message);
  }

  #cutOff(reason: string): void {
    const running = this.#running;
    if (running !== null) {
      this.#running = null;
      const { requestId, answer } = running;
      if (answer === null) this.effects.push({ kind: 'refuse', requestId, reason });
      else if (!answer.given) this.effects.push({ kind: 'complete', requestId, end: answer.end });
    }
    this.stopNow();
  }

  #initDone(nowMs: number): void {
    const running = this.#running;
    if (running?.step === 'initializing') {
      running.step = 'running';
      this.effects.push({ kind: 'log', line: this.#start.initReport(nowMs, 'success', null) });
      this.#sendInvoke(running);
    } else if (this.phase === 'initializing') {
      this.effects.push({ kind: 'log', line: this.#start.initReport(nowMs, 'success', null) });
      this.phaseNow = 'idle';
      this.disarm();
      this.effects.push({ kind: 'ready', initialized: true });
    }
  }

  /** `end`: what the client gets when this init ran inside an invocation. */
  #initFailed(nowMs: number, status: 'error' | 'timeout', errorType: string | null, end: InvocationEnd): void {
    const running = this.#running;
    const inside = running?.step === 'initializing';
    if (!inside && this.phase !== 'initializing') return;
    this.effects.push({ kind: 'log', line: this.#start.initReport(nowMs, status, errorType) });
    if (inside) {
      this.effects.push({ kind: 'log', line: { kind: 'start', requestId: running.requestId } });
      this.#fail(nowMs, running, status, errorType, end);
    } else {
      this.discardBox(status === 'timeout' ? 'TIMEOUT' : 'FAILURE');
      this.phaseNow = 'idle';
      this.effects.push({ kind: 'ready', initialized: false });
      if (this.#provisioned) this.stopNow();
    }
  }

  #invoke(nowMs: number, requestId: RequestId, epoch: number): void {
    const reason =
      this.phase !== 'idle' ? `sandbox is ${this.phase}` : epoch <= this.#epoch ? 'lease epoch is over' : null;
    if (reason !== null) {
      this.effects.push({ kind: 'refuse', requestId, reason });
      return;
    }
    this.#epoch = epoch;
    this.phaseNow = 'invoking';
    const failed = this.#restoreFailed;
    if (failed !== null) {
      this.#restoreFailed = null;
      this.#complete({ requestId, epoch }, { kind: 'restore-failed', status: failed });
      return;
    }
    const step = this.boxed ? 'running' : 'booting';
    const running: Running = { requestId, epoch, step, startedMs: nowMs, answer: null };
    this.#running = running;
    if (this.boxed) {
      this.#sendInvoke(running);
      this.arm(nowMs + this.#timeoutMs);
    } else this.startBox(nowMs);
  }

  #sendInvoke(running: Running): void {
    const { requestId } = running;
    // The line is written while the runtime wakes up: whatever it logs is read in a later turn.
    this.effects.push(
      { kind: 'send-invoke', boot: this.boot, requestId, deadlineMs: running.startedMs + this.#timeoutMs },
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
    const figures = this.#figures(durationMs, 'success', errorType, bytes);
    this.effects.push({ kind: 'log', line: { kind: 'runtime-done', requestId, figures } });
    if (given) this.effects.push({ kind: 'complete', requestId, end });
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
    if (this.phase === 'booting' || running?.step === 'booting') this.#unbootable(message);
    else if (this.#restoring) this.#unrestored(input.nowMs, 'error', errorType);
    else if (this.phase === 'initializing' || running?.step === 'initializing') {
      this.#initFailed(input.nowMs, 'error', errorType, this.#platformEnd(errorType, message));
    } else if (running !== null) {
      this.#fail(input.nowMs, running, 'error', errorType, this.#platformEnd(errorType, message));
    } else if (this.phase === 'idle') {
      this.discardBox('FAILURE');
      if (this.#provisioned) this.#unbootable(`lost while it was idle: ${message}`);
    }
  }

  protected expired(nowMs: number): void {
    const running = this.#running;
    if (this.phase === 'booting' || running?.step === 'booting') {
      this.#unbootable(`the sandbox did not boot within ${bootMsMax / 1000} s`);
    } else if (this.#restoring) this.#unrestored(nowMs, 'timeout', null);
    else if (this.phase === 'initializing')
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
      this.effects.push({ kind: 'log', line: { kind: 'timed-out', requestId, timeoutMs: this.#timeoutMs } });
    } else if (end.kind === 'platform-error') {
      const message = end.errorMessage;
      this.effects.push({
        kind: 'log',
        line: { kind: 'failure', requestId, errorType: end.errorType, message },
      });
    }
    this.discardBox(status === 'timeout' ? 'TIMEOUT' : 'FAILURE');
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
    const figures = this.#figures(durationMs, status, errorType, producedBytes);
    this.#start.told();
    this.#running = null;
    this.disarm();
    this.effects.push(
      { kind: 'log', line: { kind: 'end', requestId, figures, lingered: running.answer !== null } },
      { kind: 'log', line: { kind: 'report', requestId, figures } },
    );
    this.#complete(running, running.answer?.given === true ? null : end);
  }

  #figures(
    durationMs: number,
    status: InvocationFigures['status'],
    errorType: string | null,
    producedBytes: number,
  ): InvocationFigures {
    return { durationMs, ...this.#start.untold, status, errorType, producedBytes };
  }

  /** `end`: null where the client has its answer. */
  #complete({ requestId, epoch }: Pick<Running, 'requestId' | 'epoch'>, end: InvocationEnd | null): void {
    if (end !== null) this.effects.push({ kind: 'complete', requestId, end });
    if (this.#stopWanted || (this.#provisioned && !this.boxed)) {
      this.stopNow();
      return;
    }
    this.phaseNow = 'idle';
    this.effects.push({ kind: 'idle', epoch });
  }

  #stop(): void {
    this.#stopWanted = true;
    if (this.phase !== 'invoking' && this.phase !== 'stopping' && this.phase !== 'gone') this.stopNow();
  }
}
