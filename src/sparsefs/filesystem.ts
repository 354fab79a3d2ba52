import type { TierCounters } from '../chunks/latency.js';
import { type ChunkReader, type ChunkRef, pageBytes } from '../chunks/layout.js';
import { secondMs } from '../kernel/units.js';
import type { FuseDevice, RequestHandler } from './device.js';
import { isBeingKilled } from './dying.js';
import { FileTable, type SparseFile } from './files.js';
import { PageSet } from './pageset.js';
import {
  decodeForget,
  decodeInit,
  decodeInterrupt,
  decodeName,
  decodeRead,
  encodeAttributes,
  encodeEntry,
  encodeInit,
  encodeOpen,
  encodeStatistics,
  errno,
  type InitLimits,
  opcode,
  protocolMajor,
  type RequestHeader,
  rootNode,
} from './protocol.js';

/** Longest name of a file (the port's), as statfs tells it. */
export const nameBytesMax = 120;
/** Most pages of one read: what the kernel takes unless told otherwise (1 MiB). */
export const readPagesMax = 256;
/** Reads ahead at once; more than a queue of drives asks for, so that they do not wait for each other in the kernel. */
const backgroundReadsMax = 64;
/** Names and attributes stay valid: sizes never change and a withdrawn name is taken back explicitly. */
const validS = 24 * 3600;
/** How often reads are looked through for some that are past their deadline. */
const sweepMs = 250;
/** Deadline of a read when nothing else is said: a VM that waits longer for a page of memory is of no use. */
export const readMsMax = 10 * secondMs;

/** One page more than a read has: one past the page cache need not begin at a page. */
const zeros = Buffer.alloc((readPagesMax + 1) * pageBytes);

interface PendingRead {
  readonly uniqueLow: number;
  readonly uniqueHigh: number;
  /** The thread that waits; 0 when it is none of ours to see. */
  readonly pid: number;
  readonly startedMs: number;
  readonly file: SparseFile;
  /** Pages that hold what was asked for, and how many bytes of the first come before it. */
  readonly first: number;
  readonly count: number;
  readonly skipped: number;
  readonly bytes: number;
  /** A signal reached the thread. */
  interrupted: boolean;
}

/** `bytes` of these pages, after the first `skipped`; null when there are fewer. */
function cut(pages: readonly Buffer[], skipped: number, bytes: number): readonly Buffer[] | null {
  let held = -skipped;
  for (const part of pages) held += part.length;
  if (held === bytes && skipped === 0) return pages;
  return held < bytes ? null : [Buffer.concat(pages).subarray(skipped, skipped + bytes)];
}

/** A reader that may have chunks at hand: a fault then waits for nothing. */
export interface FaultReader extends ChunkReader {
  /** The chunk, verified, if it is in memory. */
  cached(chunk: ChunkRef): Buffer | null;
}

export interface FileSystemOptions {
  readonly reader: FaultReader;
  /** Counts every read once: answered or failed. */
  readonly reads: TierCounters;
  /** What the kernel may read beyond what was asked for. */
  readonly readAheadBytes: number;
  readonly readMsMax: number;
  /** Why a read failed, in words. */
  readonly onFailure: (error: unknown) => void;
  /** Zero pages were read, and answered; null: nobody minds. */
  readonly onZeros: ((file: SparseFile, first: number, count: number) => void) | null;
}

/** Answers the requests of one mount. Every read is answered within its deadline; late chunks are then dropped. */
export class FileSystem implements RequestHandler {
  readonly files = new FileTable();
  private readonly pending = new Set<PendingRead>();
  private sweeper: NodeJS.Timeout | null = null;
  private initialized: () => void = () => {};
  /** Resolves when the kernel has introduced itself. */
  readonly ready = new Promise<void>((resolve) => {
    this.initialized = resolve;
  });

  constructor(
    private readonly device: FuseDevice,
    private readonly options: FileSystemOptions,
  ) {}

