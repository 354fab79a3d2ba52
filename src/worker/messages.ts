import type { RequestId, SandboxId } from '../kernel/ids.js';

/**
 * One sandbox's life, decided by `machine.ts` (one machine per sandbox) and performed by `service.ts`.
 *
 *   booting → initializing → idle ⇄ invoking → … → stopping → gone
 *
 * With a snapshot of the function (SnapStart), booting restores it, and after-restore hooks take the place of init:
 *
 *   booting → restoring → idle ⇄ …
 *
 * A restore that fails or exceeds 10 s fails one invocation, which never ran; the next one restores again.
 *
 * Init that fails or exceeds 10 s is not the end: the sandbox becomes idle without a box and runs init again inside
 * its next invocation, in a fresh box, under the function's timeout ("suppressed init"). The same follows a timeout,
 * a crash and an exit.
 *
 * `nowMs`: milliseconds with fraction from any origin, never going back. `boot` numbers the boxes of this sandbox from
 * 1; what comes from an earlier box is ignored.
 */
export type WorkerInput =
  | { readonly kind: 'start'; readonly nowMs: number }
  /** The box is up, bound to code and scratch, and its runtime (or agent) waits for `send-init`. */
  | {
      readonly kind: 'booted';
      readonly nowMs: number;
      readonly boot: number;
      /** It was restored from the function's snapshot: it waits for `send-restore` instead. */
      readonly restored?: boolean;
    }
  | { readonly kind: 'boot-failed'; readonly nowMs: number; readonly boot: number; readonly message: string }
  /** INIT_DONE, or the first GET of the next invocation. */
  | { readonly kind: 'init-done'; readonly nowMs: number; readonly boot: number }
  /** INIT_ERROR, or a POST to /runtime/init/error. The service keeps the payload. */
  | { readonly kind: 'init-error'; readonly nowMs: number; readonly boot: number; readonly errorType: string }
  /** RESTORE_DONE, or the first GET of the next invocation after a restore. */
  | { readonly kind: 'restore-done'; readonly nowMs: number; readonly boot: number }
  /** RESTORE_ERROR, or a POST to /runtime/restore/error. */
  | { readonly kind: 'restore-error'; readonly nowMs: number; readonly boot: number; readonly errorType: string }
  /** Answers `capture`. `problem`: null, or why there is no snapshot. */
  | { readonly kind: 'captured'; readonly nowMs: number; readonly boot: number; readonly problem: string | null }
  | {
      readonly kind: 'invoke';
      readonly nowMs: number;
      readonly requestId: RequestId;
      /** Grows with every lease of this sandbox; an epoch not above the last one served is refused. */
      readonly epoch: number;
    }
  | {
      readonly kind: 'response';
      readonly nowMs: number;
      readonly boot: number;
      readonly requestId: RequestId;
      readonly bytes: number;
      /** It reached the client while the handler ran: the limit of streamed responses holds. */
      readonly streamed?: boolean;
      readonly lingers?: Lingering;
    }
  | {
      readonly kind: 'error';
      readonly nowMs: number;
      readonly boot: number;
      readonly requestId: RequestId;
      readonly errorType: string;
      readonly bytes: number;
      readonly streamed?: boolean;
      readonly lingers?: Lingering;
    }
  /** The extensions that an invocation lingered for are done with it. */
  | { readonly kind: 'extensions-done'; readonly nowMs: number; readonly boot: number }
  /** The runtime's process ended, or its channel broke; or an extension failed (`failure`). */
  | {
      readonly kind: 'exited';
      readonly nowMs: number;
      readonly boot: number;
      readonly code: number | null;
      readonly signal: string | null;
      readonly outOfMemory: boolean;
      /** In place of what code and signal say of a runtime. */
      readonly failure?: { readonly errorType: string; readonly message: string };
    }
  /** Answers `kill`: nothing of this box is left. */
  | { readonly kind: 'cleared'; readonly nowMs: number; readonly boot: number }
  /** A timer armed by `arm` fired; stale ones (other `token`) are ignored. */
  | { readonly kind: 'timer'; readonly nowMs: number; readonly token: number }
  /** Leave once there is no invocation. */
  | { readonly kind: 'stop'; readonly nowMs: number }
  /** Leave now: the worker shuts down. A running invocation is cut off and refused. */
  | { readonly kind: 'abort'; readonly nowMs: number };

/**
 * The runtime has answered, and extensions still work on the invocation: it is over, and reported, when they are done.
 * The client gets its answer now, or (`answer-last`: its log tail shall have the REPORT) with the end.
 */
export type Lingering = 'answer-first' | 'answer-last';

export type AnswerInput = Extract<WorkerInput, { readonly kind: 'response' | 'error' }>;

/** Why a box goes, as extensions are told (Lambda developer guide, "Shutdown phase"). */
export type ShutdownReason = 'SPINDOWN' | 'TIMEOUT' | 'FAILURE';

/** What the client of the invocation gets. The payloads themselves stay with the service. */
export type InvocationEnd =
  | { readonly kind: 'response' }
  /** The payload is what the runtime reported: for the invocation, or for the init inside it. */
  | { readonly kind: 'runtime-error'; readonly errorType: string }
  /** The payload is made by the platform: timeout, exit, response too large. */
  | { readonly kind: 'platform-error'; readonly errorType: string; readonly errorMessage: string }
  /** The function's snapshot could not be restored: not an answer of the function, but an error of the API. */
  | { readonly kind: 'restore-failed'; readonly status: 'error' | 'timeout' };

