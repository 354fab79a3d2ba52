/** Ids of a span: 32 and 16 lower-case hexadecimal digits, neither all zeros (W3C Trace Context). */
export interface SpanReference {
  readonly traceId: string;
  readonly spanId: string;
}

/** One finished piece of work in a trace, as OpenTelemetry has it. Epoch milliseconds, with fraction. */
export interface Span extends SpanReference {
  /** Null: the trace begins here. */
  readonly parentSpanId: string | null;
  /** The parent is a span of somebody else's. */
  readonly remoteParent: boolean;
  /** `tracestate` as it came; null: none. */
  readonly traceState: string | null;
  readonly name: string;
  /** `server`: it answers somebody outside. */
  readonly kind: 'server' | 'internal';
  readonly startMs: number;
  /** Not before `startMs`. */
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** Spans that it has to do with without being a part of them. */
  readonly links: readonly SpanReference[];
  /** What went wrong; null: nothing. */
  readonly error: string | null;
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Takes finished spans on their way to whoever shows them. */
export interface SpanSink {
  /** At once, and never throws: what there is no room for is dropped, and counted there. All spans, or none. */
  add(spans: readonly Span[]): void;
}

/** Which traces are recorded. */
export interface TraceSampler {
  /** `asked`: what whoever began the trace has decided; null: nobody has. The same for all of a trace, wherever asked. */
  records(traceId: string, asked: boolean | null): boolean;
}
