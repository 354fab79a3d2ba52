/** The trace of one invocation, when it is recorded: its header, and the parts of it that REPORT shows. */
export interface SampledTrace {
  readonly header: string;
  readonly traceId: string;
  /** Of the function's own segment: the `Parent` that the function sees. */
  readonly segmentId: string;
}

/** Null when the header does not say `Sampled=1`, or is none. */
export function sampledTrace(header: string): SampledTrace | null {
  const traceId = /(?:^|;)\s*Root=([^;]+)/.exec(header)?.[1];
  const segmentId = /(?:^|;)\s*Parent=([^;]+)/.exec(header)?.[1];
  if (traceId === undefined || !/(?:^|;)\s*Sampled=1(?:;|$)/.test(header)) return null;
  return { header, traceId, segmentId: segmentId ?? '0000000000000000' };
}