  handle(header: RequestHeader, message: Buffer): void {
    const answer = this.respond(header, message);
    if (answer === null) return;
    if (typeof answer === 'number') this.device.refuse(header.uniqueLow, header.uniqueHigh, answer);
    else this.device.answer(header.uniqueLow, header.uniqueHigh, answer);
    if (header.opcode === opcode.init) this.initialized();
  }

  /** Contents of the answer, an error number, or null when there is none or it comes later. */
  private respond(header: RequestHeader, message: Buffer): readonly Buffer[] | number | null {
    const { node } = header;
    switch (header.opcode) {
      case opcode.read:
        return this.read(header, message);
      case opcode.lookup: {
        const file = node === rootNode ? this.files.named(decodeName(message)) : undefined;
        if (file === undefined) return errno.ENOENT;
        file.lookups += 1;
        return [encodeEntry({ node: file.node, bytes: file.bytes }, 0, validS)];
      }
      case opcode.getattr: {
        const bytes = node === rootNode ? null : this.files.numbered(node)?.bytes;
        return bytes === undefined ? errno.ENOENT : [encodeAttributes({ node, bytes }, validS)];
      }
      case opcode.open:
        this.files.numbered(node)?.opened();
        return this.files.numbered(node) === undefined ? errno.ENOENT : [encodeOpen()];
      case opcode.init: {
        const request = decodeInit(message);
        return request.major === protocolMajor ? [encodeInit(request, this.limits)] : errno.EINVAL;
      }
      case opcode.statfs:
        return [encodeStatistics(nameBytesMax)];
      case opcode.release:
      case opcode.flush:
      case opcode.fsync:
      case opcode.access:
      case opcode.destroy:
        return [];
      case opcode.forget:
      case opcode.batchForget:
        for (const one of decodeForget(header, message)) this.files.forget(one.node, one.lookups);
        return null;
      case opcode.interrupt:
        this.interrupt(decodeInterrupt(message));
        return null;
      case opcode.setattr:
      case opcode.write:
        return errno.EROFS;
      default:
        return errno.ENOSYS;
    }
  }

  private get limits(): InitLimits {
    return {
      readAheadBytes: this.options.readAheadBytes,
      backgroundMax: backgroundReadsMax,
      pagesMax: readPagesMax,
    };
  }

  private read(header: RequestHeader, message: Buffer): readonly Buffer[] | number | null {
    const startedMs = performance.now();
    const file = this.files.numbered(header.node);
    const request = decodeRead(message);
    const bytes = file === undefined ? 0 : Math.max(0, Math.min(request.bytes, file.bytes - request.offset));
    if (file === undefined || bytes > readPagesMax * pageBytes) return errno.EINVAL;
    const first = Math.floor(request.offset / pageBytes);
    const skipped = request.offset - first * pageBytes;
    const count = Math.ceil((skipped + bytes) / pageBytes);
    if (file.log !== null) {
      // More than a page at once is read-ahead: refused, the kernel asks for the very page that was touched.
      if (count > 1 && !request.direct) return errno.EIO;
      for (let page = first; page < first + count; page += 1) file.log.add(page);
    }
    // Locked until the answer: pushing them would only wait.
    for (let page = first; file.given !== null && page < first + count; page += 1) file.given.add(page);
    const { uniqueLow, uniqueHigh, pid } = header;
    const pending: PendingRead = {
      uniqueLow,
      uniqueHigh,
      pid,
      startedMs,
      file,
      first,
      count,
      skipped,
      bytes,
      interrupted: false,
    };
    const whole = this.stretch(file, first, count);
    if (whole !== null && !(whole instanceof Promise)) {
      this.finish(pending, [whole]);
      if (file.map.locate(first, 1).chunk < 0) this.options.onZeros?.(file, first, count);
      return null;
    }
    this.begin(pending);
    const parts = whole === null ? this.gather(file, first, count) : whole.then((part) => [part]);
    parts.then(
      (buffers) => {
        if (this.pending.delete(pending)) this.finish(pending, buffers);
      },
      (error: unknown) => this.fail(pending, error),
    );
    return null;
  }

