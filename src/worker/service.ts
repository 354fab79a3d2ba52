import type { StopReason } from '../assignment/messages.js';
import type { SandboxId } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { LogSink } from '../kernel/ports/logs.js';
import type { Random } from '../kernel/ports/random.js';
import type { FunctionSpec, RuntimeName } from '../wire/functionspec.js';
import type { Invocation, InvocationOutcome, Lease } from '../wire/invocation.js';
import type { RuntimeLaunch, SandboxDriver } from './sandbox/driver.js';

/** What the worker tells assignment. Called synchronously from the event loop; must not throw. */
export interface WorkerEvents {
  /** The sandbox serves now: its init phase is over, or failed and runs again inside the first invocation. Once. */
  onReady(sandboxId: SandboxId): void;
  /** The invocation of this lease is over; the sandbox takes the next one. Comes before the invocation's `onEnd`. */
  onIdle(sandboxId: SandboxId, epoch: number): void;
  /** Nothing of the sandbox is left. Exactly once per `start`. `problem`: why it could not serve, or null. */
  onGone(sandboxId: SandboxId, problem: string | null): void;
}

/** Where the extracted trees of a spec are. The returned directories stay until `release` is called. */
export interface CodeSource {
  acquire(spec: FunctionSpec): Promise<{
    readonly codeDirectory: string;
    readonly layersDirectory: string | null;
    release(): void;
  }>;
}

/** What the worker needs to know of runtimes; `runtimes/` implements it. */
export interface RuntimeCatalog {
  /** Rejects when the runtime is not on this machine; the message says how to add it. */
  launch(runtime: RuntimeName): Promise<RuntimeLaunch>;
  /** The whole environment of the function's process: what Lambda sets and what the user configured. */
  functionEnvironment(
    spec: FunctionSpec,
    sandbox: { readonly logStream: string; readonly runtimeApi: string; readonly initializationType: 'on-demand' },
  ): Readonly<Record<string, string>>;
  /** Those of the user's variables that only count when a process starts; a spare cannot serve when there are any. */
  startVariables(spec: FunctionSpec): Readonly<Record<string, string>>;
  /** For INIT_START: `python:3.13.v20` and the version's ARN. */
  version(runtime: RuntimeName, region: string): { readonly name: string; readonly arn: string };
}

export interface WorkerOptions {
  readonly driver: SandboxDriver;
  readonly runtimes: RuntimeCatalog;
  readonly code: CodeSource;
  readonly logs: LogSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: WorkerEvents;
  /** Memory that sandboxes (spares included) may use together. */
  readonly memoryMib: number;
  /** Sandboxes that may exist at once, spares not counted. */
  readonly sandboxesMax: number;
  /** Boxes booted and waiting per runtime in use; 0 switches spares off. Default 2. */
  readonly sparesPerRuntime?: number;
  /** Idle this long, a sandbox is frozen. Default 10 ms. */
  readonly freezeAfterMs?: number;
}

export interface WorkerCapacity {
  readonly memoryMib: number;
  readonly memoryUsedMib: number;
  readonly sandboxesMax: number;
  readonly sandboxes: number;
  readonly spares: Readonly<Record<string, number>>;
}

export interface WorkerService {
  /** Boots and initializes a sandbox. Ends in `onReady` or `onGone`. A sandbox id is used once. */
  start(sandboxId: SandboxId, spec: FunctionSpec): void;
  /**
   * Runs one invocation. `onEnd` is called exactly once, later in another turn of the event loop, after the
   * invocation's log lines are handed to the kernel. Busy, unknown or leaving sandboxes and old epochs are refused
   * (`ServiceUnavailableException`): the invocation never ran and may be tried elsewhere.
   */
  invoke(lease: Lease, invocation: Invocation, onEnd: (outcome: InvocationOutcome) => void): void;
  /** Ends a sandbox: now when idle, after its invocation when busy. Unknown ids are ignored. */
  stop(sandboxId: SandboxId, reason: StopReason): void;
  /** Keeps spares of this runtime from now on (a function of it was created). Returns at once. */
  prewarm(runtime: RuntimeName): void;
  /** Resolves when the spares asked for by `prewarm` wait (or could not be made). For benches, tests and readiness. */
  spared(): Promise<void>;
  capacity(): WorkerCapacity;
  /** Stops taking work, lets no invocation finish, kills every sandbox; resolves when nothing is left. */
  close(): Promise<void>;
}
