import { assert } from '../../kernel/assert.js';
import type { ShutdownReason } from '../messages.js';
import { Extension } from './extension.js';
import type { ExtensionsEffect, ExtensionsInput, LaunchedProgram } from './messages.js';

/** Extensions of one function, external and internal together (AWS's runtime interface emulator). */
export const extensionsMax = 10;
/** Length of the shutdown phase (Lambda developer guide, "Shutdown phase"): with external extensions, … */
export const externalShutdownMs = 2_000;
/** … of which the runtime has this much between SIGTERM and SIGKILL, before the extensions are told; … */
export const runtimeShutdownMs = 300;
/** … and with internal ones only. Without extensions there is none: SIGKILL at once. */
export const internalShutdownMs = 500;

type Phase = 'init' | 'idle' | 'invoking' | 'lingering' | 'failed' | 'stopping-runtime' | 'stopping' | 'over';

const notAllowed = 'State transition is not allowed';

/** The extensions of one box; see `messages.ts`. Pure: effects are to be performed in their order. */
export class ExtensionsMachine {
  #phase: Phase;
  #extensions: Extension[] = [];
  #runtimeStarted: boolean;
  #runtimeReady: boolean;
  #runtimeExited = false;
  /** What the first extension that reported an error named; its exit then fails the function with it. */
  #reported: string | null = null;
  #shutdown: { readonly reason: ShutdownReason; readonly deadlineMs: number } | null = null;
  #effects: ExtensionsEffect[] = [];

  /** `runtime`: where it is when the first request comes; `waiting` until `start-runtime`. */
  constructor(runtime: 'waiting' | 'started' | 'ready') {
    this.#phase = runtime === 'ready' ? 'idle' : 'init';
    this.#runtimeStarted = runtime !== 'waiting';
    this.#runtimeReady = runtime === 'ready';
  }

  /** Whether an invocation whose runtime answers now has to wait for extensions. */
  get busy(): boolean {
    return this.#extensions.some((extension) => extension.takes('INVOKE') && extension.state !== 'Ready');
  }

  /** Whether there is anything to shut down but the runtime. */
  get empty(): boolean {
    return this.#extensions.length === 0;
  }

  /** The error type that an extension reported before it (or its runtime) exits. */
  get reported(): string | null {
    return this.#reported;
  }

  nameOf(id: string): string | null {
    return this.#byId(id)?.name ?? null;
  }

  /** Whether registrations and subscriptions are still taken. */
  get open(): boolean {
    return this.#phase === 'init';
  }

  step(input: ExtensionsInput): readonly ExtensionsEffect[] {
    const effects: ExtensionsEffect[] = [];
    this.#effects = effects;
    switch (input.kind) {
      case 'launched':
        this.#launched(input.programs);
        break;
      case 'register':
        this.#register(input);
        break;
      case 'next':
        this.#next(input.call, input.id);
        break;
      case 'init-error':
      case 'exit-error':
        this.#errorReported(input);
        break;
      case 'hung-up':
        for (const extension of this.#extensions) extension.hangUp(input.call);
        break;
      case 'runtime-ready':
        this.#runtimeReady = true;
        this.#initialized();
        break;
      case 'invoke':
        this.#invoke();
        break;
      case 'runtime-done':
        if (this.#phase === 'invoking') {
          this.#phase = 'lingering';
          this.#invoked();
        }
        break;
      case 'exited':
        this.#exited(input.program, input.how);
        break;
      case 'shutdown':
        this.#shutDown(input.nowMs, input.reason);
        break;
      case 'timer':
        this.#expired();
        break;
    }
    return effects;
  }

  #launched(programs: readonly LaunchedProgram[]): void {
    assert(this.#extensions.length === 0, 'extensions are launched once');
    this.#extensions = programs.map(({ name, problem }, index) => {
      const extension = new Extension(name, index + 1);
      if (problem !== null) extension.fail('LaunchError', problem.errorType);
      return extension;
    });
    const problem = programs.find((program) => program.problem !== null)?.problem;
    if (problem === undefined || problem === null) this.#startRuntime();
    else {
      this.#fail('Extension.LaunchError', problem.message);
      // One that cannot start keeps the others from being started.
      for (const extension of this.#extensions) extension.exit();
    }
  }

