import { secondMs } from '../kernel/units.js';
import type { Exchange } from './exchange.js';

/** A client's own trace header longer than this is replaced: it travels on to the function and the queue. */
const traceCharactersMax = 1_024;

/** The client's X-Amzn-Trace-Id, or a new one. */
export function traceHeaderOf(exchange: Exchange, given: string | null): string {
  return given !== null && given.length <= traceCharactersMax ? given : newTraceHeader(exchange);
}

/** `Root=1-SECONDS-24HEX;Parent=16HEX;Sampled=0`, made from the request's random id. */
function newTraceHeader(exchange: Exchange): string {
  const id = exchange.requestId;
  const seconds = Math.floor(exchange.arrivedMs / secondMs).toString(16);
  const parent = `${id.slice(0, 8)}${id.slice(9, 13)}${id.slice(14, 18)}`;
  const last = id.slice(24);
  return `Root=1-${seconds}-${id.slice(0, 8)}${id.slice(9, 13)}${last};Parent=${parent};Sampled=0`;
}
