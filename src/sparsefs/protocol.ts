/**
 * FUSE's wire format: the parts that a read-only file system of one folder needs. Layouts and numbers are those of the
 * kernel's include/uapi/linux/fuse.h (little-endian machines; both sides pad everything to 8 bytes).
 */

/** Interface version we speak. Kernels since 5.2 know it; a newer one speaks it with us. */
export const protocolMajor = 7;
export const protocolMinor = 31;

export const opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  getxattr: 22,
  listxattr: 23,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  access: 34,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
} as const;

/** `code` of unsolicited messages to the kernel, in the header's error field with unique 0. */
const notifyInvalidateInode = 2;
const notifyInvalidateEntry = 3;
const notifyStore = 4;

/** Linux error numbers that we answer with. */
export const errno = { ENOENT: 2, EINTR: 4, EIO: 5, EACCES: 13, EINVAL: 22, EROFS: 30, ENOSYS: 38 } as const;

export const rootNode = 1;
export const inHeaderBytes = 40;
export const outHeaderBytes = 16;
const attrBytes = 88;
const entryBytes = 40 + attrBytes;
/** A header and `fuse_notify_store_out`; the page bytes follow. */
export const storeHeadBytes = outHeaderBytes + 24;

/**
 * Smallest buffer that the kernel lets us read requests into: FUSE_MIN_READ_BUFFER, which also covers the smallest
 * `max_write` (one page) and its headers. We refuse writes, so nothing larger arrives.
 */
export const requestBytesMax = 8192;
/** `max_write` of the answer to INIT; the kernel takes no less. */
const writeBytesMax = 4096;

/** FUSE_ASYNC_READ: several reads of one file at once. */
const flagAsyncRead = 1 << 0;
/** FUSE_PARALLEL_DIROPS: several look-ups at once. */
const flagParallelDirectory = 1 << 18;
/** FUSE_MAX_PAGES: `max_pages` of the answer counts. */
const flagMaxPages = 1 << 22;

const openKeepCache = 1 << 1;
const openNoFlush = 1 << 5;
/** open(2)'s O_DIRECT on x86-64 and on arm64. */
const directFlag = { x64: 0o40000, arm64: 0o200000 } as const;

const directoryMode = 0o040555;
/** Anybody may open for writing, because virtual machine monitors do; writing itself answers EROFS. */
const fileMode = 0o100666;

const folderLinks = 2;

export interface RequestHeader {
  readonly bytes: number;
  readonly opcode: number;
  /** Identifies the request in its answer: 64 bits, as two halves. */
  readonly uniqueLow: number;
  readonly uniqueHigh: number;
  readonly node: number;
  /** Thread that asks; 0 if it is of a process namespace that we do not see. */
  readonly pid: number;
}

/** Node ids are ours and count from 1, so 2^53 is no limit. */
function readUnsigned(message: Buffer, offset: number): number {
  return message.readUInt32LE(offset) + message.readUInt32LE(offset + 4) * 2 ** 32;
}

function writeUnsigned(message: Buffer, value: number, offset: number): void {
  message.writeUInt32LE(value % 2 ** 32, offset);
  message.writeUInt32LE(Math.floor(value / 2 ** 32), offset + 4);
}

/** Null when `message` is not a whole request. */
export function decodeHeader(message: Buffer): RequestHeader | null {
  if (message.length < inHeaderBytes) return null;
  const bytes = message.readUInt32LE(0);
  if (bytes !== message.length) return null;
  return {
    bytes,
    opcode: message.readUInt32LE(4),
    uniqueLow: message.readUInt32LE(8),
    uniqueHigh: message.readUInt32LE(12),
    node: readUnsigned(message, 16),
    pid: message.readUInt32LE(32),
  };
}

export interface InitRequest {
  readonly major: number;
  readonly minor: number;
  readonly readAheadBytesMax: number;
  readonly flags: number;
}

