import type { AsyncEvent } from '../../async/messages.js';
import type { Span, SpanAttributes, SpanReference } from '../../kernel/ports/spans.js';
import { mib } from '../../kernel/units.js';
import type { InvocationTrace } from '../../wire/invocationtrace.js';
import type { RunFacts } from '../../wire/start.js';
import type { InvocationRecord } from '../invocations/record.js';
import { because, insideDetail, phases, type WhyPhase } from '../invocations/why.js';

const none: readonly SpanReference[] = [];
const triggers = { sync: 'other', event: 'other', mapping: 'pubsub', url: 'http' } as const;

/**
 * Pure: the spans of one invocation, of the same phases that `hearth why` tells. The front end's comes first and is named
 * by the function, as OpenTelemetry's conventions for AWS Lambda ask; the others are named by their part:
 *
 *     FUNCTION                     arrival → answer
 *     ├── counting
 *     ├── assignment               admitted → granted
 *     │   ├── placement            cold: a worker is found and told
 *     │   ├── spare|boot|restore   cold: the sandbox's box
 *     │   └── init                 cold
 *     ├── init                     inside the invocation: the one before it failed
 *     └── invoke                   `Parent` of what the function records itself
 *
 * Box and init of a sandbox that was begun before the invocation arrived lie before the front end's span, which links to
 * them: the gap shows how long it waited ahead.
 */
export function invocationSpans(
  record: InvocationRecord,
  trace: InvocationTrace,
  newSpanId: () => string,
): readonly Span[] {
  const { arrivedMs, endedMs, outcome, problem } = record;
  const admittedMs = trace.admittedMs ?? arrivedMs;
  const assignmentId = newSpanId();
  const inside: Span[] = [];
  const ahead: SpanReference[] = [];
  const part = (
    name: string,
    [startMs, endMs]: readonly [number, number],
    { spanId = newSpanId(), parentSpanId = trace.spanId, attributes = {}, error = null }: Partial<Span> = {},
  ) => {
    inside.push({
      traceId: trace.traceId,
      spanId,
      parentSpanId,
      remoteParent: false,
      traceState: trace.traceState,
      name,
      kind: 'internal',
      startMs,
      endMs: Math.max(startMs, endMs),
      attributes,
      links: none,
      error,
    });
    return spanId;
  };

  part('counting', [trace.countedMs ?? arrivedMs, admittedMs], { error: record.attempts === 0 ? problem : null });
  if (record.attempts > 0) {
    part('assignment', [admittedMs, record.grantedMs ?? endedMs], {
      spanId: assignmentId,
      attributes: { 'hearth.assignment.attempts': record.attempts },
      error: record.start === null ? problem : null,
    });
  }
  for (const phase of phases(record)) {
    const startMs = arrivedMs + phase.startMs;
    const endMs = startMs + phase.durationMs;
    const attributes = record.run === null ? {} : phaseAttributes(phase, record.run);
    switch (phase.name) {
      case 'placement':
        part(phase.name, [Math.max(startMs, admittedMs), endMs], { parentSpanId: assignmentId });
        break;
      case 'spare':
      case 'boot':
      case 'restore':
      case 'init':
        if (phase.startMs < 0) {
          ahead.push({ traceId: trace.traceId, spanId: part(phase.name, [startMs, endMs], { attributes }) });
        } else if (phase.detail === insideDetail) part(phase.name, [startMs, endMs], { attributes });
        else part(phase.name, [startMs, endMs], { parentSpanId: assignmentId, attributes });
        break;
      case 'invoke':
        part(phase.name, [startMs, endMs], { spanId: trace.invokeSpanId, attributes, error: phase.detail });
        break;
      // Told by what is around them.
      case 'waiting':
      case 'response':
        break;
    }
  }
  const frontEnd: Span = {
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentSpanId: trace.parentSpanId,
    remoteParent: true,
    traceState: trace.traceState,
    name: record.spec.functionName,
    kind: 'server',
    startMs: arrivedMs,
    endMs: Math.max(arrivedMs, endedMs),
    attributes: frontEndAttributes(record, trace.attributes),
    links: [...trace.links, ...ahead],
    error: outcome === 'success' ? null : (problem ?? outcome),
  };
  return [frontEnd, ...inside];
}

