import { secondMs } from '../../kernel/units.js';

/** How traces are exported: what OpenTelemetry's variables say (specification, "OpenTelemetry environment variables"). */
export interface OtlpSettings {
  /** Of the traces: with their path. */
  readonly url: string;
  readonly protocol: 'http/protobuf' | 'http/json';
  readonly sampler: OtlpSampler;
  /** Spans that wait, most; more are dropped. */
  readonly queueSpansMax: number;
  /** Spans sent together, most. */
  readonly batchSpansMax: number;
  /** Longest wait for a batch to become full. */
  readonly batchMs: number;
  /** For one batch with its retries. */
  readonly exportMsMax: number;
}

export interface OtlpSampler {
  /** Follows whoever began the trace. */
  readonly parentBased: boolean;
  /** Share of the traces that are recorded, 0 to 1. */
  readonly share: number;
}

/** A setting that cannot be. */
export class OtlpSettingsError extends Error {
  override readonly name = 'OtlpSettingsError';
}

/** The specification's defaults of the batch span processor. */
export const batchDefaults = { queueSpansMax: 2_048, batchSpansMax: 512, batchMs: 5 * secondMs } as const;
/** The specification's default of the exporter. */
export const exportMsDefault = 10 * secondMs;

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * `endpoint`: of the command line; wins over the variables. Null: nobody wants traces. Headers, compression, certificates
 * and resource attributes are read by OpenTelemetry's own packages. Throws `OtlpSettingsError`.
 */
export function otlpSettings(variables: Variables, endpoint: string | null): OtlpSettings | null {
  const value = (name: string) => {
    const text = variables[name]?.trim();
    return text === '' ? undefined : text;
  };
  const traces = value('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const base = endpoint ?? value('OTEL_EXPORTER_OTLP_ENDPOINT');
  const told = endpoint === null ? traces : undefined;
  if (told === undefined && base === undefined) return null;
  // Switched on by the machine's variables, which another of them may take back; by the command line for good.
  const isOff = value('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || value('OTEL_TRACES_EXPORTER') === 'none';
  if (endpoint === null && isOff) return null;
  const timeouts = ['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'] as const;
  const queueSpansMax = countOf(variables, 'OTEL_BSP_MAX_QUEUE_SIZE') ?? batchDefaults.queueSpansMax;
  const batchSpansMax = countOf(variables, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE') ?? batchDefaults.batchSpansMax;
  return {
    url: told === undefined ? tracesUrl(base!, endpoint) : checked(told, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'),
    protocol: protocolOf(value('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? value('OTEL_EXPORTER_OTLP_PROTOCOL')),
    sampler: samplerOf(value('OTEL_TRACES_SAMPLER'), value('OTEL_TRACES_SAMPLER_ARG')),
    queueSpansMax,
    batchSpansMax: Math.min(batchSpansMax, queueSpansMax),
    batchMs: countOf(variables, 'OTEL_BSP_SCHEDULE_DELAY') ?? batchDefaults.batchMs,
    exportMsMax: countOf(variables, timeouts[0]) ?? countOf(variables, timeouts[1]) ?? exportMsDefault,
  };
}

const tracesPath = 'v1/traces';

/** Of a collector; who gives the whole address of traces means the same. */
function tracesUrl(base: string, endpoint: string | null): string {
  const url = checked(base, endpoint === null ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : '--otlp');
  if (url.endsWith(`/${tracesPath}`)) return url;
  return `${url.endsWith('/') ? url : `${url}/`}${tracesPath}`;
}

function checked(text: string, where: string): string {
  const isUrl = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!isUrl) throw new OtlpSettingsError(`${where} takes an address like http://127.0.0.1:4318, not ${text}`);
  return text;
}

function protocolOf(text = 'http/protobuf'): OtlpSettings['protocol'] {
  if (text === 'http/protobuf' || text === 'http/json') return text;
  throw new OtlpSettingsError(`OTEL_EXPORTER_OTLP_PROTOCOL takes http/protobuf or http/json, not ${text}`);
}

function samplerOf(name = 'parentbased_always_on', argument = '1'): OtlpSampler {
  const parentBased = name.startsWith('parentbased_');
  switch (parentBased ? name.slice('parentbased_'.length) : name) {
    case 'always_on':
      return { parentBased, share: 1 };
    case 'always_off':
      return { parentBased, share: 0 };
    case 'traceidratio': {
      const share = Number(argument);
      if (share >= 0 && share <= 1) return { parentBased, share };
      throw new OtlpSettingsError(`OTEL_TRACES_SAMPLER_ARG takes a number from 0 to 1, not ${argument}`);
    }
    default:
      throw new OtlpSettingsError(
        `OTEL_TRACES_SAMPLER takes always_on, always_off, traceidratio, or one of them after parentbased_, not ${name}`,
      );
  }
}

/** What is no whole number above 0 counts as not set, as the specification asks. */
function countOf(variables: Variables, name: string): number | undefined {
  const count = Number(variables[name]?.trim() || Number.NaN);
  return Number.isSafeInteger(count) && count > 0 ? count : undefined;
}
