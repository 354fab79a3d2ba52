import { createHash } from 'node:crypto';
import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { limits } from '../kernel/limits.js';
import type { FunctionSpec } from '../wire/functionspec.js';

/**
 * How often each function was invoked in one chain of requests. It travels in the trace header, which functions' SDKs
 * pass on: `Root=…;Parent=…;Sampled=0;Lineage=HASH:COUNT|HASH:COUNT`. Lambda's own looks alike and is not documented.
 */
const lineage = /;?\s*Lineage=([^;]*)/;
/** Ours: a chain in which more functions take part forgets the first of them. 32 are 400 characters. */
const entriesMax = 32;
/** What clients claim is not counted further: enough for any limit. */
const countMax = 99_999;
/** Hashes that are remembered; all are forgotten beyond, which costs one digest each. */
const hashesMax = 10_000;
const hashes = new Map<string, string>();

type Chained = Pick<FunctionSpec, 'functionArn' | 'recursiveLoop'>;

/** The header with the lineage that `given` tells, and one more invocation of the function in it. */
export function withLineage(header: string, given: string | null, { functionArn }: Chained): string {
  const hash = hashOf(functionArn);
  if (given === null || !given.includes('Lineage=')) return `${header};Lineage=${hash}:1`;
  const entries = entriesOf(given);
  const count = entries.get(hash) ?? 0;
  entries.delete(hash);
  entries.set(hash, Math.min(count + 1, countMax));
  const last = [...entries].slice(-entriesMax);
  return `${header.replace(lineage, '')};Lineage=${last.map(([name, times]) => `${name}:${times}`).join('|')}`;
}

/** Whether the invocation that a header with its lineage belongs to is one too many. */
export function isLoop(header: string, { functionArn, recursiveLoop }: Chained): boolean {
  if (recursiveLoop === 'Allow') return false;
  return (entriesOf(header).get(hashOf(functionArn)) ?? 0) > limits.recursionsMax;
}

/** The text of the service model. */
export function loopFailure(): ApiFailure {
  return apiFailure(
    'RecursiveInvocationException',
    "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources and stopped your function's invocation.",
  );
}

/** The longest chain that any of the headers tells of: what the messages of a batch have in common is their worst. */
export function longestLineage(headers: readonly (string | undefined)[]): string | null {
  const worst = new Map<string, number>();
  for (const header of headers) {
    if (header?.includes('Lineage=') !== true) continue;
    for (const [hash, count] of entriesOf(header)) worst.set(hash, Math.max(count, worst.get(hash) ?? 0));
  }
  if (worst.size === 0) return null;
  return `Lineage=${[...worst].map(([hash, count]) => `${hash}:${count}`).join('|')}`;
}

/** A number before the hash, as Lambda's own have it, is ignored; so is what cannot be read. */
function entriesOf(header: string): Map<string, number> {
  const entries = new Map<string, number>();
  const text = lineage.exec(header)?.[1] ?? '';
  for (const entry of text.split('|').slice(-entriesMax)) {
    const found = /^(?:\d+:)?([0-9a-f]{8}):(\d{1,5})$/.exec(entry.trim());
    if (found !== null) entries.set(found[1]!, Number(found[2]));
  }
  return entries;
}

function hashOf(functionArn: string): string {
  let hash = hashes.get(functionArn);
  if (hash === undefined) {
    hash = createHash('sha256').update(functionArn).digest('hex').slice(0, 8);
    if (hashes.size >= hashesMax) hashes.clear();
    hashes.set(functionArn, hash);
  }
  return hash;
}
