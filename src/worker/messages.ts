import type { RequestId, SandboxId } from '../kernel/ids.js';

/**
 * One sandbox's life, decided by `machine.ts` (one machine per sandbox) and performed by `service.ts`.
 *
 *   booting → initializing → idle ⇄ invoking → … → stopping → gone
 *
 * Init that fails or exceeds 10 s is not the end: the sandbox becomes idle with `init: 'pending'` and runs init again
 * inside its first invocation, under the function's timeout ("suppressed init").
 */
export type WorkerInput =
  | { readonly kind: 'start'; readonly nowMs: number }
  /** The box is up and its runtime waits (HELLO), or for `provided.*` the agent waits. */
  | { readonly kind: 'booted'; readonly nowMs: number }
  | { readonly kind: 'boot-failed'; readonly nowMs: number; readonly message: string }
  | { readonly kind: 'init-done'; readonly nowMs: number }
  /** INIT_ERROR, or a POST to /runtime/init/error. `error` is the runtime's JSON text. */
  | { readonly kind: 'init-error'; readonly nowMs: number; readonly errorType: string; readonly error: string }
  | {
      readonly kind: 'invoke';
      readonly nowMs: number;
      readonly requestId: RequestId;
      readonly epoch: number;
    }
  | { readonly kind: 'response'; readonly nowMs: number; readonly requestId: RequestId; readonly bytes: number }
  | { readonly kind: 'error'; readonly nowMs: number; readonly requestId: RequestId; readonly errorType: string }
  /** The runtime's process ended. */
  | {
      readonly kind: 'exited';
      readonly nowMs: number;
      readonly boot: number;
      readonly code: number | null;
      readonly signal: string | null;
      readonly outOfMemory: boolean;
    }
  /** A timer armed by `arm` fired; stale ones (other `token`) are ignored. */
  | { readonly kind: 'timer'; readonly nowMs: number; readonly token: number }
  | { readonly kind: 'stop'; readonly nowMs: number };

/** What the client of the invocation gets. The response payload itself stays with the service. */
export type InvocationEnd =
  | { readonly kind: 'response' }
  /** The payload is what the runtime reported. */
  | { readonly kind: 'runtime-error' }
  /** The payload is made by the platform: timeout, exit, init error, response too large. */
  | { readonly kind: 'platform-error'; readonly errorType: string; readonly errorMessage: string };

export interface InvocationFigures {
  readonly durationMs: number;
  readonly initMs: number | null;
  readonly status: 'success' | 'error' | 'timeout';
  readonly errorType: string | null;
}

export type WorkerEffect =
  /** Take a spare or boot a box, bind code, scratch and limits. `boot` counts the boxes of this sandbox, from 1. */
  | { readonly kind: 'boot'; readonly boot: number }
  | { readonly kind: 'send-init' }
  | { readonly kind: 'send-invoke'; readonly requestId: RequestId; readonly deadlineMs: number }
  | { readonly kind: 'arm'; readonly token: number; readonly atMs: number }
  | { readonly kind: 'log'; readonly line: PlatformLine }
  /** Answer the invocation, after the log lines before it are flushed. */
  | {
      readonly kind: 'complete';
      readonly requestId: RequestId;
      readonly end: InvocationEnd;
      readonly figures: InvocationFigures;
    }
  /** Refuse an invocation: busy, wrong epoch, or on its way out. It never ran. */
  | { readonly kind: 'refuse'; readonly requestId: RequestId }
  /** Kill the box of this boot. */
  | { readonly kind: 'kill' }
  /** SIGTERM now; the machine arms the SIGKILL. */
  | { readonly kind: 'terminate' }
  /** Tell assignment: ready to serve (after init), idle again (after an invocation), or gone. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'idle'; readonly epoch: number }
  | { readonly kind: 'gone'; readonly sandboxId: SandboxId };

/** Platform lines of the function's log, as data; `loglines.ts` formats them as Lambda does. */
export type PlatformLine =
  | { readonly kind: 'init-start' }
  | {
      readonly kind: 'init-report';
      readonly initMs: number;
      readonly phase: 'init' | 'invoke';
      readonly status: 'error' | 'timeout';
      readonly errorType: string | null;
    }
  | { readonly kind: 'start'; readonly requestId: RequestId }
  | { readonly kind: 'end'; readonly requestId: RequestId }
  | { readonly kind: 'report'; readonly requestId: RequestId; readonly figures: InvocationFigures }
  /** `RequestId: ID Error: Runtime exited…` or `TIMESTAMP ID Task timed out after 3.00 seconds`. */
  | { readonly kind: 'failure'; readonly requestId: RequestId; readonly text: string };
