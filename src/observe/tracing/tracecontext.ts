import type { TraceContext } from '../../wire/invocationtrace.js';

const zeros = /^0+$/;

/**
 * `traceparent`: W3C Trace Context, section 3.2. Later versions are read as far as this one goes; what is wrong anywhere
 * counts as absent.
 */
export function parseTraceparent(text: string): (TraceContext & { spanId: string; sampled: boolean }) | null {
  const found = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(text.trim());
  if (found === null) return null;
  const [, version = '', traceId = '', spanId = '', flags = '', more] = found;
  if (version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (zeros.test(traceId) || zeros.test(spanId)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/**
 * `X-Amzn-Trace-Id`: `Root=1-8HEX-24HEX;Parent=16HEX;Sampled=0|1|?`, members in any order, others ignored (X-Ray developer
 * guide, "Tracing header"). The root is a trace id of W3C's with two dashes. Null: no root that is one.
 */
export function parseTraceHeader(text: string): TraceContext | null {
  const root = /(?:^|;)\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})\s*(?:;|$)/i.exec(text);
  if (root === null) return null;
  const traceId = `${root[1]}${root[2]}`.toLowerCase();
  if (zeros.test(traceId)) return null;
  const parent = /(?:^|;)\s*Parent=([0-9a-f]{16})\s*(?:;|$)/i.exec(text)?.[1]?.toLowerCase();
  const sampled = /(?:^|;)\s*Sampled=([01])\s*(?:;|$)/.exec(text)?.[1];
  return {
    traceId,
    spanId: parent === undefined || zeros.test(parent) ? null : parent,
    sampled: sampled === undefined ? null : sampled === '1',
  };
}

/** The trace header that says the same. */
export function traceHeader({ traceId, spanId, sampled }: TraceContext): string {
  const parent = spanId === null ? '' : `;Parent=${spanId}`;
  const decision = sampled === null ? '' : `;Sampled=${sampled ? 1 : 0}`;
  return `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)}${parent}${decision}`;
}

/** The header with another parent; all else stays as it is. It must have a root. */
export function withParent(header: string, spanId: string): string {
  const parent = /(^|;)(\s*Parent=)[^;]*/;
  if (parent.test(header)) return header.replace(parent, `$1$2${spanId}`);
  return header.replace(/(^|;)(\s*Root=[^;]*)/, `$1$2;Parent=${spanId}`);
}

/** Longer ones are dropped whole, as the specification allows: it asks to pass on 512 characters. */
export const traceStateCharactersMax = 512;

/** The one `traceparent` of a request with its `tracestate`. More than one: none. `rawHeaders`: name, value, name, value … */
export function w3cContextOf(
  rawHeaders: readonly string[],
): { readonly context: TraceContext; readonly traceState: string | null } | null {
  let parent: string | null = null;
  const states: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 11 && name.toLowerCase() === 'traceparent') {
      if (parent !== null) return null;
      parent = rawHeaders[i + 1] as string;
    } else if (name.length === 10 && name.toLowerCase() === 'tracestate') states.push(rawHeaders[i + 1] as string);
  }
  const context = parent === null ? null : parseTraceparent(parent);
  if (context === null) return null;
  const traceState = states.join(',').trim();
  return { context, traceState: traceState === '' || traceState.length > traceStateCharactersMax ? null : traceState };
}