export function decodeInit(message: Buffer): InitRequest {
  const at = inHeaderBytes;
  return {
    major: message.readUInt32LE(at),
    minor: message.readUInt32LE(at + 4),
    readAheadBytesMax: message.readUInt32LE(at + 8),
    flags: message.readUInt32LE(at + 12),
  };
}

/** `readAheadBytes`: most that the kernel reads beyond what was asked for; 0 switches read-ahead off. */
export interface InitLimits {
  readonly readAheadBytes: number;
  /** Reads that nobody waits for yet (read-ahead), at once. */
  readonly backgroundMax: number;
  /** Most pages in one read. */
  readonly pagesMax: number;
}

/** `fuse_init_out`, 64 bytes. */
export function encodeInit(request: InitRequest, limits: InitLimits): Buffer {
  const answer = Buffer.alloc(64);
  const wanted = (flagAsyncRead | flagParallelDirectory | flagMaxPages) >>> 0;
  answer.writeUInt32LE(protocolMajor, 0);
  answer.writeUInt32LE(protocolMinor, 4);
  answer.writeUInt32LE(Math.min(limits.readAheadBytes, request.readAheadBytesMax), 8);
  answer.writeUInt32LE((request.flags & wanted) >>> 0, 12);
  answer.writeUInt16LE(limits.backgroundMax, 16);
  // Beyond this many the device counts as congested, and read-ahead pauses: libfuse's three quarters.
  answer.writeUInt16LE(Math.floor(limits.backgroundMax * 0.75), 18);
  answer.writeUInt32LE(writeBytesMax, 20);
  answer.writeUInt32LE(1, 24);
  answer.writeUInt16LE(limits.pagesMax, 28);
  return answer;
}

/** The name that LOOKUP asks for. */
export function decodeName(message: Buffer): string {
  const end = message.indexOf(0, inHeaderBytes);
  return message.toString('latin1', inHeaderBytes, end < 0 ? message.length : end);
}

export interface Attributes {
  readonly node: number;
  /** Null for the folder itself. */
  readonly bytes: number | null;
}

function writeAttributes(answer: Buffer, { node, bytes }: Attributes, offset: number): void {
  const folder = bytes === null;
  writeUnsigned(answer, node, offset);
  writeUnsigned(answer, bytes ?? 0, offset + 8);
  writeUnsigned(answer, Math.ceil((bytes ?? 0) / 512), offset + 16);
  answer.writeUInt32LE(folder ? directoryMode : fileMode, offset + 60);
  answer.writeUInt32LE(folder ? folderLinks : 1, offset + 64);
  answer.writeUInt32LE(4096, offset + 80);
}

/** `fuse_entry_out`. The kernel may keep name and attributes for `validS` seconds. */
export function encodeEntry(attributes: Attributes, generation: number, validS: number): Buffer {
  const answer = Buffer.alloc(entryBytes);
  writeUnsigned(answer, attributes.node, 0);
  writeUnsigned(answer, generation, 8);
  writeUnsigned(answer, validS, 16);
  writeUnsigned(answer, validS, 24);
  writeAttributes(answer, attributes, 40);
  return answer;
}

/** `fuse_attr_out`. */
export function encodeAttributes(attributes: Attributes, validS: number): Buffer {
  const answer = Buffer.alloc(16 + attrBytes);
  writeUnsigned(answer, validS, 0);
  writeAttributes(answer, attributes, 16);
  return answer;
}

/** `fuse_open_out`: cached pages stay for the next who opens; closing needs no message. */
export function encodeOpen(): Buffer {
  const answer = Buffer.alloc(16);
  answer.writeUInt32LE(openKeepCache | openNoFlush, 8);
  return answer;
}

export interface ReadRequest {
  readonly offset: number;
  readonly bytes: number;
  /** Past the page cache: whoever reads gets exactly this, or an error. */
  readonly direct: boolean;
}

