import type { Manifest } from '../chunks/layout.js';
import type { TierMetrics } from '../chunks/tier.js';

export type { TierMetrics } from '../chunks/tier.js';

/**
 * How a file is read. `pages`: guest memory, mapped: exactly the pages that are touched arrive, each by itself. Whoever
 * maps it must not ask for huge pages (`MADV_HUGEPAGE`): the kernel then reads 4 MiB a fault, whatever it is told.
 * `stream`: drive images: the kernel reads ahead up to 128 KiB.
 */
export type Access = 'pages' | 'stream';

/**
 * Files whose bytes arrive on demand, in a FUSE file system that another process serves. All methods reject with
 * DriverError once that process has ended; the files then answer EIO (or ENOTCONN), never block.
 */
export interface SparseFs {
  /** Where the files are, for this process's children. Never touched by this process itself. */
  readonly directory: string;
  /**
   * Makes a read-only file of `bytes` bytes appear; returns its path. With a manifest: its contents (sizes agree).
   * Without: all zero until `fill`. Names: `[a-z0-9._-]{1,120}`; two names are two inodes, which never share pages.
   * Anybody may open it for writing, too, as monitors do; writing answers EROFS. Default access: `pages`.
   */
  expose(name: string, bytes: number, manifest: Manifest | null, access?: Access): Promise<string>;
  /** Gives a file that was exposed empty its contents (at most its size, zero behind); once. */
  fill(name: string, manifest: Manifest): Promise<void>;
  /** Removes the file's name; who has it open or mapped keeps it until the end. */
  withdraw(name: string): Promise<void>;
  /**
   * Starts to write down which pages are asked for, in order, each once (single pages: read-ahead is held off). Pages
   * that are in the page cache already are not asked for: start it before the file is opened.
   */
  record(name: string): Promise<void>;
  /** Ends the recording; page numbers in order of their first access. */
  recorded(name: string): Promise<Uint32Array>;
  /**
   * Puts these pages into the page cache in this order, ahead of the faults; then, at low priority, the rest of the
   * file's chunks into L1. Returns at once. A later fault never waits for it.
   */
  prefetch(name: string, pages: Uint32Array): void;
  metrics(): Promise<SparseFsMetrics>;
  /** Unmounts and ends the process. */
  close(): Promise<void>;
  /** Resolves with the reason when the serving process has ended. */
  readonly ended: Promise<string>;
}

export interface SparseFsMetrics {
  /** By tier: `memory` and `disk` (both L1), `l2`, `origin`. */
  readonly tiers: Readonly<Record<string, TierMetrics>>;
  /** Reads that the kernel asked for: `hits` were answered, `misses` failed. */
  readonly reads: TierMetrics;
  readonly readBytes: number;
  /** Pages that the kernel took ahead of faults: of access logs, and zero pages before a guest that takes fresh memory. */
  readonly prefetchedPages: number;
}
