import { assert } from '../kernel/assert.js';
import type { SandboxId } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import { type FrameType, frameType } from '../wire/channel/frames.js';
import type { FunctionSpec, RuntimeName } from '../wire/functionspec.js';
import type { Invocation, InvocationOutcome } from '../wire/invocation.js';
import type { Alarmed } from './alarms.js';
import { afterPoll, type BoxLink, type BoxOwner } from './boxlink.js';
import { writeInvoke } from './channel.js';
import { entrypointReport, invalidEntrypoint } from './entrypoint.js';
import { captureLogFrame } from './framedevent.js';
import { initiate } from './initiation.js';
import { LogCapture } from './logcapture.js';
import { formatLine, type LineFacts, logStreamName } from './loglines.js';
import { WorkerMachine } from './machine.js';
import { MemoryPeak } from './memorypeak.js';
import type { PlatformLine, WorkerEffect, WorkerInput } from './messages.js';
import { errorTypeOf, outcomeOf, refusal } from './outcome.js';
import type { BoxExit, Scratch } from './sandbox/driver.js';
import type { CodeSource, WorkerEvents, WorkerOptions } from './service.js';

const nothing = Buffer.alloc(0);

/** What a sandbox needs of the worker around it. */
export interface Surroundings {
  readonly options: WorkerOptions;
  readonly clock: Clock;
  readonly events: WorkerEvents;
  /** A spare, or a box booted now; `held`: one whose runtime waits to be started with the function's variables. */
  box(spec: FunctionSpec, held: boolean): Promise<BoxLink>;
  arm(sandbox: LiveSandbox, atMs: number): void;
  /**
   * Runs at the end of this turn of the event loop. What a runtime wrote to its pipes before its answer is ready when
   * the answer is, so the same poll of libuv that brings the answer brings it, too: by then it has been read.
   */
  settle(action: () => void): void;
  /** Runs at the end of this turn of the event loop, after the logs were handed to the kernel. */
  answer(onEnd: (outcome: InvocationOutcome) => void, outcome: InvocationOutcome): void;
  logged(): void;
  idled(): void;
  /** A function of this runtime works here: spares of it are worth having. */
  wanted(runtime: RuntimeName): void;
  gone(sandbox: LiveSandbox, problem: string | null): void;
}

/** Performs the effects of one sandbox's machine. */
export class LiveSandbox implements BoxOwner, Alarmed {
  readonly id: SandboxId;
  readonly spec: FunctionSpec;
  alarmAtMs = Number.POSITIVE_INFINITY;
  /** Since when there has been nothing to do, or null while there is. */
  idleSinceMs: number | null = null;
  readonly #around: Surroundings;
  readonly #machine: WorkerMachine;
  readonly #log: LogCapture;
  readonly #logStream: string;
  readonly #peak = new MemoryPeak();
  readonly #facts: { -readonly [K in keyof LineFacts]: LineFacts[K] };
  #token = 0;
  #boot = 0;
  #link: BoxLink | null = null;
  /** Boots and kills follow each other, so that two boxes never share the scratch. */
  #sequence: Promise<void> = Promise.resolve();
  #code: Awaited<ReturnType<CodeSource['acquire']>> | null = null;
  #scratch: Scratch | null = null;
  #invocation: Invocation | null = null;
  #onEnd: ((outcome: InvocationOutcome) => void) | null = null;
  #payload: Buffer = nothing;
  /** An answer came in and waits for the end of the turn. */
  #settling = false;

  constructor(id: SandboxId, spec: FunctionSpec, around: Surroundings) {
    const { options, clock } = around;
    this.id = id;
    this.spec = spec;
    this.#around = around;
    this.#machine = new WorkerMachine({ sandboxId: id, timeoutMs: spec.timeoutMs });
    const nowMs = clock.nowMs();
    this.#logStream = logStreamName(nowMs, spec.version, options.random.hex(16));
    const writer = options.logs.open(spec, spec.logGroup, this.#logStream);
    this.#log = new LogCapture(writer, () => around.logged());
    this.#facts = {
      version: spec.version,
      memoryMib: spec.memoryMib,
      runtimeVersion: { name: '', arn: '' },
      memoryPeakMib: () => this.#peak.of(this.#link?.box, this.#now()),
      nowMs,
    };
  }

