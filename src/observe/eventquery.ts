import { join } from 'node:path';
import { mib } from '../kernel/units.js';
import { compareKeys, type EventKey, keyAtTime } from './eventkey.js';
import { parseHead, parseLine, streamName } from './eventline.js';
import { type GroupIndexes, groupIndexes } from './groupindex.js';
import type { LogGroup } from './loggroup.js';
import { type PieceSpan, type SegmentIndex, segmentFile, segmentPieces, type TimeSpan } from './segment.js';

export interface StoredEvent {
  readonly key: EventKey;
  readonly stream: string;
  readonly ingestionMs: number;
  readonly message: string;
}

export interface EventQuery {
  /** Names wanted, or null for all. */
  readonly acceptsStream: ((stream: string) => boolean) | null;
  /** Inclusive bounds of the timestamp. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Only events after (before) this key, exclusive. */
  readonly after: EventKey | null;
  readonly before: EventKey | null;
  /** `forward`: the earliest events; `backward`: the latest. The answer is in ascending order either way. */
  readonly direction: 'forward' | 'backward';
  readonly limit: number;
  readonly matches: ((message: string) => boolean) | null;
  /** Forward only: after reading this much the query ends early and says where to go on. */
  readonly scanBytesMax: number | null;
}

export interface EventPage {
  readonly events: readonly StoredEvent[];
  /** Null when nothing is left; otherwise a forward query goes on after this key. */
  readonly resumeAfter: EventKey | null;
}

/** The service answers at most 1 MB of events per page: messages in UTF-8 and 26 bytes for each. */
export const pageBytesMax = 1 * mib;
const eventOverheadBytes = 26;

/** A stream as the whole group knows it. */
export interface StreamSummary {
  readonly name: string;
  readonly createdMs: number;
  readonly firstMs: number | null;
  readonly lastMs: number | null;
  readonly lastIngestionMs: number | null;
}

/** All existing streams of a group. Call `LogStore.flush` first: only what is on disk is seen. */
export async function groupStreams(group: LogGroup): Promise<Map<string, StreamSummary>> {
  const streams = new Map<string, StreamSummary>();
  for (const [, index] of await groupIndexes(group)) {
    for (const [name, span] of index.streams) {
      if (span.deletedPlace > 0) streams.delete(name);
      if (span.deleted) continue;
      const known = streams.get(name);
      streams.set(name, {
        name,
        createdMs: known?.createdMs ?? span.createdMs,
        firstMs: least(known?.firstMs, span.firstMs),
        lastMs: greatest(known?.lastMs, span.lastMs),
        lastIngestionMs: greatest(known?.lastIngestionMs, span.lastIngestionMs),
      });
    }
  }
  return streams;
}

/**
 * One page of a group's events in exact order of their keys. Segments are nearly in order of time, so a page reads one
 * or two of them. Memory is bounded by the page; the event loop is free between pieces of a segment.
 */
export async function queryEvents(group: LogGroup, query: EventQuery): Promise<EventPage> {
  const indexes = await groupIndexes(group);
  const deletions = groupDeletions(indexes);
  const forward = query.direction === 'forward';
  const fromMs = Math.max(query.fromMs, query.after?.timestampMs ?? query.fromMs);
  const toMs = Math.min(query.toMs, query.before?.timestampMs ?? query.toMs);
  const candidates = indexes
    .filter(([, index]) => index.maxMs >= fromMs && index.minMs <= toMs && hasStream(index, query))
    .sort(([, a], [, b]) => (forward ? a.minMs - b.minMs : b.maxMs - a.maxMs));
  const page = new PageInMaking(query);
  let scannedBytes = 0;
  for (const [position, [segment, index]] of candidates.entries()) {
    const path = join(group.folder, segmentFile(segment));
    for (const piece of forward ? index.pieces : index.pieces.toReversed()) {
      if (piece.maxMs < fromMs || piece.minMs > toMs || page.isBeyond(piece)) continue;
      await readPiece(path, segment.sequence, piece, { ...query, fromMs, toMs }, deletions, page);
      scannedBytes += piece.end - piece.offset;
    }
    const next = candidates[position + 1]?.[1];
    if (next === undefined) break;
    if (page.isBeyond(next)) break;
    if (forward && page.worst === null && query.scanBytesMax !== null && scannedBytes >= query.scanBytesMax) {
      // Everything earlier than the next segment's first event is complete.
      const resumeAfter = keyAtTime(next.minMs);
      if (query.after === null || compareKeys(resumeAfter, query.after) > 0) {
        page.compact();
        return { events: page.events.filter((event) => event.key.timestampMs < next.minMs), resumeAfter };
      }
    }
  }
  return page.finish();
}

