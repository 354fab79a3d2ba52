import { assert } from '../kernel/assert.js';
import type { SandboxId } from '../kernel/ids.js';
import { type FrameType, frameType } from '../wire/channel/frames.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { Invocation, InvocationOutcome } from '../wire/invocation.js';
import type { StartOrigin } from '../wire/start.js';
import type { Alarmed } from './alarms.js';
import { Boxes, type Resident } from './boxes.js';
import { afterPoll, type BoxLink } from './boxlink.js';
import type { BoxMachine } from './boxmachine.js';
import { CaptureMachine } from './capture/machine.js';
import { writeInvoke } from './channel.js';
import { serveCredentials } from './containercredentials.js';
import { entrypointReport, invalidEntrypoint } from './entrypoint.js';
import { failureOf } from './exitmessage.js';
import type { ExtensionHost } from './extensions/host.js';
import { isForExtensions } from './extensions/requests.js';
import { type FrameMeaning, takeFrame } from './frameintake.js';
import { initiate, invokeHeader } from './initiation.js';
import { Life } from './life.js';
import { SandboxLog } from './log/sandboxlog.js';
import { WorkerMachine } from './machine.js';
import { MemoryPeak } from './memorypeak.js';
import type { AnswerInput, CaptureEnd, WorkerEffect, WorkerInput } from './messages.js';
import { outcomeOf, refusal } from './outcome.js';
import type { Patrolled } from './patrol.js';
import { type BoundBox, Premises } from './premises.js';
import type { HttpConnection } from './runtimeapi/httpconnection.js';
import type { HttpRequest } from './runtimeapi/httprequest.js';
import { type Flow, StreamedResponse, type StreamResult } from './runtimeapi/streamedresponse.js';
import type { BoxExit } from './sandbox/driver.js';
import type { Surroundings } from './surroundings.js';

const nothing = Buffer.alloc(0);

/** Performs the effects of one sandbox's machine. */
export class LiveSandbox implements Resident, Alarmed, FrameMeaning, Patrolled {
  #id: SandboxId;
  readonly spec: FunctionSpec;
  alarmAtMs = Number.POSITIVE_INFINITY;
  /** Since when there has been nothing to do, or null while there is. */
  idleSinceMs: number | null = null;
  readonly #around: Surroundings;
  readonly #machine: BoxMachine;
  readonly #log: SandboxLog;
  readonly #peak = new MemoryPeak();
  #token = 0;
  readonly #premises: Premises;
  readonly #boxes: Boxes;
  readonly #life: Life;
  /** This sandbox is made for the function's snapshot. */
  readonly #onPublished: ((end: CaptureEnd) => void) | null;
  #invocation: Invocation | null = null;
  #onEnd: ((outcome: InvocationOutcome) => void) | null = null;
  #payload: Buffer = nothing;
  /** The runtime streams its response, or has. */
  #streamed: StreamedResponse | null = null;
  /** The runtime's process ends now: the invocation lasts until it has, so that no other one meets it. */
  #ends = false;
  /** An answer came in and waits for the end of the turn. */
  #settling = false;

  /** With `onPublished` it takes no invocation: it makes the function's snapshot and leaves. */
  constructor(
    id: SandboxId,
    spec: FunctionSpec,
    around: Surroundings,
    onPublished: ((end: CaptureEnd) => void) | null = null,
    origin: StartOrigin = 'demand',
  ) {
    this.#id = id;
    this.spec = spec;
    this.#around = around;
    this.#onPublished = onPublished;
    this.#premises = new Premises(spec, around);
    const { timeoutMs } = spec;
    const provisioned = origin === 'provisioned';
    this.#machine =
      onPublished === null
        ? new WorkerMachine({ sandboxId: id, timeoutMs, provisioned })
        : new CaptureMachine({ sandboxId: id, timeoutMs });
    this.#log = new SandboxLog(spec, around, () => this.#peak.of(this.#link?.box, this.#now()));
    const step = (input: WorkerInput) => this.#step(input);
    const type = onPublished !== null ? 'snap-start' : provisioned ? 'provisioned-concurrency' : 'on-demand';
    this.#boxes = new Boxes(this, step, around, this.#premises, this.#log, this.#peak, type);
    this.#life = new Life(id, around.options.workerId ?? null, origin, this.#log.stream, around.clock);
  }

  /** Changes when it was restored ahead and is taken. */
  get id(): SandboxId {
    return this.#id;
  }

  /** It was restored ahead; a start takes it. */
  take(id: SandboxId, origin: StartOrigin): void {
    this.#id = id;
    this.#life.taken(id, origin);
  }

  /** Begins, leaves once there is no invocation, or leaves now. */
  order(kind: 'start' | 'stop' | 'abort'): void {
    this.#step({ kind, nowMs: this.#now() });
  }

