import { secondMs } from '../kernel/units.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { Exchange } from './exchange.js';

/** A client's own trace header longer than this is replaced: it travels on to the function and the queue. */
const traceCharactersMax = 1_024;

/**
 * X-Ray's default rule: the first invocation of a function version in each second, and 5 % of the others (Lambda
 * developer guide, "Visualize Lambda function invocations using AWS X-Ray").
 */
const sampledShare = 0.05;
/** Function versions whose last sampled second is remembered; the one longest unused is forgotten. */
const versionsMax = 1_000;
const sampledSeconds = new Map<string, number>();

type Traced = Pick<FunctionSpec, 'tracing' | 'versionKey'>;

/**
 * The trace header an invocation travels with: the client's X-Amzn-Trace-Id, or a new one that is not sampled. Under
 * active tracing the function gets a segment of its own, and is sampled by X-Ray's default rule unless the client has
 * decided.
 */
export function traceHeaderOf(exchange: Exchange, given: string | null, spec: Traced | null = null): string {
  const header = given !== null && given.length <= traceCharactersMax ? given : null;
  if (spec?.tracing !== 'Active') return header ?? newTraceHeader(exchange, false);
  const decided = header === null ? undefined : /(?:^|;)\s*Sampled=([01])/.exec(header)?.[1];
  const sampled = decided === undefined ? isSampled(exchange, spec.versionKey) : decided === '1';
  const root = header === null ? undefined : /(?:^|;)\s*(Root=[^;]+)/.exec(header)?.[1];
  if (root === undefined) return newTraceHeader(exchange, sampled);
  return `${root};Parent=${segmentId(exchange.requestId)};Sampled=${sampled ? 1 : 0}`;
}

function isSampled(exchange: Exchange, versionKey: string): boolean {
  const second = Math.floor(exchange.arrivedMs / secondMs);
  const last = sampledSeconds.get(versionKey);
  sampledSeconds.delete(versionKey);
  sampledSeconds.set(versionKey, second);
  if (last === second) return Number.parseInt(exchange.requestId.slice(24), 16) < sampledShare * 16 ** 12;
  for (const oldest of sampledSeconds.keys()) {
    if (sampledSeconds.size <= versionsMax) break;
    sampledSeconds.delete(oldest);
  }
  return true;
}

/** `Root=1-SECONDS-24HEX;Parent=16HEX;Sampled=0`, made from the request's random id. */
function newTraceHeader(exchange: Exchange, sampled: boolean): string {
  const id = exchange.requestId;
  const seconds = Math.floor(exchange.arrivedMs / secondMs).toString(16);
  const last = id.slice(24);
  const root = `Root=1-${seconds}-${id.slice(0, 8)}${id.slice(9, 13)}${last}`;
  return `${root};Parent=${segmentId(id)};Sampled=${sampled ? 1 : 0}`;
}

function segmentId(id: string): string {
  return `${id.slice(0, 8)}${id.slice(9, 13)}${id.slice(14, 18)}`;
}
