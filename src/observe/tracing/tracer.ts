import type { AsyncEvent } from '../../async/messages.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Random } from '../../kernel/ports/random.js';
import type { SpanAttributes, SpanReference, SpanSink, TraceSampler } from '../../kernel/ports/spans.js';
import type { InvocationTrace, TraceCaller, Traced } from '../../wire/invocationtrace.js';
import type { InvocationRecord } from '../invocations/record.js';
import { acceptanceSpan, invocationSpans } from './invocationspans.js';
import { parseTraceHeader, traceHeader, w3cContextOf, withParent } from './tracecontext.js';

/** As many as OpenTelemetry's SDKs keep of a span (specification, span limits). */
export const linksMax = 128;
/** Invocations under way that are remembered; beyond, the oldest is forgotten, and what it calls decides anew. */
export const runningMax = 10_000;
const lineage = /(?:^|;)\s*(Lineage=[^;]*)/;

/** Gives invocations their places in traces, and makes spans of what is remembered of them. Exists only where traces are exported. */
export class Tracer {
  readonly #sink: SpanSink;
  readonly #sampler: TraceSampler;
  readonly #random: Random;
  readonly #clock: Clock;
  /** Invoke spans of invocations under way. */
  readonly #running = new Set<string>();
  readonly #newSpanId = () => this.#random.hex(8);

  constructor(sink: SpanSink, sampler: TraceSampler, random: Random, clock: Clock) {
    this.#sink = sink;
    this.#sampler = sampler;
    this.#random = random;
    this.#clock = clock;
  }

  /**
   * X-Amzn-Trace-Id is what Lambda reads, so it wins. A `traceparent` of the same trace knows the caller's span better; of
   * another trace it becomes a link; alone it is continued.
   */
  callerOf(given: string | null, rawHeaders: readonly string[]): TraceCaller {
    const w3c = w3cContextOf(rawHeaders);
    const xray = given === null ? null : parseTraceHeader(given);
    if (w3c === null) return { header: given, context: xray, traceState: null, links: [] };
    const { context, traceState } = w3c;
    if (xray === null) {
      const chain = given === null ? null : lineage.exec(given);
      const header = traceHeader(context);
      return { header: chain === null ? header : `${header};${chain[1]}`, context, traceState, links: [] };
    }
    if (xray.traceId === context.traceId) {
      return {
        header: given,
        context: { ...context, sampled: xray.sampled ?? context.sampled },
        traceState,
        links: [],
      };
    }
    const link = { traceId: context.traceId, spanId: context.spanId ?? '' };
    return { header: given, context: xray, traceState: null, links: [link] };
  }

  /** An invocation that goes to its function now. `header`: what Lambda would give to the function. */
  invocation(caller: TraceCaller, header: string, attributes: SpanAttributes = {}): Traced {
    const trace = this.#begin(caller, header, attributes);
    if (trace === null) return { header, trace };
    for (const oldest of this.#running) {
      if (this.#running.size < runningMax) break;
      this.#running.delete(oldest);
    }
    this.#running.add(trace.invokeSpanId);
    return { header: this.#headed(header, trace, trace.invokeSpanId), trace };
  }

  /** An event that goes to the queue: its attempts are parts of its acceptance. */
  acceptance(caller: TraceCaller, header: string): Traced {
    const trace = this.#begin(caller, header, {});
    return trace === null ? { header, trace } : { header: this.#headed(header, trace, trace.spanId), trace };
  }

  /** The event is durable. */
  accepted(trace: InvocationTrace, event: AsyncEvent, functionArn: string): void {
    this.#sink.add([acceptanceSpan(trace, event, this.#clock.nowMs(), functionArn)]);
  }

  /** An attempt at an event, which was recorded or not when it was accepted (`traced`; absent: nobody looked). */
  attempt({ traceHeader: header, traced, attempts, acceptedMs }: AsyncEvent): Traced {
    const context = parseTraceHeader(header);
    const sampled = traced ?? (context?.sampled === true ? true : null);
    const caller = { header, context: context === null ? null : { ...context, sampled }, traceState: null, links: [] };
    const attributes = { 'hearth.event.attempt': attempts + 1, 'hearth.event.accepted_ms': acceptedMs };
    return this.invocation(caller, header, attributes);
  }

  /** A batch of messages, each sent in a trace of its own, if any: they are linked. */
  batch(header: string, sentWith: readonly (string | undefined)[]): Traced {
    const links: SpanReference[] = [];
    for (const text of sentWith) {
      const context = text === undefined || links.length === linksMax ? null : parseTraceHeader(text);
      if (context !== null && context.spanId !== null) links.push({ traceId: context.traceId, spanId: context.spanId });
    }
    const attributes = {
      'messaging.system': 'aws_sqs',
      'messaging.operation.type': 'process',
      'messaging.batch.message_count': sentWith.length,
    };
    return this.invocation({ header: null, context: null, traceState: null, links }, header, attributes);
  }

  ended(record: InvocationRecord, trace: InvocationTrace): void {
    this.#running.delete(trace.invokeSpanId);
    this.#sink.add(invocationSpans(record, trace, this.#newSpanId));
  }

  /** Null: not recorded. */
  #begin(
    { context, traceState, links }: TraceCaller,
    header: string,
    attributes: SpanAttributes,
  ): InvocationTrace | null {
    const own = parseTraceHeader(header);
    const traceId = own?.traceId ?? context?.traceId ?? this.#random.hex(16);
    const isContinued = context !== null && context.traceId === traceId;
    // Functions are told `Sampled=0` where nobody has decided, as by Lambda, and their SDKs pass it on: what is called
    // from within a recorded invocation is recorded, too.
    const isWithin = isContinued && context.spanId !== null && this.#running.has(context.spanId);
    const decided = isWithin ? true : isContinued ? context.sampled : null;
    // Whoever asked decides. Active tracing samples where nobody has: what the function records has its trace then.
    const asked = decided ?? (own?.sampled === true ? true : null);
    if (!this.#sampler.records(traceId, asked)) return null;
    return {
      traceId,
      spanId: this.#newSpanId(),
      invokeSpanId: this.#newSpanId(),
      parentSpanId: isContinued ? context.spanId : null,
      traceState: isContinued ? traceState : null,
      links,
      attributes,
      countedMs: null,
      admittedMs: null,
    };
  }

  /** What a client sent that is no trace header is replaced: what the function sees belongs to its trace. */
  #headed(header: string, { traceId }: InvocationTrace, spanId: string): string {
    if (parseTraceHeader(header) !== null) return withParent(header, spanId);
    const chain = lineage.exec(header);
    const made = traceHeader({ traceId, spanId, sampled: false });
    return chain === null ? made : `${made};${chain[1]}`;
  }
}
