import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Fifo } from '../s3fifo.js';
import type { StripeStore } from './stripestore.js';

const namePattern = /^[0-9a-f]{64}$/;

/**
 * In files of one folder, so that a member that starts again still has its share; what is hot is in the kernel's page
 * cache. Nothing is synced: a file torn by a power failure fails its checksum at the worker that asks. One process a
 * folder. A full disk is a cache that keeps nothing new.
 */
export class DiskStripes implements StripeStore {
  readonly #folder: string;
  readonly #temporary: string;
  readonly #kept: S3Fifo;
  #writes = 0;
  evictions = 0;

  constructor(folder: string, bytesMax: number) {
    this.#folder = join(folder, 'stripes');
    this.#temporary = join(folder, 'temporary');
    this.#kept = new S3Fifo(bytesMax);
    // Left by a process that was killed while writing.
    rmSync(this.#temporary, { recursive: true, force: true });
    mkdirSync(this.#temporary, { recursive: true, mode: 0o700 });
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#folder)) {
      const path = join(this.#folder, name);
      const gone = namePattern.test(name) ? this.#kept.add(name, statSync(path).size) : [name];
      for (const one of gone) rmSync(join(this.#folder, one), { force: true, recursive: true });
    }
  }

  get bytes(): number {
    return this.#kept.bytes;
  }

  get count(): number {
    return this.#kept.count;
  }

  async get(name: string): Promise<Buffer | null> {
    if (!this.#kept.has(name)) return null;
    this.#kept.hit(name);
    try {
      return await readFile(this.#path(name));
    } catch {
      // Removed by hand, or a disk that fails: not here any more.
      this.#kept.remove(name);
      return null;
    }
  }

  async put(name: string, body: Buffer): Promise<void> {
    const temporary = join(this.#temporary, String(++this.#writes));
    try {
      await writeFile(temporary, body, { mode: 0o600 });
      await rename(temporary, this.#path(name));
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
      return;
    }
    for (const gone of this.#kept.add(name, body.length)) {
      this.evictions += 1;
      await rm(this.#path(gone), { force: true }).catch(() => {});
    }
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}
