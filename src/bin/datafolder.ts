import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { processStart } from '../worker/sandbox/process/owner.js';

/** Where one platform keeps everything. Readable by its owner only. */
export class DataFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  static default(): string {
    return process.env.HEARTH_DATA ?? join(homedir(), '.hearth');
  }

  create(): void {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    mkdirSync(this.run, { recursive: true, mode: 0o700 });
  }

  get store(): string {
    return join(this.path, 'store');
  }
  get journal(): string {
    return join(this.path, 'journal');
  }
  get blobs(): string {
    return join(this.path, 'blobs');
  }
  get code(): string {
    return join(this.path, 'code');
  }
  get layers(): string {
    return join(this.path, 'layers');
  }
  get logs(): string {
    return join(this.path, 'logs');
  }
  get runtimes(): string {
    return join(this.path, 'runtimes');
  }
  /** Chunks, manifests and records of snapshots, and the key that opens them. */
  get snapshots(): string {
    return join(this.path, 'snapshots');
  }
  /** Files that records of asynchronous invocations go to. */
  get destinations(): string {
    return join(this.path, 'destinations');
  }
  get run(): string {
    return join(this.path, 'run');
  }

  /**
   * Makes this process the folder's only user, until it ends however it ends: the lock is the name of an abstract socket,
   * which the kernel gives to one process and takes back with its life. Rejects with FolderInUseError.
   */
  lock(): Promise<void> {
    const digest = createHash('sha256').update(realpathSync(this.path)).digest('hex');
    return new Promise((resolve, reject) => {
      const holder = createServer((socket) => socket.destroy());
      holder.unref();
      holder.once('error', (error: NodeJS.ErrnoException) => {
        reject(
          error.code === 'EADDRINUSE' ? new FolderInUseError(`${this.path} is in use by another platform`) : error,
        );
      });
      holder.listen(`\0hearth-${digest}`, resolve);
    });
  }

  /** Says that this process serves from this folder, and where. */
  claim(endpoint: string, startedMs: number): void {
    const file: PlatformFile = { pid: process.pid, processStart: processStart(process.pid) ?? '', endpoint, startedMs };
    writeFileSync(join(this.run, 'platform.json'), JSON.stringify(file), { mode: 0o600 });
  }

  release(): void {
    rmSync(join(this.run, 'platform.json'), { force: true });
  }

  /** The platform that serves from this folder now, or null. A file left by a killed one is not believed. */
  platform(): PlatformFile | null {
    let file: PlatformFile;
    try {
      file = JSON.parse(readFileSync(join(this.run, 'platform.json'), 'utf8'));
    } catch {
      return null;
    }
    return processStart(file.pid) === file.processStart ? file : null;
  }
}

/** Another platform uses the data folder. Nothing was touched. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError';
}

export interface PlatformFile {
  readonly pid: number;
  /** Start time of the process in clock ticks since boot: a pid alone may have been given to another process. */
  readonly processStart: string;
  readonly endpoint: string;
  readonly startedMs: number;
}