  #register({ call, id, name, events }: Extract<ExtensionsInput, { readonly kind: 'register' }>): void {
    const external = this.#extensions.find((extension) => extension.name === name && extension.program !== null);
    for (const event of events) {
      if (event === 'INVOKE' || (event === 'SHUTDOWN' && external !== undefined)) continue;
      const why = event === 'SHUTDOWN' ? 'ShutdownEventNotSupportedForInternalExtension' : 'ErrorInvalidEventType';
      this.#refuse(call, 'Extension.InvalidEventType', `${event}: ${why}`);
      return;
    }
    let extension = external;
    if (extension === undefined) {
      const same = this.#extensions.some((other) => other.name === name);
      if (!this.open || this.#runtimeReady) {
        this.#refuse(call, 'Extension.RegistrationClosed', 'Extension registration closed already');
      } else if (this.#extensions.length >= extensionsMax) {
        this.#refuse(call, 'Extension.TooManyExtensions', `Extension limit (${extensionsMax}) reached`);
      } else if (same) {
        this.#refuse(call, 'Extension.InvalidExtensionState', 'Extension with this name already registered');
      } else {
        extension = new Extension(name, null);
        this.#extensions.push(extension);
      }
      if (extension === undefined) return;
    }
    if (extension.state !== 'Started') {
      this.#refuseMove(call, extension, 'Registered', name);
      return;
    }
    extension.register(id, events);
    this.#effects.push({ kind: 'registered', call, id });
    this.#startRuntime();
  }

  #next(call: number, id: string): void {
    const extension = this.#byId(id);
    if (extension === undefined) {
      this.#refuse(call, 'Extension.UnknownExtensionIdentifier', `Unknown extension ${id}`);
      return;
    }
    if (extension.state !== 'Registered' && extension.state !== 'Running') {
      this.#refuseMove(call, extension, 'Ready', id);
      return;
    }
    extension.wait(call);
    if (this.#phase === 'init') this.#initialized();
    else if (this.#phase === 'stopping') this.#sendShutdown(extension);
    else if (extension.owed) {
      extension.release();
      this.#effects.push({ kind: 'send-invoke', call });
    } else this.#invoked();
  }

  #errorReported(input: Extract<ExtensionsInput, { readonly kind: 'init-error' | 'exit-error' }>): void {
    const { call, id, errorType } = input;
    const extension = this.#byId(id);
    if (extension === undefined) {
      const what = input.kind === 'init-error' ? 'Lambda-Extension-Identifier' : 'extension-id';
      this.#refuse(call, 'Extension.UnknownExtensionIdentifier', `Unknown ${what}`);
      return;
    }
    const target = input.kind === 'init-error' ? 'InitError' : 'ExitError';
    const from: readonly string[] =
      target === 'InitError' ? ['Registered', 'InitError'] : ['Registered', 'Ready', 'Running', 'ExitError'];
    if (!from.includes(extension.state)) {
      this.#refuseMove(call, extension, target, id);
      return;
    }
    if (extension.state !== target) extension.fail(target, errorType);
    this.#reported ??= `Extension.${target}`;
    this.#effects.push({ kind: 'accept', call });
  }

  /** The runtime starts once every external extension has registered. */
  #startRuntime(): void {
    if (this.#runtimeStarted || this.#phase !== 'init') return;
    if (this.#extensions.some(({ state }) => state === 'Started')) return;
    this.#runtimeStarted = true;
    this.#effects.push({ kind: 'start-runtime' });
  }

  #initialized(): void {
    if (this.#phase !== 'init' || !this.#runtimeReady) return;
    if (this.#extensions.some(({ state }) => state !== 'Ready')) return;
    this.#phase = 'idle';
    this.#tell();
    this.#effects.push({ kind: 'init-done' });
  }

  #invoke(): void {
    if (this.#phase !== 'idle') return;
    this.#phase = 'invoking';
    for (const extension of this.#extensions) {
      if (!extension.takes('INVOKE')) continue;
      const call = extension.release();
      if (call === null) extension.owed = true;
      else this.#effects.push({ kind: 'send-invoke', call });
    }
  }

  #invoked(): void {
    if (this.#phase !== 'lingering' || this.busy) return;
    this.#phase = 'idle';
    this.#effects.push({ kind: 'invoke-done' });
  }

  #exited(program: number, how: string): void {
    if (program === 0) this.#runtimeExited = true;
    const extension = this.#extensions.find((one) => one.program === program);
    extension?.exit();
    if (this.#phase === 'stopping-runtime') {
      if (program === 0) this.#stopExtensions();
    } else if (this.#phase === 'stopping') this.#stopped();
    else if (extension !== undefined && this.#phase !== 'over') {
      this.#fail(this.#reported ?? 'Extension.Crash', how);
    }
  }

  #fail(errorType: string, message: string): void {
    if (this.#phase === 'failed') return;
    if (this.#phase === 'init') this.#tell(errorType);
    this.#phase = 'failed';
    this.#effects.push({ kind: 'failed', errorType, message });
  }

  #shutDown(nowMs: number, reason: ShutdownReason): void {
    if (this.#shutdown !== null) return;
    if (this.#phase === 'init') this.#tell();
    const external = this.#alive().length > 0;
    const totalMs = external ? externalShutdownMs : this.empty ? 0 : internalShutdownMs;
    this.#shutdown = { reason, deadlineMs: nowMs + totalMs };
    if (totalMs === 0) this.#over();
    else if (this.#runtimeStarted && !this.#runtimeExited) {
      this.#phase = 'stopping-runtime';
      this.#effects.push(
        { kind: 'signal', program: 0, name: 'SIGTERM' },
        { kind: 'arm', atMs: nowMs + (external ? runtimeShutdownMs : internalShutdownMs) },
      );
    } else this.#stopExtensions();
  }

  #stopExtensions(): void {
    this.#phase = 'stopping';
    for (const extension of this.#alive()) {
      if (extension.takes('SHUTDOWN')) this.#sendShutdown(extension);
      else this.#effects.push({ kind: 'signal', program: extension.program!, name: 'SIGKILL' });
    }
    this.#effects.push({ kind: 'arm', atMs: this.#shutdown!.deadlineMs });
    this.#stopped();
  }

  #sendShutdown(extension: Extension): void {
    const { reason, deadlineMs } = this.#shutdown!;
    if (!extension.takes('SHUTDOWN') || extension.told) return;
    const call = extension.release();
    if (call === null) return;
    extension.told = true;
    this.#effects.push({ kind: 'send-shutdown', call, reason, deadlineMs });
  }

  #stopped(): void {
    if (this.#phase === 'stopping' && this.#alive().length === 0) this.#over();
  }

  /** Timers may be early by a fraction: there is only one, so it is the one that was armed last. */
  #expired(): void {
    if (this.#phase === 'stopping-runtime') {
      this.#effects.push({ kind: 'signal', program: 0, name: 'SIGKILL' });
      this.#stopExtensions();
    } else if (this.#phase === 'stopping') this.#over();
  }

  #over(): void {
    this.#phase = 'over';
    this.#effects.push({ kind: 'over' });
  }

  /** External extensions that run. */
  #alive(): Extension[] {
    return this.#extensions.filter(({ program, gone }) => program !== null && !gone);
  }

  #byId(id: string): Extension | undefined {
    return this.#extensions.find((extension) => extension.id === id);
  }

  #tell(errorType: string | null = null): void {
    for (const extension of this.#extensions) {
      const { name, events } = extension;
      const failed = extension.gone ? errorType : null;
      const type = extension.errorType ?? failed;
      this.#effects.push({ kind: 'tell', name, state: extension.state, events, errorType: type });
    }
  }

  #refuse(call: number, errorType: string, message: string): void {
    this.#effects.push({ kind: 'refuse', call, errorType, message });
  }

  #refuseMove(call: number, { state }: Extension, to: string, who: string): void {
    const message = `State transition from ${state} to ${to} failed for extension ${who}. Error: ${notAllowed}`;
    this.#refuse(call, 'Extension.InvalidExtensionState', message);
  }
}