export function decodeRead(message: Buffer): ReadRequest {
  const at = inHeaderBytes;
  const direct = directFlag[process.arch === 'arm64' ? 'arm64' : 'x64'];
  return {
    offset: readUnsigned(message, at + 8),
    bytes: message.readUInt32LE(at + 16),
    direct: (message.readUInt32LE(at + 32) & direct) !== 0,
  };
}

/** Identifies the request that need not be answered any more. */
export function decodeInterrupt(message: Buffer): { readonly low: number; readonly high: number } {
  return { low: message.readUInt32LE(inHeaderBytes), high: message.readUInt32LE(inHeaderBytes + 4) };
}

export interface Forgotten {
  readonly node: number;
  /** Look-ups that the kernel no longer holds. */
  readonly lookups: number;
}

export function decodeForget(header: RequestHeader, message: Buffer): Forgotten[] {
  if (header.opcode === opcode.forget) return [{ node: header.node, lookups: readUnsigned(message, inHeaderBytes) }];
  const count = message.readUInt32LE(inHeaderBytes);
  const held = Math.floor((message.length - inHeaderBytes - 8) / 16);
  return Array.from({ length: Math.min(count, held) }, (_, index) => {
    const at = inHeaderBytes + 8 + 16 * index;
    return { node: readUnsigned(message, at), lookups: readUnsigned(message, at + 8) };
  });
}

/** `fuse_statfs_out`, all zero but block size and longest name. */
export function encodeStatistics(nameBytesMax: number): Buffer {
  const answer = Buffer.alloc(80);
  answer.writeUInt32LE(4096, 40);
  answer.writeUInt32LE(nameBytesMax, 44);
  answer.writeUInt32LE(4096, 48);
  return answer;
}

/** Puts the header of an answer with `bodyBytes` of contents at the start of `target`. */
export function writeAnswerHead(
  target: Buffer,
  bodyBytes: number,
  error: number,
  uniqueLow: number,
  uniqueHigh: number,
): void {
  target.writeUInt32LE(outHeaderBytes + bodyBytes, 0);
  target.writeInt32LE(-error, 4);
  target.writeUInt32LE(uniqueLow, 8);
  target.writeUInt32LE(uniqueHigh, 12);
}

function notification(code: number, bodyBytes: number, dataBytes = 0): Buffer {
  const message = Buffer.alloc(outHeaderBytes + bodyBytes);
  message.writeUInt32LE(outHeaderBytes + bodyBytes + dataBytes, 0);
  message.writeInt32LE(code, 4);
  return message;
}

/** Drops every cached page of a file. */
export function encodeInvalidateInode(node: number): Buffer {
  const message = notification(notifyInvalidateInode, 24);
  writeUnsigned(message, node, outHeaderBytes);
  return message;
}

/** Makes the kernel forget a name in the folder. */
export function encodeInvalidateEntry(name: string): Buffer {
  const bytes = Buffer.from(name, 'latin1');
  const message = notification(notifyInvalidateEntry, 16 + bytes.length + 1);
  writeUnsigned(message, rootNode, outHeaderBytes);
  message.writeUInt32LE(bytes.length, outHeaderBytes + 8);
  bytes.copy(message, outHeaderBytes + 16);
  return message;
}

/** Writes the head of a message that puts `bytes` of a file at `offset` into the page cache; `at`: place in `target`. */
export function writeStoreHead(target: Buffer, at: number, node: number, offset: number, bytes: number): void {
  target.writeUInt32LE(storeHeadBytes + bytes, at);
  target.writeInt32LE(notifyStore, at + 4);
  target.writeUInt32LE(0, at + 8);
  target.writeUInt32LE(0, at + 12);
  writeUnsigned(target, node, at + outHeaderBytes);
  writeUnsigned(target, offset, at + outHeaderBytes + 8);
  target.writeUInt32LE(bytes, at + outHeaderBytes + 16);
  target.writeUInt32LE(0, at + outHeaderBytes + 20);
}
