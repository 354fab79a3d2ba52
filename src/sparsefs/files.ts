import { pageBytes } from '../chunks/layout.js';
import { DriverError } from '../worker/sandbox/driver.js';
import { PageMap } from './pagemap.js';
import type { AccessLog, PageSet } from './pageset.js';
import { rootNode } from './protocol.js';

/** One file: an inode of its own, so that the kernel never shares its cached pages with another's. */
export class SparseFile {
  readonly pages: number;
  /** Contents; zero until filled. */
  map = PageMap.empty;
  filled = false;
  /** Look-ups that the kernel holds; while there are any it knows the inode. */
  lookups = 0;
  /** The name is gone; the file goes with its last look-up. */
  withdrawn = false;
  /** While recording. */
  log: AccessLog | null = null;
  /** While pages are being pushed: those that the kernel has got or asked for meanwhile. */
  given: PageSet | null = null;
  /** The kernel opened the file: it has the inode. A mere answer to its look-up may not have reached it yet. */
  known = false;
  private readonly waiting: (() => void)[] = [];

  constructor(
    readonly node: number,
    readonly name: string,
    readonly bytes: number,
  ) {
    this.pages = bytes / pageBytes;
  }

  opened(): void {
    this.known = true;
    for (const call of this.waiting.splice(0)) call();
  }

  /** Calls now, if the kernel knows the inode already, else once it does. */
  whenKnown(call: () => void): void {
    if (this.known) call();
    else this.waiting.push(call);
  }

  /** The kernel dropped the inode and its pages with it. */
  forgotten(): void {
    this.known = false;
    this.given?.clear();
  }
}

/** More are refused: three a sandbox, for as many sandboxes as a worker has, and what waits to be forgotten. */
const filesMax = 16_384;

/** The files of one mount: one folder. Node ids are never used again. */
export class FileTable {
  private readonly byName = new Map<string, SparseFile>();
  private readonly byNode = new Map<number, SparseFile>();
  private nextNode = rootNode + 1;

  /** Throws DriverError when there are too many. */
  add(name: string, bytes: number): SparseFile {
    if (this.byNode.size >= filesMax) throw new DriverError(`the sparse file system has ${filesMax} files already`);
    const file = new SparseFile(this.nextNode, name, bytes);
    this.nextNode += 1;
    this.byName.set(name, file);
    this.byNode.set(file.node, file);
    return file;
  }

  named(name: string): SparseFile | undefined {
    return this.byName.get(name);
  }

  numbered(node: number): SparseFile | undefined {
    return this.byNode.get(node);
  }

  withdraw(file: SparseFile): void {
    file.withdrawn = true;
    this.byName.delete(file.name);
    if (file.lookups === 0) this.byNode.delete(file.node);
  }

  forget(node: number, lookups: number): void {
    const file = this.byNode.get(node);
    if (file === undefined) return;
    file.lookups = Math.max(0, file.lookups - lookups);
    if (file.lookups > 0) return;
    file.forgotten();
    if (file.withdrawn) this.byNode.delete(node);
  }
}
