import type { SpanAttributes, SpanReference } from '../kernel/ports/spans.js';

/** Where an invocation belongs in a trace that is recorded. There is none where nobody records traces. */
export interface InvocationTrace {
  readonly traceId: string;
  /** Of the front end's span. */
  readonly spanId: string;
  /** Of the invoke span: `Parent` of the trace header that the function gets. */
  readonly invokeSpanId: string;
  /** Of whoever caused the invocation; null: the trace begins here. */
  readonly parentSpanId: string | null;
  /** The caller's `tracestate`, unread; null: none. */
  readonly traceState: string | null;
  /** Spans of other traces that it has to do with. */
  readonly links: readonly SpanReference[];
  /** Of the front end's span, besides those that every one has. */
  readonly attributes: SpanAttributes;
  /** When counting was asked, and had answered, of each invocation once: the dispatcher writes them. Epoch milliseconds. */
  countedMs: number | null;
  admittedMs: number | null;
}

/** What a header says of the trace that a request belongs to. Ids in lower-case hexadecimal. */
export interface TraceContext {
  readonly traceId: string;
  /** The span that the request was made in; null: not told. */
  readonly spanId: string | null;
  /** Null: nobody has decided yet. */
  readonly sampled: boolean | null;
}

/** Who caused an invocation, as its request says. */
export interface TraceCaller {
  /** What the request says to Lambda: its X-Amzn-Trace-Id, or the one that means its `traceparent`; null: nothing. */
  readonly header: string | null;
  readonly context: TraceContext | null;
  readonly traceState: string | null;
  readonly links: readonly SpanReference[];
}

/** An invocation's place in a trace. */
export interface Traced {
  /** The trace header that travels on with it. */
  readonly header: string;
  /** Null: it is not recorded. */
  readonly trace: InvocationTrace | null;
}
