import type { SandboxId, WorkerId } from '../kernel/ids.js';

/** Why a sandbox was started. `demand`: an invocation waited for it. */
export type StartOrigin = 'demand' | 'provisioned' | 'deploy' | 'rotation' | 'drain' | 'forecast';

/** What made a proactively initialized sandbox. `eager-assignment`: its waiter was served by another one that freed up first. */
export type ProactiveTrigger = 'deploy' | 'eager-assignment' | 'rotation' | 'drain' | 'forecast';

/**
 * What an invocation met. `cold`: it waited while its sandbox booted and initialized (also one that had served, and had
 * lost its runtime). `restored`: it waited for a restore from the function's snapshot. `proactive`: the first invocation of a sandbox initialized before. `provisioned`: any
 * invocation in a provisioned sandbox. `warm`: all others.
 */
export type StartKind = 'cold' | 'warm' | 'proactive' | 'provisioned' | 'restored';

export interface InvocationStart {
  readonly kind: StartKind;
  /** Set with `proactive`, and with `cold` where the sandbox it waited for had been asked for ahead of it. */
  readonly trigger: ProactiveTrigger | null;
  /** The sandbox's first invocation. */
  readonly first: boolean;
  /** A pool with provisioned concurrency served it by a sandbox beyond (ProvisionedConcurrencySpilloverInvocations). */
  readonly spilled: boolean;
}

/** Value of AWS_LAMBDA_INITIALIZATION_TYPE and of `initializationType` (Lambda developer guide, Telemetry API schema). */
export type InitializationType = 'on-demand' | 'provisioned-concurrency' | 'snap-start';

/**
 * When what happened to one sandbox. One object per sandbox, filled in as it goes, each time once: what belongs to later
 * boxes (after a timeout or a crash) does not show here. One that was restored ahead begins before the start that took it.
 * Epoch milliseconds.
 */
export interface SandboxLife {
  readonly sandboxId: SandboxId;
  workerId: WorkerId | null;
  readonly origin: StartOrigin;
  /** The worker was told to start it. */
  readonly startedMs: number;
  /** Its box was there: a spare taken, booted or restored. */
  boxedMs: number | null;
  /** How the box came about. */
  box: 'spare' | 'boot' | 'restore' | null;
  /**
   * Its init (or the after-restore hooks) was over; null while it is not, and when it failed. An init that failed runs
   * again inside the first invocation, and may succeed there.
   */
  initializedMs: number | null;
  initStatus: 'success' | 'error' | 'timeout' | null;
  /** Bytes that each cache tier served to the restore (`memory`, `disk`, `l2`, `origin`); null: not a restore, or not told. */
  tierBytes: Readonly<Record<string, number>> | null;
  /** Other sandboxes that were started or restored meanwhile, whose bytes are among these. */
  tierBesides: number;
  /** Name of its log stream. */
  logStream: string;
  /** That its runtime was given so far. */
  invocations: number;
}

/** What the worker tells of one invocation. */
export interface RunFacts {
  readonly life: SandboxLife;
  /** Handed to the runtime; epoch milliseconds. Later than the worker got it by an init inside the invocation. */
  readonly startedMs: number;
  /** As REPORT has it: with an init inside the invocation, which was before `startedMs`. */
  readonly durationMs: number;
  /** Init phase that this invocation's REPORT tells, or null. */
  readonly initMs: number | null;
  /** Restore that this invocation's REPORT tells, or null. */
  readonly restoreMs: number | null;
  /** That restore was inside the invocation: its sandbox had lost the box before. Absent: no. */
  readonly restoredInside?: boolean;
  /** Of an init inside the invocation: the one before it had failed, or its box was lost. Null or absent: none. */
  readonly initInsideMs?: number | null;
  /** `error` also where the handler reported one. */
  readonly status: 'success' | 'error' | 'timeout';
  readonly errorType: string | null;
  readonly memoryPeakMib: number | null;
}
