import {
  type Attributes,
  createTraceState,
  type HrTime,
  type Link,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type TraceState,
} from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Span, SpanReference } from '../../kernel/ports/spans.js';

/** Who measured, as OpenTelemetry asks: the library, which is Hearth itself. */
export interface Scope {
  readonly name: string;
  readonly version: string;
}

/** A span as OpenTelemetry's SDK exports it. Most of it is made only when it is sent. */
export class FinishedSpan implements ReadableSpan {
  readonly ended = true;
  readonly events = [];
  readonly droppedAttributesCount = 0;
  readonly droppedEventsCount = 0;
  readonly droppedLinksCount = 0;
  /** Absent: the trace begins here. */
  declare readonly parentSpanContext?: SpanContext;
  readonly #span: Span;

  constructor(
    span: Span,
    readonly resource: Resource,
    readonly instrumentationScope: Scope,
  ) {
    this.#span = span;
    const { traceId, parentSpanId: spanId, remoteParent } = span;
    if (spanId !== null) this.parentSpanContext = contextOf({ traceId, spanId }, stateOf(span), remoteParent);
  }

  spanContext(): SpanContext {
    return contextOf(this.#span, stateOf(this.#span), false);
  }

  get name(): string {
    return this.#span.name;
  }

  get kind(): SpanKind {
    return this.#span.kind === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL;
  }

  get startTime(): HrTime {
    return timeOf(this.#span.startMs);
  }

  get endTime(): HrTime {
    return timeOf(this.#span.endMs);
  }

  get duration(): HrTime {
    return timeOf(this.#span.endMs - this.#span.startMs);
  }

  get status(): ReadableSpan['status'] {
    const { error } = this.#span;
    return error === null ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error };
  }

  get attributes(): Attributes {
    return this.#span.attributes as Attributes;
  }

  get links(): Link[] {
    // Of other traces nobody knows who took part in them.
    return this.#span.links.map((link) => ({
      context: contextOf(link, undefined, link.traceId !== this.#span.traceId),
    }));
  }
}

function contextOf({ traceId, spanId }: SpanReference, state: TraceState | undefined, isRemote: boolean): SpanContext {
  const context = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote };
  return state === undefined ? context : { ...context, traceState: state };
}

function stateOf({ traceState }: Span): TraceState | undefined {
  return traceState === null ? undefined : createTraceState(traceState);
}

/** Seconds and nanoseconds. */
function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1_000_000)];
}
