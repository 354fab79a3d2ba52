import { execFile } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Manifest } from '../src/chunks/layout.js';
import type { Access, SparseFs, SparseFsMetrics } from '../src/sparsefs/sparsefs.js';

const run = promisify(execFile);
const copyMsMax = 120_000;

/** Looks through to a sparse file system. */
class Through implements SparseFs {
  constructor(protected readonly fs: SparseFs) {}

  get directory(): string {
    return this.fs.directory;
  }
  get ended(): Promise<string> {
    return this.fs.ended;
  }
  expose(name: string, bytes: number, manifest: Manifest | null, access?: Access): Promise<string> {
    return this.fs.expose(name, bytes, manifest, access);
  }
  fill(name: string, manifest: Manifest): Promise<void> {
    return this.fs.fill(name, manifest);
  }
  withdraw(name: string): Promise<void> {
    return this.fs.withdraw(name);
  }
  record(name: string): Promise<void> {
    return this.fs.record(name);
  }
  recorded(name: string): Promise<Uint32Array> {
    return this.fs.recorded(name);
  }
  prefetch(name: string, pages: Uint32Array): void {
    this.fs.prefetch(name, pages);
  }
  metrics(): Promise<SparseFsMetrics> {
    return this.fs.metrics();
  }
  close(): Promise<void> {
    return this.fs.close();
  }
}

/** Memory images are plain local files, copied when they are exposed: what restores are held against. */
export class PlainMemory extends Through {
  constructor(
    fs: SparseFs,
    private readonly folder: string,
  ) {
    super(fs);
  }

  override async expose(name: string, bytes: number, manifest: Manifest | null, access?: Access): Promise<string> {
    const path = await super.expose(name, bytes, manifest, access);
    if (!name.startsWith('memory-')) return path;
    const plain = join(this.folder, name);
    await run('cp', ['--sparse=always', path, plain], { timeout: copyMsMax });
    // Monitors, which run as users of their own, open it for writing, too.
    chmodSync(plain, 0o666);
    return plain;
  }

  /** All of it is there. */
  override prefetch(): void {}
}

/** Pages arrive when they are touched, and only then. */
export class FaultsOnly extends Through {
  override prefetch(): void {}
}
