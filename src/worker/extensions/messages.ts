import type { ShutdownReason } from '../messages.js';

/**
 * The extensions of one box, decided by `machine.ts` and performed by `host.ts`. States and refusals follow AWS's
 * runtime interface emulator:
 *
 *   Started (external, launched) → Registered → Ready (waits in `next`) ⇄ Running → …, InitError, ExitError, Exited
 *
 * `call`: one HTTP request that waits for its answer. `program`: external extensions from 1 in the order of their
 * start, the runtime is 0. `nowMs`: milliseconds from any origin, never going back.
 */
export type ExtensionsInput =
  /** Programs found in /opt/extensions, in the order of their start. */
  | { readonly kind: 'launched'; readonly programs: readonly LaunchedProgram[] }
  /** `id`: a fresh UUID, used when the registration is accepted. */
  | {
      readonly kind: 'register';
      readonly call: number;
      readonly id: string;
      readonly name: string;
      readonly events: readonly string[];
    }
  | { readonly kind: 'next'; readonly call: number; readonly id: string }
  | {
      readonly kind: 'init-error' | 'exit-error';
      readonly call: number;
      readonly id: string;
      readonly errorType: string;
    }
  /** The connection of a call that waits ended. */
  | { readonly kind: 'hung-up'; readonly call: number }
  /** The runtime has initialized the function. */
  | { readonly kind: 'runtime-ready' }
  | { readonly kind: 'invoke' }
  | { readonly kind: 'runtime-done' }
  /** `how`: for a log line, in Go's words as Lambda's: `exit status 1`. */
  | { readonly kind: 'exited'; readonly program: number; readonly how: string }
  | { readonly kind: 'shutdown'; readonly nowMs: number; readonly reason: ShutdownReason }
  | { readonly kind: 'timer' };

export interface LaunchedProgram {
  readonly name: string;
  /** Null, or why it cannot be started: `PermissionDenied`, `TooManyExtensions`; and in words. */
  readonly problem: { readonly errorType: string; readonly message: string } | null;
}

export type ExtensionsEffect =
  /** 403 with this error. */
  | { readonly kind: 'refuse'; readonly call: number; readonly errorType: string; readonly message: string }
  | { readonly kind: 'registered'; readonly call: number; readonly id: string }
  /** 202. */
  | { readonly kind: 'accept'; readonly call: number }
  /** Answers a `next`. */
  | { readonly kind: 'send-invoke'; readonly call: number }
  | {
      readonly kind: 'send-shutdown';
      readonly call: number;
      readonly reason: ShutdownReason;
      /** In the time of `nowMs`. */
      readonly deadlineMs: number;
    }
  /** Every external extension has registered. */
  | { readonly kind: 'start-runtime' }
  /** The runtime and all extensions have initialized. */
  | { readonly kind: 'init-done' }
  /** The runtime has answered and every extension that got the invocation asked for the next. */
  | { readonly kind: 'invoke-done' }
  /** For the log: where an extension is when init ends, either way. */
  | {
      readonly kind: 'tell';
      readonly name: string;
      readonly state: string;
      readonly events: readonly string[];
      readonly errorType: string | null;
    }
  /** An extension ended, or could not start: init or the invocation fails. */
  | { readonly kind: 'failed'; readonly errorType: string; readonly message: string }
  | { readonly kind: 'signal'; readonly program: number; readonly name: 'SIGTERM' | 'SIGKILL' }
  /** One timer: replaces the one before. */
  | { readonly kind: 'arm'; readonly atMs: number }
  /** The shutdown is over: the box can be killed. */
  | { readonly kind: 'over' };
