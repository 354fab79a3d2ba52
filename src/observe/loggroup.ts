import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { dayMs, kib } from '../kernel/units.js';
import { indexFile, parseSegmentFile, type Segment, segmentFile } from './segment.js';

/** What `group.json` keeps. Everything else of a group follows from its segments. */
export interface GroupRecord {
  readonly name: string;
  readonly createdMs: number;
  readonly retentionDays: number | null;
  readonly tags: Readonly<Record<string, string>>;
  /** Kept and shown; all classes work alike here. Absent: `STANDARD`. */
  readonly groupClass?: string;
  /** Group and streams cannot be deleted. Absent: they can. */
  readonly protected?: boolean;
}

/** What a group needs of its store. */
export interface GroupHost {
  readonly segmentBytesMax: number;
  /** Bytes of a group beyond which its oldest segments go, or null: keep all. */
  readonly groupBytesMax: number | null;
  nowMs(): number;
  /** A line waits in the group's buffer. */
  buffered(group: LogGroup, chars: number): void;
  /** The group's segment file was opened: the store closes another one when too many are. */
  opened(group: LogGroup): void;
}

/**
 * One log group on disk: a folder with `group.json`, segments and their indexes. All writing is synchronous; the
 * folder is read when the group is first used, so a restart costs nothing per group.
 */
export class LogGroup {
  readonly name: string;
  readonly folder: string;
  /** False before creation and after deletion; an append makes the group (again), as the service does for Lambda. */
  present: boolean;
  segments: Segment[] = [];
  /** Lines appended since the last flush. */
  pending = '';
  /** Its indexes were used since the last tidying. */
  queried = false;
  readonly #host: GroupHost;
  #record: GroupRecord | null = null;
  #loaded = false;
  #file = -1;

  constructor(host: GroupHost, name: string, folder: string, present: boolean) {
    this.#host = host;
    this.name = name;
    this.folder = folder;
    this.present = present;
  }

  get record(): GroupRecord {
    this.load();
    return this.#record!;
  }

  get storedBytes(): number {
    this.load();
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  create(tags: Readonly<Record<string, string>> = {}, more: Pick<GroupRecord, 'groupClass' | 'protected'> = {}): void {
    mkdirSync(this.folder, { recursive: true });
    this.segments = [];
    this.#loaded = true;
    this.present = true;
    this.update({ name: this.name, createdMs: this.#host.nowMs(), retentionDays: null, tags, ...more });
  }

  update(record: GroupRecord): void {
    this.#record = record;
    const path = join(this.folder, 'group.json');
    writeFileSync(`${path}.new`, JSON.stringify(record));
    renameSync(`${path}.new`, path);
  }

  append(line: string): void {
    this.pending += line;
    this.#host.buffered(this, line.length);
  }

  /** One write. Throws when the disk refuses; the lines then stay pending and the segment is as before. */
  flush(): void {
    if (this.pending === '') return;
    if (!this.present) this.create();
    this.load();
    let segment = this.segments.at(-1);
    const nowMs = this.#host.nowMs();
    if (segment === undefined || this.#isFull(segment, nowMs)) segment = this.#rotate(nowMs);
    if (this.#file < 0) {
      this.#file = openSync(join(this.folder, segmentFile(segment)), 'a');
      this.#host.opened(this);
    }
    const bytes = Buffer.from(this.pending, 'utf8');
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#file, bytes, written);
    } catch (error) {
      if (written > 0) ftruncateSync(this.#file, segment.bytes);
      throw error;
    }
    segment.bytes += bytes.length;
    this.pending = '';
  }

  closeFile(): void {
    if (this.#file < 0) return;
    closeSync(this.#file);
    this.#file = -1;
  }

  /** Forgets everything; the store removes the folder. */
  vanish(): void {
    this.closeFile();
    this.present = false;
    this.segments = [];
    this.pending = '';
    this.#record = null;
    this.#loaded = true;
  }

  /** Removes segments last written before `beforeMs`, oldest first. Returns how many. */
  expire(beforeMs: number): number {
    this.load();
    let removed = 0;
    for (const segment of [...this.segments]) {
      if (this.#writtenMs(segment) >= beforeMs) break;
      if (segment === this.segments.at(-1)) this.closeFile();
      this.#remove(segment);
      removed += 1;
    }
    return removed;
  }

  /** Reads the folder and cuts off a line torn by a kill. Cheap: sizes, and the tail of the last segment. */
  load(): void {
    if (this.#loaded) return;
    this.#record = this.#readRecord();
    this.segments = [];
    for (const file of readdirSync(this.folder)) {
      const parsed = parseSegmentFile(file);
      if (parsed === null) continue;
      this.segments.push({ ...parsed, bytes: statSync(join(this.folder, file)).size, index: null });
    }
    this.segments.sort((a, b) => a.sequence - b.sequence);
    const last = this.segments.at(-1);
    if (last !== undefined) last.bytes = repairTail(join(this.folder, segmentFile(last)));
    this.#loaded = true;
  }

  #readRecord(): GroupRecord {
    try {
      const record = JSON.parse(readFileSync(join(this.folder, 'group.json'), 'utf8')) as GroupRecord;
      if (record.name === this.name) return record;
    } catch {
      // Killed between making the folder and its record: made again below.
    }
    const record = {
      name: this.name,
      createdMs: Math.trunc(statSync(this.folder).birthtimeMs),
      retentionDays: null,
      tags: {},
    };
    this.update(record);
    return record;
  }

  #isFull(segment: Segment, nowMs: number): boolean {
    if (segment.bytes >= this.#host.segmentBytesMax) return true;
    // Retention removes whole segments, so with retention a segment ends within a day.
    return this.record.retentionDays !== null && segment.bytes > 0 && nowMs - segment.startedMs >= dayMs;
  }

  #rotate(nowMs: number): Segment {
    this.closeFile();
    const segment: Segment = {
      sequence: (this.segments.at(-1)?.sequence ?? 0) + 1,
      startedMs: nowMs,
      bytes: 0,
      index: null,
    };
    this.segments.push(segment);
    const bytesMax = this.#host.groupBytesMax;
    if (bytesMax !== null) {
      while (this.segments.length > 1 && this.storedBytes > bytesMax) this.#remove(this.segments[0]!);
    }
    return segment;
  }

  #remove(segment: Segment): void {
    this.segments = this.segments.filter((other) => other !== segment);
    for (const file of [segmentFile(segment), indexFile(segment)]) {
      try {
        unlinkSync(join(this.folder, file));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }

  #writtenMs(segment: Segment): number {
    try {
      return statSync(join(this.folder, segmentFile(segment))).mtimeMs;
    } catch {
      return segment.startedMs;
    }
  }
}

/** Lines are short: one piece nearly always holds the last line break. */
const tailBytes = 64 * kib;

/** Cuts the file after its last line break and returns its length. */
function repairTail(path: string): number {
  const file = openSync(path, 'r+');
  try {
    const size = fstatSync(file).size;
    const buffer = Buffer.allocUnsafe(Math.min(tailBytes, size));
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - buffer.length);
      const read = readSync(file, buffer, 0, end - start, start);
      const lineBreak = buffer.subarray(0, read).lastIndexOf(10);
      if (lineBreak >= 0) {
        const length = start + lineBreak + 1;
        if (length < size) ftruncateSync(file, length);
        return length;
      }
      end = start;
    }
    if (size > 0) ftruncateSync(file, 0);
    return 0;
  } finally {
    closeSync(file);
  }
}
