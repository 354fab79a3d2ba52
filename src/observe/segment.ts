import { type FileHandle, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kib } from '../kernel/units.js';
import { parseHead, streamName } from './eventline.js';

/** What is known of one stream from one segment; `null` times when it has marks only. */
export interface StreamSpan {
  createdMs: number;
  firstMs: number | null;
  lastMs: number | null;
  lastIngestionMs: number | null;
  /** Place (`EventKey.place`) of the last deletion: events of the stream before it are gone, here and earlier. */
  deletedPlace: number;
  /** Events before the deletion only: the stream does not exist any more after this segment. */
  deleted: boolean;
}

/** Least and greatest timestamp of some lines; without events `minMs` is above every time and `maxMs` below. */
export interface TimeSpan {
  minMs: number;
  maxMs: number;
}

/** Some lines of a segment one after the other, about `pieceBytes` of them, so that a query reads only what it may need. */
export interface PieceSpan extends TimeSpan {
  readonly offset: number;
  end: number;
}

/** Index of the first `bytes` bytes of a segment. Derived: always rebuilt from the segment when it is missing. */
export interface SegmentIndex extends TimeSpan {
  bytes: number;
  readonly pieces: PieceSpan[];
  readonly streams: Map<string, StreamSpan>;
}

/** One file of a group's events. `bytes` is what flush has written so far. */
export interface Segment {
  readonly sequence: number;
  readonly startedMs: number;
  bytes: number;
  index: SegmentIndex | null;
}

/** `0000000001-1732241842000.ndjson`: sequence, and the time it was begun. */
export function segmentFile(segment: Pick<Segment, 'sequence' | 'startedMs'>): string {
  return `${String(segment.sequence).padStart(10, '0')}-${segment.startedMs}.ndjson`;
}

export function parseSegmentFile(file: string): { readonly sequence: number; readonly startedMs: number } | null {
  const found = /^(\d{10,15})-(\d{1,15})\.ndjson$/.exec(file);
  return found === null ? null : { sequence: Number(found[1]), startedMs: Number(found[2]) };
}

export function indexFile(segment: Pick<Segment, 'sequence' | 'startedMs'>): string {
  return segmentFile(segment).replace(/ndjson$/, 'index.json');
}

/** Reading in pieces of this size keeps the event loop free: a piece takes about a millisecond to look at. */
const pieceBytes = 256 * kib;

/**
 * Whole lines of a segment from byte `from` to `to`, as pieces with the offset of their first byte. A missing file
 * has no lines: retention may remove it while a query runs.
 */
export async function* segmentPieces(
  path: string,
  from: number,
  to: number,
): AsyncGenerator<{ readonly bytes: Buffer; readonly offset: number }> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    let size = pieceBytes;
    for (let at = from; at < to; ) {
      const buffer = Buffer.allocUnsafe(Math.min(size, to - at));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      const end = buffer.lastIndexOf(10, bytesRead - 1) + 1;
      if (end === 0) {
        // One line larger than the piece.
        if (at + bytesRead >= to) return;
        size *= 2;
        continue;
      }
      yield { bytes: buffer.subarray(0, end), offset: at };
      at += end;
      size = pieceBytes;
    }
  } finally {
    await file.close();
  }
}

/** Brings the segment's index up to `segment.bytes`, from its side file when there is one. */
export async function indexSegment(folder: string, segment: Segment, sealed: boolean): Promise<SegmentIndex> {
  const index = segment.index ?? (await loadIndex(folder, segment)) ?? emptyIndex();
  segment.index = index;
  // The segment may grow while it is read; what is written later is for the next call.
  const end = segment.bytes;
  if (index.bytes === end) return index;
  const path = join(folder, segmentFile(segment));
  for await (const { bytes, offset } of segmentPieces(path, index.bytes, end)) {
    addLines(index, bytes.toString('latin1'), offset);
  }
  index.bytes = end;
  if (sealed) await saveIndex(folder, segment, index);
  return index;
}

const noTime: Readonly<TimeSpan> = { minMs: Number.MAX_SAFE_INTEGER, maxMs: Number.MIN_SAFE_INTEGER };

function emptyIndex(): SegmentIndex {
  return { bytes: 0, ...noTime, pieces: [], streams: new Map() };
}

function widen(span: TimeSpan, timestampMs: number): void {
  if (timestampMs < span.minMs) span.minMs = timestampMs;
  if (timestampMs > span.maxMs) span.maxMs = timestampMs;
}

function addLines(index: SegmentIndex, text: string, offset: number): void {
  const names = new Map<string, string>();
  let piece = index.pieces.at(-1);
  if (piece === undefined || piece.end - piece.offset >= pieceBytes) {
    piece = { offset, end: offset, ...noTime };
    index.pieces.push(piece);
  }
  piece.end = offset + text.length;
  for (let at = 0; at < text.length; at = text.indexOf('\n', at) + 1) {
    const line = parseHead(text, at);
    if (line === null) continue;
    let name = names.get(line.stream);
    if (name === undefined) {
      name = streamName(line.stream);
      names.set(line.stream, name);
    }
    let span = index.streams.get(name);
    if (span === undefined) {
      span = newSpan(line.ingestionMs);
      index.streams.set(name, span);
    }
    if (line.kind === 'deleted') {
      Object.assign(span, newSpan(line.ingestionMs), { deletedPlace: offset + at + 1, deleted: true });
      continue;
    }
    if (span.deleted) Object.assign(span, { deleted: false, createdMs: line.ingestionMs });
    if (line.kind === 'created') continue;
    widen(index, line.timestampMs);
    widen(piece, line.timestampMs);
    if (span.firstMs === null || line.timestampMs < span.firstMs) span.firstMs = line.timestampMs;
    if (span.lastMs === null || line.timestampMs > span.lastMs) span.lastMs = line.timestampMs;
    span.lastIngestionMs = line.ingestionMs;
  }
}

function newSpan(createdMs: number): StreamSpan {
  return { createdMs, firstMs: null, lastMs: null, lastIngestionMs: null, deletedPlace: 0, deleted: false };
}

interface StoredIndex extends Omit<SegmentIndex, 'streams'> {
  readonly version: 2;
  readonly streams: readonly (readonly [string, StreamSpan])[];
}

async function loadIndex(folder: string, segment: Segment): Promise<SegmentIndex | null> {
  try {
    const stored = JSON.parse(await readFile(join(folder, indexFile(segment)), 'utf8')) as StoredIndex;
    // An index of another length belongs to a file that was repaired or exchanged: not usable.
    if (stored.version !== 2 || stored.bytes !== segment.bytes) return null;
    const { bytes, minMs, maxMs, pieces } = stored;
    return { bytes, minMs, maxMs, pieces, streams: new Map(stored.streams) };
  } catch {
    // Missing or damaged: the segment itself says everything.
    return null;
  }
}

async function saveIndex(folder: string, segment: Segment, index: SegmentIndex): Promise<void> {
  const stored: StoredIndex = { ...index, version: 2, streams: [...index.streams] };
  const path = join(folder, indexFile(segment));
  try {
    await writeFile(`${path}.new`, JSON.stringify(stored));
    await rename(`${path}.new`, path);
  } catch {
    // Full disk or a group deleted meanwhile: the index is built again when it is needed.
  }
}