export interface InvocationFigures {
  /** From the first byte sent to the runtime; includes an init that ran inside the invocation. */
  readonly durationMs: number;
  /** The init phase before this sandbox's first invocation; null for all later ones. */
  readonly initMs: number | null;
  /** Of the restore before this sandbox's first invocation; absent for all later ones. */
  readonly restore?: RestoreFigures;
  /** `error`: the runtime died. An error that the handler reported is a `success` of the platform, as Lambda logs it. */
  readonly status: 'success' | 'error' | 'timeout';
  readonly errorType: string | null;
  /** Of the runtime's answer; 0 without one. */
  readonly producedBytes: number;
}

export interface RestoreFigures {
  /** From the start of the sandbox to the end of the after-restore hooks. */
  readonly restoreMs: number;
  /** The part of it in the runtime and its hooks, in whole milliseconds. */
  readonly billedMs: number;
}

/** How the publication of a version with SnapStart ended. */
export type CaptureEnd =
  | { readonly kind: 'captured' }
  /** The function's own fault. `errorType`: null for a timeout. */
  | { readonly kind: 'init-failed'; readonly status: 'error' | 'timeout'; readonly errorType: string | null }
  /** The platform's. */
  | { readonly kind: 'problem'; readonly message: string }
  /** The worker shuts down. */
  | { readonly kind: 'aborted' };

export type WorkerEffect =
  /** Take a spare or boot a box, bind code, scratch and limits. Answered by `booted` or `boot-failed`. */
  | { readonly kind: 'boot'; readonly boot: number }
  | { readonly kind: 'send-init'; readonly boot: number }
  /** Tells a restored runtime to go on. */
  | { readonly kind: 'send-restore'; readonly boot: number }
  /** Save this box as the function's snapshot. Answered by `captured`. */
  | { readonly kind: 'capture'; readonly boot: number }
  /** A publication is over, once, before `gone`. */
  | { readonly kind: 'published'; readonly end: CaptureEnd }
  | {
      readonly kind: 'send-invoke';
      readonly boot: number;
      readonly requestId: RequestId;
      /** In the time of `nowMs`. */
      readonly deadlineMs: number;
    }
  /** One timer per sandbox: replaces the one before. */
  | { readonly kind: 'arm'; readonly token: number; readonly atMs: number }
  | { readonly kind: 'disarm' }
  | { readonly kind: 'log'; readonly line: PlatformLine }
  /** Answer the invocation, after the log lines before it are flushed. */
  | { readonly kind: 'complete'; readonly requestId: RequestId; readonly end: InvocationEnd }
  /** The invocation did not run: busy, old epoch, on its way out, no box could be had for it, or it was aborted. */
  | { readonly kind: 'refuse'; readonly requestId: RequestId; readonly reason: string }
  /** Kill the box of this boot and clear everything of it away, also when it has not booted yet or has exited. */
  | { readonly kind: 'kill'; readonly boot: number; readonly reason: ShutdownReason }
  /**
   * Tell assignment: ready to serve (after init, once; `initialized`: false when it failed), idle again (after an invocation), or
   * gone (once, last).
   */
  | { readonly kind: 'ready'; readonly initialized: boolean }
  | { readonly kind: 'idle'; readonly epoch: number }
  | { readonly kind: 'gone'; readonly sandboxId: SandboxId; readonly problem: string | null };

/** Platform lines of the function's log, as data; `loglines.ts` formats them as Lambda does. */
export type PlatformLine =
  /** `snapStart`: the init of a publication, whose figures no later REPORT has. `provisioned`: of a provisioned sandbox. */
  | {
      readonly kind: 'init-start';
      readonly snapStart?: boolean;
      readonly provisioned?: boolean;
      /** `invoke`: inside an invocation, after an init that failed or a box that was lost. No line of the text format. */
      readonly phase: 'init' | 'invoke';
    }
  /** In the text format a line for a failure, or with `snapStart`. */
  | {
      readonly kind: 'init-report';
      readonly initMs: number;
      readonly snapStart?: boolean;
      readonly provisioned?: boolean;
      readonly phase: 'init' | 'invoke';
      readonly status: 'success' | 'error' | 'timeout';
      readonly errorType: string | null;
    }
  | { readonly kind: 'restore-start' }
  | {
      readonly kind: 'restore-report';
      readonly restoreMs: number;
      readonly status: 'success' | 'error' | 'timeout';
      readonly errorType: string | null;
    }
  | { readonly kind: 'start'; readonly requestId: RequestId }
  /** The runtime has answered, extensions still work: a platform event only. `end` says no more of the runtime then. */
  | { readonly kind: 'runtime-done'; readonly requestId: RequestId; readonly figures: InvocationFigures }
  | {
      readonly kind: 'end';
      readonly requestId: RequestId;
      readonly figures: InvocationFigures;
      readonly lingered: boolean;
    }
  | { readonly kind: 'report'; readonly requestId: RequestId; readonly figures: InvocationFigures }
  /** `TIMESTAMP ID Task timed out after 3.00 seconds`. */
  | { readonly kind: 'timed-out'; readonly requestId: RequestId; readonly timeoutMs: number }
  | {
      readonly kind: 'extension';
      readonly name: string;
      /** Of the extension's life: `Ready`, or where it was when init failed. */
      readonly state: string;
      readonly events: readonly string[];
      readonly errorType: string | null;
    }
  /** An extension subscribed to the Telemetry API, or to the Logs API before it. */
  | {
      readonly kind: 'subscription';
      readonly api: 'telemetry' | 'logs';
      readonly name: string;
      readonly types: readonly string[];
    }
  /** `RequestId: ID Error: Runtime exited…` and the error type in a line of its own. */
  | { readonly kind: 'failure'; readonly requestId: RequestId; readonly errorType: string; readonly message: string };