/** Pure: an event came, and is durable. The spans of its attempts have this one as parent. */
export function acceptanceSpan(
  { traceId, spanId, parentSpanId, traceState, links }: InvocationTrace,
  { requestId, functionName, account, region, invokedFunctionArn, acceptedMs }: AsyncEvent,
  durableMs: number,
  functionArn: string,
): Span {
  return {
    ...{ traceId, spanId, parentSpanId, remoteParent: true, traceState, links },
    name: `accept ${functionName}`,
    kind: 'server',
    startMs: acceptedMs,
    endMs: Math.max(acceptedMs, durableMs),
    attributes: {
      'faas.trigger': triggers.event,
      'faas.invocation_id': requestId,
      'faas.name': functionName,
      'cloud.account.id': account,
      'cloud.region': region,
      'cloud.resource_id': functionArn,
      'aws.lambda.invoked_arn': invokedFunctionArn,
      'hearth.invocation.type': 'event',
    },
    error: null,
  };
}

/** OpenTelemetry's semantic conventions: FaaS spans, AWS Lambda, cloud; `hearth.` is ours. */
function frontEndAttributes(record: InvocationRecord, more: SpanAttributes): SpanAttributes {
  const { spec, start, run, type, problem } = record;
  const { functionArn, version } = spec;
  const attributes: Record<string, string | number | boolean> = {
    'faas.trigger': triggers[type],
    'faas.invocation_id': record.requestId,
    'faas.name': spec.functionName,
    'faas.version': version,
    'faas.max_memory': spec.memoryMib * mib,
    'cloud.account.id': spec.account,
    'cloud.region': spec.region,
    'cloud.resource_id': version === '$LATEST' ? functionArn : `${functionArn}:${version}`,
    'aws.lambda.invoked_arn': record.invokedFunctionArn,
    'hearth.invocation.type': type,
    'hearth.why': because(record),
  };
  if (run !== null) {
    attributes['faas.instance'] = run.life.logStream;
    attributes['hearth.sandbox.id'] = run.life.sandboxId;
  }
  if (start !== null) {
    // One that was initialized ahead is none, as OpenTelemetry's own instrumentation of functions sees it.
    attributes['faas.coldstart'] = start.kind === 'cold' || start.kind === 'restored';
    attributes['hearth.start.kind'] = start.kind;
    if (start.trigger !== null) attributes['hearth.start.trigger'] = start.trigger;
  }
  if (problem !== null) attributes['error.type'] = problem;
  for (const name in more) attributes[name] = more[name]!;
  return attributes;
}

function phaseAttributes({ name, detail }: WhyPhase, { life, errorType }: RunFacts): SpanAttributes {
  switch (name) {
    case 'spare':
    case 'boot':
      return { 'hearth.sandbox.origin': life.origin };
    case 'restore': {
      const bytes = Object.entries(life.tierBytes ?? {}).map(([tier, count]) => [
        `hearth.restore.bytes.${tier}`,
        count,
      ]);
      const besides = life.tierBesides === 0 ? {} : { 'hearth.restore.bytes.other_starts': life.tierBesides };
      return { 'hearth.sandbox.origin': life.origin, ...Object.fromEntries(bytes), ...besides };
    }
    // As the Telemetry API names the two places of an init.
    case 'init':
      return { 'hearth.sandbox.origin': life.origin, 'hearth.init.phase': detail === insideDetail ? 'invoke' : 'init' };
    case 'invoke':
      return errorType === null ? {} : { 'error.type': errorType };
    default:
      return {};
  }
}
