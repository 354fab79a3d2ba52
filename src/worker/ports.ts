import type { StopReason } from '../assignment/messages.js';
import type { SandboxId, WorkerId } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { LogSink } from '../kernel/ports/logs.js';
import type { Random } from '../kernel/ports/random.js';
import type { FunctionSpec, RuntimeName } from '../wire/functionspec.js';
import type { Invocation, InvocationOutcome, Lease } from '../wire/invocation.js';
import type { InitializationType, StartOrigin } from '../wire/start.js';
import type { ContainerCredentials } from './containercredentials.js';
import type { CaptureEnd } from './messages.js';
import type { RuntimeLaunch, SandboxDriver } from './sandbox/driver.js';

/** What the worker tells assignment. Called synchronously from the event loop; must not throw. */
export interface WorkerEvents {
  /** The sandbox serves now: its init phase is over, or failed (`initialized`: false) and runs again inside the first invocation. Once. */
  onReady(sandboxId: SandboxId, initialized: boolean): void;
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
    /** Shared libraries are among them: the runtime has to start where it finds them. */
    readonly libraries: boolean;
    release(): void;
  }>;
}

/** An official runtime client; it may write framed log events to the channel's descriptor (telemetryframes.ts). */
export interface RuntimeClient {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** What the worker needs to know of runtimes; `runtimes/` implements it. */
export interface RuntimeCatalog {
  /** Rejects when the runtime is not on this machine; the message says how to add it. */
  launch(runtime: RuntimeName): Promise<RuntimeLaunch>;
  /** The whole environment of the function's process: what Lambda sets and what the user configured. */
  functionEnvironment(
    spec: FunctionSpec,
    sandbox: {
      readonly logStream: string;
      /** `HOST:PORT` as seen from inside. */
      readonly runtimeApi: string;
      /** For LAMBDA_TASK_ROOT. */
      readonly taskRoot: string;
      readonly initializationType: InitializationType;
    },
  ): Readonly<Record<string, string>>;
  /**
   * Variables that only count when a process starts; a spare cannot serve when there are any. `libraries`: code or
   * layers bring shared libraries.
   */
  startVariables(spec: FunctionSpec, libraries: boolean): Readonly<Record<string, string>>;
  /**
   * What to start, with the function's environment and this one, for a managed runtime that speaks the Runtime API
   * itself (Java). Null, or no such method: the runtime is ours, or the function brings its own bootstrap.
   */
  client?(spec: FunctionSpec): RuntimeClient | null;
  /** For functions started from a snapshot. Null, or no such method: the function has no role. */
  containerCredentials?(spec: FunctionSpec): ContainerCredentials | null;
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
  /** Told with each invocation. */
  readonly workerId?: WorkerId;
  /** What happens to snapshots of functions, for whoever keeps account of them. Must not throw. */
  readonly snapshots?: SnapshotEvents;
  /** False only to show what clones draw without new seeds. Default true. */
  readonly reseeding?: boolean;
  /** Memory that sandboxes (spares included) may use together. */
  readonly memoryMib: number;
  /** Sandboxes that may exist at once, spares not counted. */
  readonly sandboxesMax: number;
  /** Boxes booted and waiting per runtime in use; 0 switches spares off. Default 2. */
  readonly sparesPerRuntime?: number;
  /** Idle this long, a sandbox is frozen. Default 10 ms. */
  readonly freezeAfterMs?: number;
  /** See BusyPoll; 0 switches it off. Default 0.2 ms. */
  readonly busyPollMs?: number;
}

export interface SnapshotEvents {
  /** A sandbox starts from it. */
  used(spec: FunctionSpec): void;
  /** It is gone or cannot be restored; the sandbox it was for starts from the code. */
  lost(spec: FunctionSpec, problem: string): void;
}

export interface WorkerCapacity {
  readonly memoryMib: number;
  readonly memoryUsedMib: number;
  /** What a sandbox takes of it beside its function's memory. */
  readonly sandboxOwnMib: number;
  readonly sandboxesMax: number;
  readonly sandboxes: number;
  /** What waits, by runtime or function. */
  readonly spares: Readonly<Record<string, number>>;
  /** Since the start: what ended while it waited, though nobody here wanted that. */
  readonly lost: { readonly spares: number; readonly clones: number };
}

export interface WorkerService {
  /** Boots and initializes a sandbox. Ends in `onReady` or `onGone`. A sandbox id is used once. `origin`: default `demand`. */
  start(sandboxId: SandboxId, spec: FunctionSpec, origin?: StartOrigin): void;
  /**
   * Runs one invocation. `onEnd` is called exactly once, later in another turn of the event loop, after the
   * invocation's log lines are handed to the kernel. Busy, unknown or leaving sandboxes and old epochs are refused
   * (`ServiceUnavailableException`): the invocation never ran and may be tried elsewhere.
   */
  invoke(lease: Lease, invocation: Invocation, onEnd: (outcome: InvocationOutcome) => void): void;
  /** Ends a sandbox: now when idle, after its invocation when busy. Unknown ids are ignored. */
  stop(sandboxId: SandboxId, reason: StopReason): void;
  /** Keeps spares of this runtime from now on (the account has a function of it). Returns at once. */
  prewarm(runtime: RuntimeName, account: string): void;
  /**
   * Initializes the function in a sandbox of its own and saves that as the snapshot `spec.snapshot`, replacing one that
   * there is. At most two at a time, beside the sandboxes that `memoryMib` is for; others wait. Null: sandboxes cannot
   * be saved here, or this one cannot (it has extensions, whose registrations are the worker's).
   */
  capture(spec: FunctionSpec): Promise<CaptureEnd | null>;
  /** The snapshot is dropped: what was restored from it ahead goes. */
  forget(snapshot: string): void;
  /** Resolves when the spares asked for by `prewarm` wait (or could not be made). For benches, tests and readiness. */
  spared(): Promise<void>;
  capacity(): WorkerCapacity;
  /**
   * Stops taking work, lets running invocations finish for `graceMs` (default 0; later ones are cut off and refused),
   * kills every sandbox; resolves when nothing is left.
   */
  close(graceMs?: number): Promise<void>;
}