  start(): void {
    this.#step({ kind: 'start', nowMs: this.#now() });
  }

  stop(): void {
    this.#step({ kind: 'stop', nowMs: this.#now() });
  }

  abort(): void {
    this.#step({ kind: 'abort', nowMs: this.#now() });
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
    if (invocation.tail) this.#log.startTail();
    this.#link?.thaw();
    this.#step({ kind: 'invoke', nowMs: this.#now(), requestId: invocation.requestId, epoch });
  }

  freeze(): void {
    this.#link?.freeze();
  }

  onAlarm(nowMs: number): void {
    // The answer is here already: it counts. Should the machine not take it, the deadline comes again.
    if (this.#settling) this.#around.arm(this, nowMs + 5);
    else this.#step({ kind: 'timer', nowMs, token: this.#token });
  }

  onFrame(type: FrameType, body: Buffer): void {
    switch (type) {
      case frameType.log:
        if (!captureLogFrame(body, this.#log, this.#around.clock.nowMs())) this.#link?.break();
        break;
      case frameType.response:
        this.#answered('response', this.#invocation?.requestId, '', body, body.length);
        break;
      case frameType.error:
        this.#answered('error', this.#invocation?.requestId, errorTypeOf(body, 'Runtime.Unknown'), body, body.length);
        break;
      case frameType.initDone:
        this.onInitDone();
        break;
      case frameType.initError:
        this.onInitError(errorTypeOf(body, 'Runtime.Unknown'), body);
        break;
      default:
        this.#link?.break();
    }
  }

  onOutput(stream: 'stdout' | 'stderr', bytes: Buffer): void {
    this.#log.raw(stream, bytes, this.#around.clock.nowMs());
  }

  onInitDone(): void {
    this.#step({ kind: 'init-done', nowMs: this.#now(), boot: this.#boot });
  }

  onInitError(errorType: string, payload: Buffer): void {
    const nowMs = this.#now();
    const boot = this.#boot;
    this.#payload = payload;
    afterPoll(() => this.#step({ kind: 'init-error', nowMs, boot, errorType }));
  }

  onResponse(requestId: string, payload: Buffer, bytes: number): void {
    this.#answered('response', requestId, '', payload, bytes);
  }

  onError(requestId: string, errorType: string, payload: Buffer, bytes: number): void {
    this.#answered('error', requestId, errorType, payload, bytes);
  }

  onExit(exit: BoxExit): void {
    const input: WorkerInput = { kind: 'exited', nowMs: this.#now(), boot: this.#boot, ...exit };
    if (exit.outOfMemory) this.#peak.set(this.spec.memoryMib);
    // An answer given before the exit counts.
    if (this.#settling) afterPoll(() => this.#step(input));
    else this.#step(input);
  }

  #answered(
    kind: 'response' | 'error',
    requestId: string | undefined,
    errorType: string,
    payload: Buffer,
    bytes: number,
  ): void {
    const invocation = this.#invocation;
    const link = this.#link;
    if (invocation === null || link === null || invocation.requestId !== requestId || this.#settling) return;
    this.#payload = payload;
    const nowMs = this.#now();
    const boot = this.#boot;
    const input: WorkerInput = { kind, nowMs, boot, requestId: invocation.requestId, errorType, bytes };
    this.#settling = true;
    this.#around.settle(() => {
      this.#settling = false;
      this.#step(input);
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
        this.#boot = effect.boot;
        this.#sequence = this.#sequence.then(() => this.#bootBox(effect.boot));
        break;
      case 'send-init':
        this.#sendInit();
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
        this.#logLine(effect.line);
        break;
      case 'complete': {
        const outcome = outcomeOf(effect.end, this.#payload, this.#log.takeTail());
        this.#finish(outcome);
        break;
      }
      case 'refuse':
        this.#log.takeTail();
        this.#finish(refusal(effect.reason));
        if (this.#machine.phase === 'idle') this.#rest();
        break;
      case 'kill':
        this.#kill(effect.boot);
        break;
      case 'ready':
        // A figure for a first invocation that ends with its process.
        this.#peak.of(this.#link?.box, this.#now());
        this.#rest();
        this.#around.wanted(this.spec.runtime);
        this.#around.events.onReady(this.id);
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
    this.#invocation = null;
    this.#onEnd = null;
    this.#payload = nothing;
    this.#link?.api.end();
    this.#around.answer(onEnd, outcome);
  }

  #rest(): void {
    this.idleSinceMs = this.#now();
    this.#around.idled();
  }

  async #bootBox(boot: number): Promise<void> {
    const { options } = this.#around;
    try {
      this.#code ??= await options.code.acquire(this.spec);
      const held = Object.keys(options.runtimes.startVariables(this.spec, this.#code.libraries)).length > 0;
      // Both to their end: what there is must be found and cleared away when there is not the other.
      const [box, scratch] = await Promise.allSettled([
        this.#around.box(this.spec, held),
        this.#scratch ?? options.driver.createScratch(this.spec.ephemeralMib),
      ]);
      if (scratch.status === 'fulfilled') this.#scratch = scratch.value;
      if (box.status === 'rejected') throw box.reason;
      const link = box.value;
      // A kill asked for meanwhile stands behind us in the sequence and finds the link.
      this.#link = link;
      link.own(this);
      if (scratch.status === 'rejected') throw scratch.reason;
      const { codeDirectory, layersDirectory } = this.#code;
      // Known once the runtime was found, and that was before its box booted.
      this.#facts.runtimeVersion = options.runtimes.version(this.spec.runtime, this.spec.region);
      if (!link.alive) throw new Error('the box ended while it waited');
      await link.box.bind({ codeDirectory, layersDirectory, scratch: scratch.value, memoryMib: this.spec.memoryMib });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#step({ kind: 'boot-failed', nowMs: this.#now(), boot, message });
      return;
    }
    this.#step({ kind: 'booted', nowMs: this.#now(), boot });
  }

  #kill(boot: number): void {
    // Now, not in the sequence: a box that is up must stop running this instant.
    const link = this.#link;
    if (link !== null) {
      this.#peak.of(link.box, this.#now(), true);
      link.disown();
      void link.kill();
    }
    this.#sequence = this.#sequence.then(async () => {
      const last = this.#link;
      this.#link = null;
      this.#log.finish(this.#around.clock.nowMs());
      if (last !== null) {
        last.disown();
        await last.kill();
      }
      this.#step({ kind: 'cleared', nowMs: this.#now(), boot });
    });
  }

  #sendInit(): void {
    const { options } = this.#around;
    const { spec } = this;
    const problem = initiate({ link: this.#link!, spec, options, code: this.#code!, logStream: this.#logStream });
    if (problem !== null) {
      this.onInitError(invalidEntrypoint, entrypointReport(this.#invocation?.requestId, problem));
    }
  }

  #sendInvoke(deadlineMs: number): void {
    const invocation = this.#invocation!;
    const link = this.#link!;
    const { clock } = this.#around;
    const header = {
      requestId: invocation.requestId,
      deadlineMs: Math.floor(clock.nowMs() + deadlineMs - clock.monotonicMs()),
      invokedFunctionArn: invocation.invokedFunctionArn,
      traceHeader: invocation.traceHeader,
      clientContext: invocation.clientContext,
      cognitoIdentity: invocation.cognitoIdentity,
    };
    if (link.managed) {
      link.api.begin(invocation.requestId);
      writeInvoke(link.box.channel, header, invocation.payload);
    } else link.api.deliver({ ...header, payload: invocation.payload });
  }

  #logLine(line: PlatformLine): void {
    const nowMs = this.#around.clock.nowMs();
    if (line.kind !== 'start' && line.kind !== 'init-start') this.#log.finish(nowMs);
    this.#facts.nowMs = nowMs;
    this.#log.event(nowMs, formatLine(line, this.#facts));
  }

  async #leave(problem: string | null): Promise<void> {
    this.alarmAtMs = Number.POSITIVE_INFINITY;
    this.#code?.release();
    await this.#scratch?.dispose().catch(() => {}); // Left to the driver's janitor.
    this.#around.gone(this, problem);
  }
}