  invoke(epoch: number, invocation: Invocation, onEnd: (outcome: InvocationOutcome) => void): void {
    if (this.#machine.phase !== 'idle') {
      this.#around.answer(onEnd, refusal(`sandbox is ${this.#machine.phase}`));
      return;
    }
    this.#invocation = invocation;
    this.#onEnd = onEnd;
    this.#payload = nothing;
    this.idleSinceMs = null;
    this.#log.begin(invocation.traceHeader, invocation.tail);
    this.#around.busyPoll.begun(this.#life.durationMs);
    this.#life.begin();
    this.#link?.thaw();
    this.#step({ kind: 'invoke', nowMs: this.#now(), requestId: invocation.requestId, epoch });
  }

  get link(): BoxLink | null {
    return this.#boxes.link;
  }

  get #link(): BoxLink | null {
    return this.#boxes.link;
  }

  get doomed(): boolean {
    return this.#link?.doomed === true;
  }

  /** It runs for a moment, and what was killed in it ends. */
  letDie(): void {
    this.#link?.thaw();
    this.#rest();
  }

  get #host(): ExtensionHost | null {
    return this.#boxes.host;
  }

  get #boot(): number {
    return this.#boxes.boot;
  }

  onAlarm(nowMs: number): void {
    // The answer is here already: it counts. Should the machine not take it, the deadline comes again.
    if (this.#settling) this.#around.arm(this, nowMs + 5);
    else this.#step({ kind: 'timer', nowMs, token: this.#token });
  }

  onFrame(type: FrameType, body: Buffer): void {
    const { clock } = this.#around;
    this.#ends ||= type === frameType.lastError;
    const known = takeFrame(type, body, this.#invocation?.requestId, this, this.#log.capture, () => clock.nowMs());
    if (!known) this.#link?.break();
  }

  onOutput(stream: 'stdout' | 'stderr', bytes: Buffer): void {
    this.#log.capture.raw(stream, bytes, this.#around.clock.nowMs());
  }

  onInitDone(): void {
    if (this.#host !== null) this.#host.runtimeReady();
    else this.#step({ kind: 'init-done', nowMs: this.#now(), boot: this.#boot });
  }

  onInitError(errorType: string, payload: Buffer): void {
    this.#payload = payload;
    this.#failedLater('init-error', errorType);
  }

  onRestoreDone(): void {
    this.#step({ kind: 'restore-done', nowMs: this.#now(), boot: this.#boot });
  }

  onRestoreError(errorType: string): void {
    this.#failedLater('restore-error', errorType);
  }

  #failedLater(kind: 'init-error' | 'restore-error', errorType: string): void {
    const input = { kind, nowMs: this.#now(), boot: this.#boot, errorType };
    afterPoll(() => this.#step(input));
  }

  onResponse(requestId: string | undefined, payload: Buffer, bytes: number): void {
    const whole = { kind: 'response', errorType: '', payload, bytes, streamed: false } as const;
    this.#answered(requestId, this.#streamed?.take() ?? whole);
  }

  onStream(requestId: string, contentType: string | null, flow: Flow): StreamedResponse | null {
    const invocation = this.#invocation;
    if (invocation?.requestId !== requestId || this.#settling || this.#streamed !== null) return null;
    // Our own bootstraps also tell when the handler is done, which may be later: with a RESPONSE frame.
    const onEnd = () => {
      if (this.#link?.managed === false) this.onResponse(requestId, nothing, 0);
    };
    this.#streamed = new StreamedResponse(invocation.stream, contentType, flow, onEnd);
    return this.#streamed;
  }

  onError(requestId: string | undefined, errorType: string, payload: Buffer, bytes: number): void {
    this.#answered(requestId, { kind: 'error', errorType, payload, bytes, streamed: false });
  }

  onOther(request: HttpRequest, connection: HttpConnection): boolean {
    const link = this.#link;
    const { runtimes } = this.#around.options;
    if (serveCredentials(request, connection, runtimes.containerCredentials?.(this.spec) ?? null)) return true;
    if (link === null || !isForExtensions(request)) return false;
    if (this.#host === null) {
      this.#boxes.admit(!this.#machine.initializing);
      this.#log.repeatFirst();
    }
    return this.#host!.serve(request, connection);
  }

  onBoxed({ by }: BoundBox): void {
    this.#life.boxed(by);
  }

  onExit(exit: BoxExit, failure = failureOf(exit, this.#host?.reported)): void {
    const input: WorkerInput = { kind: 'exited', nowMs: this.#now(), boot: this.#boot, ...exit, ...failure };
    if (exit.outOfMemory) this.#peak.set(this.spec.memoryMib);
    // An answer given before the exit counts.
    if (this.#settling) afterPoll(() => this.#step(input));
    else this.#step(input);
  }

  #answered(requestId: string | undefined, said: StreamResult): void {
    const invocation = this.#invocation;
    const link = this.#link;
    if (invocation === null || link === null || invocation.requestId !== requestId || this.#settling) return;
    this.#payload = said.payload;
    const nowMs = this.#now();
    const boot = this.#boot;
    const { kind, errorType, bytes, streamed } = said;
    const input: AnswerInput = { kind, nowMs, boot, requestId: invocation.requestId, errorType, bytes, streamed };
    this.#settling = true;
    this.#around.settle(() => {
      this.#settling = false;
      const host = this.#host;
      if (this.#ends) this.#step({ ...input, lingers: 'answer-last' });
      else if (host === null) this.#step(input);
      else if (host.busy) {
        this.#step({ ...input, lingers: invocation.tail ? 'answer-last' : 'answer-first' });
        host.runtimeDone();
      } else {
        host.runtimeDone();
        this.#step(input);
      }
    });
  }

  #now(): number {
    return this.#around.clock.monotonicMs();
  }

  #step(input: WorkerInput): void {
    const effects = this.#machine.step(input);
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: WorkerEffect): void {
    switch (effect.kind) {
      case 'boot':
        this.#ends = false;
        this.#boxes.start(effect.boot);
        break;
      case 'send-init':
        this.#boxes.initialize();
        break;
      case 'send-restore':
        this.#link!.restore({ reseed: this.#around.options.reseeding !== false });
        break;
      case 'capture':
        this.#boxes.capture(effect.boot);
        break;
      case 'published':
        this.#onPublished?.(effect.end);
        break;
      case 'send-invoke':
        this.#sendInvoke(effect.deadlineMs);
        break;
      case 'arm':
        this.#token = effect.token;
        this.#around.arm(this, effect.atMs);
        break;
      case 'disarm':
        this.alarmAtMs = Number.POSITIVE_INFINITY;
        break;
      case 'log':
        this.#log.line(effect.line);
        this.#life.line(effect.line);
        break;
      case 'complete': {
        const run = this.#life.run(effect.end, this.#peak.knownMib);
        const outcome = outcomeOf(effect.end, this.#payload, this.#log.capture.takeTail(), run);
        this.#finish(this.#streamed === null ? outcome : this.#streamed.outcome(outcome));
        break;
      }
      case 'refuse':
        this.#log.capture.takeTail();
        this.#finish(refusal(effect.reason));
        if (this.#machine.phase === 'idle') this.#rest();
        break;
      case 'kill':
        this.#boxes.kill(effect.boot, effect.reason);
        break;
      case 'ready':
        // A figure for a first invocation that ends with its process.
        this.#peak.of(this.#link?.box, this.#now());
        this.#rest();
        void this.#life.ready(this.#link?.box ?? null);
        this.#around.wanted(this.spec);
        this.#around.events.onReady(this.id, effect.initialized);
        break;
      case 'idle':
        this.#rest();
        this.#around.events.onIdle(this.id, effect.epoch);
        break;
      case 'gone':
        void this.#leave(effect.problem);
        break;
    }
  }

  #finish(outcome: InvocationOutcome): void {
    const onEnd = this.#onEnd;
    assert(onEnd !== null, 'an invocation ends once');
    this.#around.busyPoll.ended();
    this.#invocation = null;
    this.#onEnd = null;
    this.#payload = nothing;
    this.#link?.invoked();
    if (this.#streamed !== null) {
      this.#streamed.close();
      this.#streamed = null;
    }
    this.#around.answer(onEnd, outcome);
  }

  #rest(): void {
    this.idleSinceMs = this.#now();
    this.#around.idled();
  }

  startRuntime(): void {
    const problem = initiate(this.#boxes.initiation());
    if (problem !== null) {
      this.onInitError(invalidEntrypoint, entrypointReport(this.#invocation?.requestId, problem));
    }
  }

  #sendInvoke(deadlineMs: number): void {
    const invocation = this.#invocation!;
    const link = this.#link!;
    this.#life.sent();
    const header = invokeHeader(invocation, deadlineMs, this.#around.clock);
    this.#host?.invoke(header);
    if (link.managed) {
      link.api.begin(invocation.requestId, invocation.stream !== null);
      writeInvoke(link.box.channel, header, invocation.payload);
    } else link.api.deliver(header, invocation.payload, invocation.stream !== null);
  }

  async #leave(problem: string | null): Promise<void> {
    this.alarmAtMs = Number.POSITIVE_INFINITY;
    await this.#premises.leave();
    this.#around.gone(this, problem);
  }
}
