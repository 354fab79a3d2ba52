import { ROOT_CONTEXT } from '@opentelemetry/api';
import { detectResources, envDetector, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import type { Span, SpanSink, TraceSampler } from '../../kernel/ports/spans.js';
import { secondMs } from '../../kernel/units.js';
import { FinishedSpan, type Scope } from './finishedspan.js';
import type { OtlpSampler, OtlpSettings } from './settings.js';

/** Since the start. */
export interface OtlpCounts {
  readonly exported: number;
  /** There was no room. */
  readonly unqueued: number;
  /** The collector did not take them. */
  readonly undelivered: number;
  /** They wait now, or are on their way. */
  readonly pending: number;
}

/** What waits at the end has this long to leave: less than `hearth down` waits after work in flight had its 10 s. */
export const flushMs = 3 * secondMs;

/**
 * Sends spans to an OpenTelemetry collector: OpenTelemetry's batch processor and exporter, in front of them a gate. The
 * processor drops what its queue has no room for and does not tell; so nothing gets as far as that.
 */
export class OtlpExporter implements SpanSink, TraceSampler {
  readonly #processor: BatchSpanProcessor;
  readonly #queueSpansMax: number;
  readonly #resource: Resource;
  readonly #scope: Scope;
  readonly #sampler: OtlpSampler;
  readonly #ratio: TraceIdRatioBasedSampler;
  readonly #exporter: SpanExporter;
  readonly #onProblem: (error: unknown) => void;
  #queued = 0;
  #sending = 0;
  #exported = 0;
  #unqueued = 0;
  #undelivered = 0;
  /** Told once, until a batch arrives again. */
  #troubled = false;

  /** `onProblem` hears once when spans begin to be lost. */
  static async open(
    settings: OtlpSettings,
    version: string,
    onProblem: (error: unknown) => void,
  ): Promise<OtlpExporter> {
    const { url, exportMsMax: timeoutMillis } = settings;
    const { OTLPTraceExporter } =
      settings.protocol === 'http/json'
        ? await import('@opentelemetry/exporter-trace-otlp-http')
        : await import('@opentelemetry/exporter-trace-otlp-proto');
    return new OtlpExporter(settings, version, new OTLPTraceExporter({ url, timeoutMillis }), onProblem);
  }

  constructor(settings: OtlpSettings, version: string, exporter: SpanExporter, onProblem: (error: unknown) => void) {
    this.#exporter = exporter;
    this.#onProblem = onProblem;
    this.#queueSpansMax = settings.queueSpansMax;
    this.#sampler = settings.sampler;
    this.#ratio = new TraceIdRatioBasedSampler(settings.sampler.share);
    this.#scope = { name: 'hearth', version };
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    const own = resourceFromAttributes({
      'service.name': 'hearth',
      'service.version': version,
      'telemetry.sdk.language': 'nodejs',
      'telemetry.sdk.name': 'opentelemetry',
    });
    this.#resource = own.merge(detectResources({ detectors: [envDetector] }));
    this.#processor = new BatchSpanProcessor({
      exporter: this.#counted(settings.url),
      maxQueueSize: settings.queueSpansMax,
      maxExportBatchSize: settings.batchSpansMax,
      scheduledDelayMillis: settings.batchMs,
      // The exporter ends by itself; a little later, so that it is the one to tell why.
      exportTimeoutMillis: settings.exportMsMax + secondMs,
    });
  }

  records(traceId: string, asked: boolean | null): boolean {
    const { parentBased, share } = this.#sampler;
    if (parentBased && asked !== null) return asked;
    if (share === 0 || share === 1) return share === 1;
    return this.#ratio.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED;
  }

  add(spans: readonly Span[]): void {
    if (this.#queued + spans.length > this.#queueSpansMax) {
      this.#unqueued += spans.length;
      return;
    }
    this.#queued += spans.length;
    for (const span of spans) this.#processor.onEnd(new FinishedSpan(span, this.#resource, this.#scope));
  }

  get counts(): OtlpCounts {
    const pending = this.#queued + this.#sending;
    return { exported: this.#exported, unqueued: this.#unqueued, undelivered: this.#undelivered, pending };
  }

  /** Sends what waits, at most for `flushMs`; says how many spans are lost. Never rejects. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, flushMs);
    });
    await Promise.race([this.#processor.shutdown().catch(() => {}), deadline]);
    clearTimeout(timer);
    const { pending } = this.counts;
    if (pending > 0) this.#onProblem(new Error(`${pending} spans were not delivered in time`));
  }

  /** The exporter, with an eye on what becomes of each batch. */
  #counted(url: string): SpanExporter {
    return {
      export: (spans: ReadableSpan[], done) => {
        this.#queued -= spans.length;
        this.#sending += spans.length;
        this.#exporter.export(spans, (result) => {
          this.#sending -= spans.length;
          // ExportResultCode: 0 success, 1 failed.
          if (result.code === 0) {
            this.#exported += spans.length;
            this.#troubled = false;
          } else {
            this.#undelivered += spans.length;
            if (!this.#troubled) this.#onProblem(lostError(url, result.error));
            this.#troubled = true;
          }
          done(result);
        });
      },
      shutdown: () => this.#exporter.shutdown(),
    };
  }
}

function lostError(url: string, cause: unknown): Error {
  const reason = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : '';
  const error = new Error(`Traces do not reach ${url}${reason}; spans are lost until they do`);
  // One line is enough: the place in our code says nothing.
  delete error.stack;
  return error;
}
