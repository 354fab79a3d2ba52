import type { ApiFailure } from '../kernel/errors.js';
import type { RequestId, SandboxId } from '../kernel/ids.js';
import type { FunctionSpec } from './functionspec.js';
import type { InvocationTrace } from './invocationtrace.js';
import type { ResponseSink } from './responsesink.js';
import type { InvocationStart, RunFacts } from './start.js';

/** One request to run a function, authenticated, authorized and validated. */
export interface Invocation {
  readonly requestId: RequestId;
  readonly spec: FunctionSpec;
  /** As invoked: unqualified, or with the version or alias that the client named. */
  readonly invokedFunctionArn: string;
  readonly payload: Buffer;
  /** The decoded JSON text of X-Amz-Client-Context, or null. */
  readonly clientContext: string | null;
  /** JSON text for Lambda-Runtime-Cognito-Identity, or null. */
  readonly cognitoIdentity: string | null;
  /** Value for Lambda-Runtime-Trace-Id. */
  readonly traceHeader: string;
  /** Whether the last 4 KiB of this invocation's log are wanted (LogType=Tail). */
  readonly tail: boolean;
  /** Takes the response while the handler runs; null, as nearly always: it comes whole with the outcome. */
  readonly stream: ResponseSink | null;
  /** Where it came from. Absent: a synchronous Invoke. */
  readonly kind?: 'event' | 'mapping' | 'url';
  /** Epoch milliseconds. */
  readonly arrivedMs: number;
  /** Absent or null, as nearly always: it is in no trace that is recorded. */
  readonly trace?: InvocationTrace | null | undefined;
}

/**
 * How an invocation ended. `logTail` is set when it was asked for: raw bytes, at most 4 KiB. `payload` is what did not go
 * through the invocation's `stream`. `run`: how it went, as the worker saw it.
 */
export type InvocationOutcome =
  | { readonly kind: 'success'; readonly payload: Buffer; readonly logTail: Buffer | null; readonly run?: RunFacts }
  | {
      readonly kind: 'function-error';
      /** The value of X-Amz-Function-Error. */
      readonly functionError: 'Unhandled' | 'Handled';
      /** As the runtime reported it, or the platform's own: `Error`, `Runtime.ExitError`, `Sandbox.Timedout`. */
      readonly errorType: string;
      readonly payload: Buffer;
      readonly logTail: Buffer | null;
      readonly run?: RunFacts;
    }
  /**
   * The platform, not the function, said no: throttled, shutting down, no capacity. `final`: the function's own code is
   * the reason (it could not be restored), so that another sandbox would fare no better.
   */
  | { readonly kind: 'refused'; readonly failure: ApiFailure; readonly final?: true };

/** The right to run one invocation in one sandbox. A worker refuses an epoch that is not the sandbox's current one. */
export interface Lease {
  readonly sandboxId: SandboxId;
  readonly epoch: number;
  /** What the invocation meets in it, as assignment knows. */
  readonly start?: InvocationStart;
}