  /** Follows which pages the kernel has or waits for, from now on: those need not be pushed. */
  follow(file: SparseFile): PageSet {
    const given = new PageSet(file.pages);
    for (const { file: waiting, first, count } of this.pending) {
      for (let page = first; waiting === file && page < first + count; page += 1) given.add(page);
    }
    file.given = given;
    return given;
  }

  /** How many pages from `first` on, up to `count`, nobody waits for. */
  free(file: SparseFile, first: number, count: number): number {
    let free = count;
    for (const waiting of this.pending) {
      if (waiting.file !== file || waiting.first + waiting.count <= first) continue;
      free = Math.min(free, Math.max(0, waiting.first - first));
    }
    return free;
  }

  /** The pages when they come from one place; null when from several. */
  private stretch(file: SparseFile, first: number, count: number): Buffer | Promise<Buffer> | null {
    const found = file.map.locate(first, count);
    if (found.count < count) return null;
    if (found.chunk < 0) return zeros.subarray(0, count * pageBytes);
    const { reader } = this.options;
    const chunk = file.map.chunk(found.chunk);
    const cutOut = (plain: Buffer) => plain.subarray(found.slot * pageBytes, (found.slot + count) * pageBytes);
    const atHand = reader.cached(chunk);
    return atHand === null ? reader.read(chunk, 'fault').then(cutOut) : cutOut(atHand);
  }

  private gather(file: SparseFile, first: number, count: number): Promise<Buffer[]> {
    const parts: (Buffer | Promise<Buffer>)[] = [];
    for (let page = first; page < first + count; ) {
      const { count: next } = file.map.locate(page, first + count - page);
      parts.push(this.stretch(file, page, next)!);
      page += next;
    }
    return Promise.all(parts);
  }

  private finish(pending: PendingRead, pages: readonly Buffer[]): void {
    const { file, skipped, bytes } = pending;
    const parts = cut(pages, skipped, bytes);
    // A chunk shorter than its manifest says would move everything behind it.
    if (parts === null) {
      this.refuse(pending, new Error(`a chunk of ${file.name} is shorter than it should be`));
      return;
    }
    this.device.answer(pending.uniqueLow, pending.uniqueHigh, parts);
    this.options.reads.hit(bytes, performance.now() - pending.startedMs);
  }

  private fail(pending: PendingRead, error: unknown): void {
    if (this.pending.delete(pending)) this.refuse(pending, error);
  }

  /**
   * A signal reached a thread that waits for a read. Unless it is being killed it goes on waiting: an error would be a
   * fault in its memory. If it is, now or later, it cannot die before its answer; the kernel says so only once.
   */
  private interrupt({ low, high }: { readonly low: number; readonly high: number }): void {
    for (const pending of this.pending) {
      if (pending.uniqueLow !== low || pending.uniqueHigh !== high) continue;
      pending.interrupted = true;
      this.release(pending);
      return;
    }
  }

  private release(pending: PendingRead): void {
    if (!pending.interrupted || !isBeingKilled(pending.pid)) return;
    this.pending.delete(pending);
    this.device.refuse(pending.uniqueLow, pending.uniqueHigh, errno.EINTR);
  }

  private refuse(pending: PendingRead, error: unknown): void {
    this.options.onFailure(error);
    this.options.reads.miss(performance.now() - pending.startedMs);
    this.device.refuse(pending.uniqueLow, pending.uniqueHigh, errno.EIO);
  }

  private begin(pending: PendingRead): void {
    this.pending.add(pending);
    this.sweeper ??= setInterval(() => this.sweep(), sweepMs);
  }

  /** One timer for all reads, while there are any: a timer for each would cost more than the read. */
  private sweep(): void {
    const dueMs = performance.now() - this.options.readMsMax;
    for (const pending of this.pending) {
      if (pending.startedMs <= dueMs) this.fail(pending, new Error('a chunk did not come within the deadline'));
      else this.release(pending);
    }
    if (this.pending.size > 0 || this.sweeper === null) return;
    clearInterval(this.sweeper);
    this.sweeper = null;
  }
}
