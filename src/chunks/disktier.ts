import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mib, secondMs } from '../kernel/units.js';
import { S3Fifo } from './s3fifo.js';
import type { ChunkTier } from './tier.js';

/** `NAME.BYTES`: what is here is known from the folder's listing alone. */
const filePattern = /^([0-9a-f]{64})\.(\d{1,9})$/;
/** Files written at once: the threads that write also read, for faults. */
const writesMax = 2;
/** Of chunks that wait to be written: a restore's from an origin faster than the disk. One that would go beyond is not kept. */
const waitingBytesMax = 64 * mib;
/** After a write that failed (the disk is full, say) none is tried for so long. */
const restMs = 30 * secondMs;

/**
 * L1's larger part: ciphertexts in a folder, at most `bytesMax`, kept by S3-FIFO, still there after a restart (but then
 * in no order). It is a cache: nothing is synced, so that a file may be torn after a crash: its reader verifies and
 * discards. What cannot be written is not there. One process a folder.
 */
export class DiskTier implements ChunkTier {
  readonly name = 'disk';
  readonly verified = false;
  readonly #folder: string;
  readonly #temporary: string;
  readonly #fifo: S3Fifo;
  readonly #sizes = new Map<string, number>();
  /** Being written, or waiting for it. */
  readonly #writing = new Map<string, Promise<void>>();
  readonly #turns: (() => void)[] = [];
  #writes = 0;
  #waitingBytes = 0;
  #restUntilMs = 0;
  #closed = false;

  constructor(folder: string, bytesMax: number) {
    this.#folder = folder;
    this.#temporary = join(folder, 'temporary');
    this.#fifo = new S3Fifo(bytesMax);
    // Left by a process that was killed while writing.
    rmSync(this.#temporary, { recursive: true, force: true });
    mkdirSync(this.#temporary, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(folder)) {
      const [, name, bytes] = filePattern.exec(file) ?? [];
      if (name !== undefined) this.#admit(name, Number(bytes));
    }
  }

  /** Of files here now. */
  get bytes(): number {
    return this.#fifo.bytes;
  }

  has(name: string): boolean {
    return this.#sizes.has(name);
  }

  async get(name: string, storedBytes: number): Promise<Buffer | null> {
    if (this.#sizes.get(name) !== storedBytes) return null;
    try {
      const bytes = await readAtMost(this.#path(name, storedBytes), storedBytes + 1);
      this.#fifo.hit(name);
      return bytes;
    } catch {
      // Removed by somebody else, or the disk cannot read it.
      await this.discard(name);
      return null;
    }
  }

  async put(name: string, bytes: Buffer): Promise<void> {
    const running = this.#writing.get(name);
    if (running !== undefined) return await running;
    if (this.#closed || this.has(name) || this.#waitingBytes + bytes.length > waitingBytesMax) return;
    this.#waitingBytes += bytes.length;
    const write = this.#inTurn(() => this.#write(name, bytes)).finally(() => {
      this.#waitingBytes -= bytes.length;
      this.#writing.delete(name);
    });
    this.#writing.set(name, write);
    await write;
  }

  async discard(name: string): Promise<void> {
    const bytes = this.#sizes.get(name);
    if (bytes === undefined || this.#writing.has(name)) return;
    this.#fifo.remove(name);
    this.#sizes.delete(name);
    await rm(this.#path(name, bytes), { force: true }).catch(() => {});
  }

  /** Resolves when no file is being written any more; later puts keep nothing. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#writing.values());
  }

  async #inTurn(write: () => Promise<void>): Promise<void> {
    if (this.#writes < writesMax) this.#writes++;
    else await new Promise<void>((resolve) => this.#turns.push(resolve));
    try {
      await write();
    } finally {
      // A place goes straight to who waits longest.
      const next = this.#turns.shift();
      if (next === undefined) this.#writes--;
      else next();
    }
  }

  async #write(name: string, bytes: Buffer): Promise<void> {
    if (Date.now() < this.#restUntilMs) return;
    const temporary = join(this.#temporary, `${name}.${randomBytes(4).toString('hex')}`);
    try {
      await writeFile(temporary, bytes, { flag: 'wx', mode: 0o600 });
      await rename(temporary, this.#path(name, bytes.length));
      this.#admit(name, bytes.length);
    } catch {
      this.#restUntilMs = Date.now() + restMs;
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  #admit(name: string, bytes: number): void {
    this.#sizes.set(name, bytes);
    for (const gone of this.#fifo.add(name, bytes)) {
      const goneBytes = this.#sizes.get(gone)!;
      this.#sizes.delete(gone);
      rm(this.#path(gone, goneBytes), { force: true }).catch(() => {});
    }
  }

  #path(name: string, bytes: number): string {
    return join(this.#folder, `${name}.${bytes}`);
  }
}

/** One byte more than a file should have shows that it is too long, however long it is. */
async function readAtMost(path: string, bytesMax: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafeSlow(bytesMax);
    const { bytesRead } = await file.read(buffer, 0, bytesMax, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