/** The events kept so far: never much more than two pages of them. */
class PageInMaking {
  events: StoredEvent[] = [];
  /** With a full page: the first key that is not on it. Later ones need not be looked at. */
  worst: EventKey | null = null;
  readonly #sign: 1 | -1;
  readonly #limit: number;
  #bytes = 0;

  constructor(query: EventQuery) {
    this.#sign = query.direction === 'forward' ? 1 : -1;
    this.#limit = query.limit;
  }

  isTooLate(key: EventKey): boolean {
    return this.worst !== null && compareKeys(key, this.worst) * this.#sign >= 0;
  }

  /** The page is full, and lines of this time span come after all of it. */
  isBeyond(span: TimeSpan): boolean {
    if (this.events.length > this.#limit || this.#bytes > pageBytesMax) this.compact();
    if (this.worst === null) return false;
    return this.#sign > 0 ? span.minMs > this.worst.timestampMs : span.maxMs < this.worst.timestampMs;
  }

  add(event: StoredEvent): void {
    this.events.push(event);
    this.#bytes += eventBytes(event);
    if (this.events.length > 2 * this.#limit + 1 || this.#bytes > 3 * pageBytesMax) this.compact();
  }

  /** Sorts, and drops what cannot be on the page any more. */
  compact(): void {
    this.events.sort((a, b) => compareKeys(a.key, b.key) * this.#sign);
    let bytes = 0;
    for (const [position, event] of this.events.entries()) {
      bytes += eventBytes(event);
      if (position < this.#limit && (position === 0 || bytes <= pageBytesMax)) continue;
      this.worst = event.key;
      bytes -= eventBytes(event);
      this.events.length = position;
      break;
    }
    this.#bytes = bytes;
  }

  finish(): EventPage {
    this.compact();
    if (this.#sign < 0) this.events.reverse();
    const last = this.events.at(-1);
    return { events: this.events, resumeAfter: this.worst !== null && last !== undefined ? last.key : null };
  }
}

function eventBytes(event: StoredEvent): number {
  return Buffer.byteLength(event.message) + eventOverheadBytes;
}

async function readPiece(
  path: string,
  segment: number,
  span: PieceSpan,
  query: EventQuery,
  deletions: ReadonlyMap<string, EventKey>,
  page: PageInMaking,
): Promise<void> {
  const streams = new Map<string, { readonly accepted: boolean; readonly deletion: EventKey | undefined }>();
  for await (const piece of segmentPieces(path, span.offset, span.end)) {
    const text = piece.bytes.toString('latin1');
    for (let at = 0, end = 0; at < text.length; at = end + 1) {
      end = text.indexOf('\n', at);
      const head = parseHead(text, at);
      if (head === null || head.kind !== 'message') continue;
      if (head.timestampMs < query.fromMs || head.timestampMs > query.toMs) continue;
      const key = { timestampMs: head.timestampMs, segment, place: piece.offset + at + 1 };
      if (page.isTooLate(key)) continue;
      if (query.after !== null && compareKeys(key, query.after) <= 0) continue;
      if (query.before !== null && compareKeys(key, query.before) >= 0) continue;
      let stream = streams.get(head.stream);
      if (stream === undefined) {
        const name = streamName(head.stream);
        stream = { accepted: query.acceptsStream?.(name) ?? true, deletion: deletions.get(name) };
        streams.set(head.stream, stream);
      }
      if (!stream.accepted || isDeleted(key, stream.deletion)) continue;
      const line = parseLine(piece.bytes.toString('utf8', at, end));
      if (line?.message === undefined) continue;
      if (query.matches !== null && !query.matches(line.message)) continue;
      page.add({ key, stream: line.stream, ingestionMs: line.ingestionMs, message: line.message });
    }
  }
}

/** Deletion goes by place of writing, whatever timestamps say. */
function isDeleted(key: EventKey, deletion: EventKey | undefined): boolean {
  if (deletion === undefined) return false;
  return key.segment < deletion.segment || (key.segment === deletion.segment && key.place < deletion.place);
}

function groupDeletions(indexes: GroupIndexes): ReadonlyMap<string, EventKey> {
  const deletions = new Map<string, EventKey>();
  for (const [segment, index] of indexes) {
    for (const [name, span] of index.streams) {
      if (span.deletedPlace === 0) continue;
      deletions.set(name, { timestampMs: 0, segment: segment.sequence, place: span.deletedPlace });
    }
  }
  return deletions;
}

function hasStream(index: SegmentIndex, query: EventQuery): boolean {
  if (query.acceptsStream === null) return true;
  for (const name of index.streams.keys()) if (query.acceptsStream(name)) return true;
  return false;
}

function least(a: number | null | undefined, b: number | null): number | null {
  return a == null ? b : b === null ? a : Math.min(a, b);
}

function greatest(a: number | null | undefined, b: number | null): number | null {
  return a == null ? b : b === null ? a : Math.max(a, b);
}
