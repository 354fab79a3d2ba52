import type { AsyncEvent } from '../async/messages.js';
import type { AccountId, Region } from '../kernel/ids.js';
import type { SpanAttributes } from '../kernel/ports/spans.js';
import type { Result } from '../kernel/result.js';
import type { Caller } from '../wire/caller.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { Invocation, InvocationOutcome } from '../wire/invocation.js';
import type { InvocationTrace, TraceCaller, Traced } from '../wire/invocationtrace.js';

export type { Caller } from '../wire/caller.js';

/**
 * Runs one synchronous invocation: admission, assignment, worker. A callback, not a promise: this is every request's
 * path, and a promise costs a microtask turn and garbage. `done` is called exactly once, now or later, never throws,
 * and is called also when the client has gone away in between.
 */
export interface Dispatcher {
  invoke(invocation: Invocation, done: (outcome: InvocationOutcome) => void): void;
}

/** Gives invocations their places in traces. `header`: what Lambda would give to the function. */
export interface Tracing {
  /** `given`: the request's X-Amzn-Trace-Id; `rawHeaders`: name, value, name, value … */
  callerOf(given: string | null, rawHeaders: readonly string[]): TraceCaller;
  /** It goes to its function now. */
  invocation(caller: TraceCaller, header: string, attributes?: SpanAttributes): Traced;
  /** It is an event, and goes to the queue … */
  acceptance(caller: TraceCaller, header: string): Traced;
  /** … where it is durable now … */
  accepted(trace: InvocationTrace, event: AsyncEvent, functionArn: string): void;
  /** … and goes to its function. */
  attempt(event: AsyncEvent): Traced;
  /** Messages of a queue go to their function. `sentWith`: the trace header of each, if any. */
  batch(header: string, sentWith: readonly (string | undefined)[]): Traced;
}

/** Takes `Event` invocations. Resolves after the event is durable: the 202 is a promise to run it. */
export interface AsyncIntake {
  publish(event: AsyncEvent, payload: Buffer): Promise<Result<void>>;
}

export interface ResolvedFunction {
  readonly spec: FunctionSpec;
  /** ARN as invoked: unqualified, or with the version or alias that the client named. */
  readonly invokedFunctionArn: string;
  /** `$LATEST` or the number behind the alias; the value of X-Amz-Executed-Version. */
  readonly executedVersion: string;
}

/**
 * Looks up what an invocation runs. Synchronous, from memory. `functionName` is validated, and as the client sent it:
 * name, partial or full ARN, with or without a qualifier (which then must not contradict `qualifier`).
 * Failures: ResourceNotFoundException, ResourceConflictException (Pending), and so on, as Invoke answers them.
 */
export interface FunctionResolver {
  resolve(
    account: AccountId,
    region: Region,
    functionName: string,
    /** Null: unqualified, which runs `$LATEST`. */
    qualifier: string | null,
    /** Who asks, for functions of other accounts: their policy has to allow it. Default: the account's root. */
    callerArn?: string,
  ): Result<ResolvedFunction>;
}

/**
 * CloudWatch Logs operations by name (`DescribeLogGroups`); what is absent answers UnknownOperationException.
 * Inputs are parsed JSON objects, not yet validated. Failure codes outside the Lambda table travel in `LogsFailure`.
 */
export interface LogsFailure {
  readonly code: string;
  readonly message: string;
  /** More members of the answer. */
  readonly members?: Readonly<Record<string, unknown>>;
}
export type LogsOperation = (
  caller: Caller,
  input: Readonly<Record<string, unknown>>,
) => Promise<Result<object, LogsFailure>>;
export type LogsApi = Readonly<Record<string, LogsOperation>>;

/** Bytes behind `Code.Location`, by the path below `/_hearth/code/` that the configuration service chose. */
export interface CodeSource {
  /** Null: not there (any more). */
  read(path: string): Promise<Uint8Array | null>;
}

/** Makes the URL that GetFunction gives as `Code.Location`; valid for ten minutes. */
export interface CodeUrls {
  /** `path`: slash-separated, URL-safe, without a leading slash. */
  urlFor(path: string): string;
}

/** What `GET /_hearth/status` answers, as JSON; the composition root fills it. */
export type StatusSource = () => object;

/** What `GET /_hearth/snapshots` tells an account; the composition root fills it. */
export interface SnapshotSource {
  /** Layers of the platform and of the account. */
  list(account: string): Promise<object>;
  /** One of them with all its parents: `name` is a layer's, or `FUNCTION` or `FUNCTION:VERSION`. Null: there is none. */
  show(account: string, name: string): Promise<object | null>;
}
