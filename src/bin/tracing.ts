import type { OtlpSettings } from '../adapters/otlp/settings.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Random } from '../kernel/ports/random.js';
import { type Family, labels } from '../observe/metrics/exposition.js';
import { Tracer } from '../observe/tracing/tracer.js';

export interface TracingParts {
  readonly version: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly onProblem: (error: unknown) => void;
}

/** Traces on their way to a collector. */
export interface PlatformTracing {
  readonly tracer: Tracer;
  families(): readonly Family[];
  /** Sends what waits, for some seconds at most. */
  close(): Promise<void>;
}

/** OpenTelemetry's packages are loaded only here: who exports no traces pays nothing for them. */
export async function openTracing(
  settings: OtlpSettings,
  { version, random, clock, onProblem }: TracingParts,
): Promise<PlatformTracing> {
  const { OtlpExporter } = await import('../adapters/otlp/exporter.js');
  const exporter = await OtlpExporter.open(settings, version, onProblem);
  return {
    tracer: new Tracer(exporter, exporter, random, clock),
    families: () => {
      const { exported, unqueued, undelivered, pending } = exporter.counts;
      const reasons = { 'queue-full': unqueued, 'export-failed': undelivered };
      return [
        family('hearth_trace_spans_exported_total', 'counter', 'Spans that the collector has taken.', [['', exported]]),
        family(
          'hearth_trace_spans_dropped_total',
          'counter',
          'Spans that the collector never got.',
          Object.entries(reasons).map(([reason, value]) => [labels({ reason }), value]),
        ),
        family('hearth_trace_spans_pending', 'gauge', 'Spans that wait for the collector.', [['', pending]]),
      ];
    },
    close: () => exporter.close(),
  };
}

function family(
  name: string,
  type: Family['type'],
  help: string,
  given: readonly (readonly [string, number])[],
): Family {
  return { name, type, help, samples: () => given.map(([told, value]) => ({ labels: told, value })) };
}
