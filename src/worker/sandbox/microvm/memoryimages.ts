import { createHash } from 'node:crypto';
import { secondMs } from '../../../kernel/units.js';
import { runsMax, withRun, workingSet } from '../../../snapshot/accesslog.js';
import type { SnapshotRecord } from '../../../snapshot/record.js';
import type { LoadedSnapshot, SnapshotStore } from '../../../snapshot/store.js';
import type { SparseFs } from '../../../sparsefs/sparsefs.js';

/** Images that no machine uses stay this many, with what the kernel has cached of them; the longest unused goes. */
const idleMax = 64;
/** The kernel may have dropped cached pages of an image that was prefetched longer ago than this. */
const prefetchAgainMs = 60 * secondMs;

/** Where logs of page accesses are kept. */
export type AccessLogs = Pick<SnapshotStore, 'accessLog' | 'saveAccessLog'>;

/** A memory image in the sparse file system, for one machine. */
export interface MemoryImage {
  readonly path: string;
  /** It is read now: the pages that a start needs are put into the cache ahead, unless they surely are there. */
  warm(): void;
  /**
   * What the sandbox needed to start has been touched: ends a recording, if this restore is one. Idempotent. Without it
   * a recording is dropped with its machine.
   */
  settled(): void;
  /** The machine is gone. Idempotent. */
  release(): void;
}

interface Shared {
  readonly name: string;
  readonly path: Promise<string>;
  users: number;
  prefetchedMs: number;
  /** Runs of the access log, and what they say is needed. */
  recorded: number;
  workingSet: Uint32Array;
}

/**
 * Memory images, one file per snapshot and tenant: the kernel shares their pages between the sandboxes of one function
 * and never between tenants. The first restores of a snapshot read from files of their own, whose accesses are written
 * down: pages that another restore has brought into the cache would be missing in the log.
 */
export class MemoryImages {
  readonly #shared = new Map<string, Shared>();
  readonly #recording = new Set<string>();
  #recordings = 0;

  constructor(
    private readonly fs: SparseFs,
    private readonly logs: AccessLogs,
    private readonly now: () => number,
  ) {}

  /** Rejects with DriverError. */
  async open(snapshot: LoadedSnapshot, tenant: string): Promise<MemoryImage> {
    const key = createHash('sha256').update(`${snapshot.record.memory}\n${tenant}`).digest('hex').slice(0, 32);
    let image = this.#shared.get(key);
    // Once all runs are recorded, the log does not change any more.
    if (image === undefined || image.recorded < runsMax) {
      const log = await this.logs.accessLog(snapshot.record);
      if (log.runs.length < runsMax && !this.#recording.has(snapshot.record.memory)) return this.#record(snapshot);
      image = this.#share(key, snapshot);
      if (image.recorded !== log.runs.length) {
        image.workingSet = workingSet(log);
        image.recorded = log.runs.length;
      }
    }
    this.#shared.delete(key);
    this.#shared.set(key, image);
    image.users += 1;
    try {
      const path = await image.path;
      const warm = () => {
        if (this.now() - image.prefetchedMs <= prefetchAgainMs) return;
        image.prefetchedMs = this.now();
        this.fs.prefetch(image.name, image.workingSet);
      };
      // While its monitor starts.
      warm();
      let held = true;
      return {
        path,
        warm,
        settled() {},
        release: () => {
          if (held) image.users -= 1;
          held = false;
          this.#trim();
        },
      };
    } catch (error) {
      image.users -= 1;
      throw error;
    }
  }

  #share(key: string, { memory }: LoadedSnapshot): Shared {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const name = `memory-${key}`;
    const path = this.fs.expose(name, memory.bytes, memory, 'pages');
    const prefetchedMs = Number.NEGATIVE_INFINITY;
    const image = { name, path, users: 0, prefetchedMs, recorded: 0, workingSet: new Uint32Array() };
    this.#shared.set(key, image);
    path.catch(() => this.#shared.delete(key));
    return image;
  }

  /** Beyond the bound, unused images are withdrawn. */
  #trim(): void {
    const idle = [...this.#shared].filter(([, { users }]) => users === 0);
    for (const [key, { name }] of idle.slice(0, Math.max(0, idle.length - idleMax))) {
      this.#shared.delete(key);
      this.fs.withdraw(name).catch(() => {}); // The file system is gone, and the file with it.
    }
  }

  async #record({ record, memory }: LoadedSnapshot): Promise<MemoryImage> {
    this.#recording.add(record.memory);
    this.#recordings += 1;
    const name = `recorded-${this.#recordings}`;
    let path: string;
    try {
      path = await this.fs.expose(name, memory.bytes, memory, 'pages');
      await this.fs.record(name);
    } catch (error) {
      this.#recording.delete(record.memory);
      throw error;
    }
    let ended: Promise<void> | null = null;
    const end = (keep: boolean): Promise<void> => {
      ended ??= this.#end(record, name, keep);
      return ended;
    };
    return {
      path,
      warm() {}, // It would hide what is touched.
      settled: () => void end(true),
      release: () => {
        // Gone before it had settled: what it touched says little of a start that goes well.
        void end(false).then(() => this.fs.withdraw(name).catch(() => {}));
      },
    };
  }

  async #end(record: SnapshotRecord, name: string, keep: boolean): Promise<void> {
    try {
      const pages = await this.fs.recorded(name);
      if (!keep || pages.length === 0) return;
      await this.logs.saveAccessLog(record, withRun(await this.logs.accessLog(record), pages));
    } catch {
      // The file system or the store is gone: a later restore records.
    } finally {
      this.#recording.delete(record.memory);
    }
  }
}
