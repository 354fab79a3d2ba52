import type { BufferLimits } from './messages.js';

export type TelemetryApi = 'telemetry' | 'logs';
export const telemetryTypes = ['platform', 'function', 'extension'] as const;
export type TelemetryType = (typeof telemetryTypes)[number];

/** Where events go: a port of the sandbox's own loopback. */
export type Destination =
  | {
      readonly kind: 'http';
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly method: string;
    }
  | { readonly kind: 'tcp'; readonly port: number };

/** What an extension asked for. */
export interface Subscription {
  readonly api: TelemetryApi;
  readonly schemaVersion: string;
  readonly types: readonly TelemetryType[];
  readonly destination: Destination;
  readonly limits: BufferLimits;
}

/** Lambda developer guide: Telemetry API reference, and the Logs API's before it. The first is assumed if none is given. */
const schemaVersions: Readonly<Record<TelemetryApi, readonly string[]>> = {
  telemetry: ['2022-07-01', '2022-12-13', '2025-01-29'],
  logs: ['2020-08-15', '2021-03-18'],
};

/** Bounds and defaults of `buffering` (Telemetry API, "Configuring memory usage and buffering"). */
export const bufferBounds = {
  maxItems: { min: 1_000, max: 10_000, usual: 10_000 },
  maxBytes: { min: 262_144, max: 1_048_576, usual: 262_144 },
  timeoutMs: { min: 25, max: 30_000, usual: 1_000 },
} as const;

/** The Runtime API's own. */
const reservedPort = 9001;
const hosts = ['sandbox.localdomain', 'sandbox', 'localhost', '127.0.0.1'];

class Invalid extends Error {}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads a subscription request's body; a string says what is wrong with it. */
export function parseSubscription(api: TelemetryApi, body: Buffer): Subscription | string {
  try {
    const request: unknown = JSON.parse(body.toString('utf8'));
    if (!isObject(request)) throw new Invalid('the body must be an object');
    return {
      api,
      schemaVersion: versionOf(api, request.schemaVersion),
      types: typesOf(request.types),
      destination: destinationOf(request.destination),
      limits: limitsOf(request.buffering),
    };
  } catch (error) {
    if (error instanceof Invalid) return error.message;
    if (error instanceof SyntaxError) return 'the body is not JSON';
    throw error;
  }
}

function versionOf(api: TelemetryApi, value: unknown): string {
  const known = schemaVersions[api];
  if (value === undefined && api === 'logs') return known[0]!;
  if (typeof value !== 'string' || !known.includes(value)) {
    throw new Invalid(`schemaVersion must be one of ${known.join(', ')}`);
  }
  return value;
}

function typesOf(value: unknown): readonly TelemetryType[] {
  if (!Array.isArray(value) || value.length === 0) throw new Invalid('types must name at least one type');
  for (const type of value) {
    if (!telemetryTypes.includes(type)) throw new Invalid(`types must be of ${telemetryTypes.join(', ')}`);
  }
  return [...new Set(value as TelemetryType[])];
}

function destinationOf(value: unknown): Destination {
  if (!isObject(value)) throw new Invalid('destination must be an object');
  if (value.protocol === 'TCP') return { kind: 'tcp', port: portOf(value.port) };
  if (value.protocol !== 'HTTP') throw new Invalid('destination.protocol must be HTTP or TCP');
  if (typeof value.URI !== 'string' || !URL.canParse(value.URI)) throw new Invalid('destination.URI must be a URI');
  const url = new URL(value.URI);
  if (url.protocol !== 'http:') throw new Invalid('destination.URI must be of http');
  if (!hosts.includes(url.hostname)) throw new Invalid('destination.URI must be at sandbox.localdomain');
  const method = value.method ?? 'POST';
  if (method !== 'POST' && method !== 'PUT') throw new Invalid('destination.method must be POST or PUT');
  if ((value.encoding ?? 'JSON') !== 'JSON') throw new Invalid('destination.encoding must be JSON');
  const port = portOf(url.port === '' ? 80 : Number(url.port));
  return { kind: 'http', host: url.host, port, path: `${url.pathname}${url.search}`, method };
}

function portOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 65_535) {
    throw new Invalid('the destination needs a port from 1 to 65535');
  }
  if (value === reservedPort) throw new Invalid(`port ${reservedPort} is the Runtime API's`);
  return value;
}

function limitsOf(value: unknown): BufferLimits {
  if (value !== undefined && value !== null && !isObject(value)) throw new Invalid('buffering must be an object');
  const given = value ?? {};
  const limit = (name: keyof BufferLimits): number => {
    const { min, max, usual } = bufferBounds[name];
    const wanted = given[name] ?? usual;
    if (typeof wanted !== 'number' || !Number.isInteger(wanted) || wanted < min || wanted > max) {
      throw new Invalid(`buffering.${name} must be from ${min} to ${max}`);
    }
    return wanted;
  };
  return { maxItems: limit('maxItems'), maxBytes: limit('maxBytes'), timeoutMs: limit('timeoutMs') };
}
