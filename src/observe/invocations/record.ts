import type { RequestId } from '../../kernel/ids.js';
import type { FunctionSpec } from '../../wire/functionspec.js';
import type { InvocationTrace } from '../../wire/invocationtrace.js';
import type { InvocationStart, RunFacts } from '../../wire/start.js';

/** One invocation from the door to its answer: what `hearth why` reads, metrics count and traces draw. Epoch milliseconds. */
export interface InvocationRecord {
  readonly requestId: RequestId;
  readonly spec: FunctionSpec;
  readonly invokedFunctionArn: string;
  /** `sync` also for those whose response is streamed. */
  readonly type: 'sync' | 'event' | 'mapping' | 'url';
  readonly arrivedMs: number;
  /** Assignment gave it a sandbox (the last one, after refusals). Null: it never did. */
  readonly grantedMs: number | null;
  readonly endedMs: number;
  /** Sandboxes asked for: 0 for what counting did not let in, else from 1. */
  readonly attempts: number;
  readonly start: InvocationStart | null;
  /** Null: it never ran, or the worker could not tell. */
  readonly run: RunFacts | null;
  readonly outcome: 'success' | 'function-error' | 'throttled' | 'refused';
  /** Error type of the function, reason of the throttle, or code of the refusal. Null with success. */
  readonly problem: string | null;
  /** Absent or null: it is in no trace that is recorded. */
  readonly trace?: InvocationTrace | null | undefined;
}

/** On every invocation's path: must not throw, and take no more than a microsecond for both calls together. */
export interface InvocationObserver {
  /** Counting let it in. */
  began(spec: FunctionSpec): void;
  /** Called once for each invocation, also for those that were not let in (`attempts` 0). */
  ended(record: InvocationRecord): void;
}
