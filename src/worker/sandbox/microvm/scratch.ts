import { execFile } from 'node:child_process';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mib } from '../../../kernel/units.js';
import { DriverError, type Scratch } from '../driver.js';
import { findProgram } from '../programs.js';
import { extentsOf } from './extents.js';

/** Size of every scratch drive: Lambda's largest `/tmp`. The file system on it is as large as the function's. */
export const scratchDriveBytes = 10_240 * mib;
/** mkfs.ext4 writes some 100 KiB in 5 ms. */
const formatMsMax = 30_000;
/** Sizes whose empty file system is kept: each some 100 KiB of memory. Beyond, the longest unused goes. */
const templatesMax = 32;
const copyBytesMax = mib;

/** What an empty file system of one size consists of. */
type Template = readonly { readonly offset: number; readonly bytes: Buffer }[];

/** `/tmp` of one sandbox, as long as it lives: lies in the drive file of the box that has (or had) it. */
export class DriveScratch implements Scratch {
  /** The drive file with its contents; null: nothing was ever written. */
  path: string | null = null;
  #disposed = false;

  constructor(
    readonly mib: number,
    private readonly forget: (scratch: DriveScratch) => void,
  ) {}

  get disposed(): boolean {
    return this.#disposed;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.forget(this);
    if (this.path !== null) await rm(this.path, { force: true });
  }
}

/** Makes the file systems of scratch drives. */
export class Scratches {
  readonly #templates = new Map<number, Promise<Template>>();
  readonly #all = new Set<DriveScratch>();
  #temporaries = 0;

  constructor(private readonly folder: string) {}

  /** Rejects with DriverError when this machine cannot format. */
  async create(mibs: number): Promise<DriveScratch> {
    await this.#template(mibs);
    const scratch = new DriveScratch(mibs, (gone) => this.#all.delete(gone));
    this.#all.add(scratch);
    return scratch;
  }

  /** An empty drive file, which its machine opens before anybody knows what will be on it. */
  async makeDrive(path: string): Promise<void> {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.truncate(scratchDriveBytes);
    } finally {
      await file.close();
    }
  }

  /**
   * Puts the scratch's contents onto the empty drive at `path`, an empty file system when it has none; from then on it
   * lies there.
   */
  async bringTo(path: string, scratch: DriveScratch): Promise<void> {
    if (scratch.disposed) throw new DriverError('the scratch space is gone');
    const file = await open(path, 'r+');
    try {
      if (scratch.path === null) {
        for (const { offset, bytes } of await this.#template(scratch.mib))
          await file.write(bytes, 0, bytes.length, offset);
      } else await copyExtents(scratch.path, file);
    } finally {
      await file.close();
    }
    const before = scratch.path;
    scratch.path = path;
    if (before !== null && before !== path) await rm(before, { force: true });
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#all].map((scratch) => scratch.dispose()));
  }

  #template(mibs: number): Promise<Template> {
    const known = this.#templates.get(mibs);
    if (known !== undefined) {
      this.#templates.delete(mibs);
      this.#templates.set(mibs, known);
      return known;
    }
    const making = this.#format(mibs);
    this.#templates.set(mibs, making);
    making.catch(() => this.#templates.delete(mibs)); // The next one tries again.
    const [oldest] = this.#templates.keys();
    if (this.#templates.size > templatesMax && oldest !== undefined) this.#templates.delete(oldest);
    return making;
  }

  async #format(mibs: number): Promise<Template> {
    const path = join(this.folder, `template-${mibs}-${++this.#temporaries}`);
    try {
      await this.makeDrive(path);
      await format(path, mibs);
      const file = await open(path, 'r');
      try {
        const pieces: { offset: number; bytes: Buffer }[] = [];
        for (const { offset, bytes } of await extentsOf(path)) {
          const { buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
          if (buffer.some((byte) => byte !== 0)) pieces.push({ offset, bytes: buffer });
        }
        return pieces;
      } finally {
        await file.close();
      }
    } finally {
      await rm(path, { force: true });
    }
  }
}

/**
 * ext4 without a journal: nothing of `/tmp` survives its sandbox. All metadata in one group, so that an empty one is
 * small; inode tables are left to the zeros of the file.
 */
function format(path: string, mibs: number): Promise<void> {
  const program = findProgram('mkfs.ext4');
  if (program === null) return Promise.reject(new DriverError('mkfs.ext4 is missing: apt-get install e2fsprogs'));
  const features = '^has_journal,sparse_super2,^resize_inode';
  const extended = 'num_backup_sb=0,lazy_itable_init=1,nodiscard';
  const flags = ['-q', '-F', '-b', '4096', '-G', '4096', '-m', '0', '-O', features, '-E', extended];
  return new Promise((resolve, reject) => {
    const options = { timeout: formatMsMax, killSignal: 'SIGKILL' } as const;
    execFile(program, [...flags, path, `${mibs}M`], options, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(new DriverError(`mkfs.ext4: ${stderr.trim() || error.message}`));
    });
  });
}

async function copyExtents(from: string, to: FileHandle): Promise<void> {
  const source = await open(from, 'r');
  try {
    const piece = Buffer.allocUnsafe(copyBytesMax);
    for (const extent of await extentsOf(from)) {
      const end = extent.offset + extent.bytes;
      for (let at = extent.offset; at < end; ) {
        const { bytesRead } = await source.read(piece, 0, Math.min(piece.length, end - at), at);
        if (bytesRead === 0) return;
        await to.write(piece, 0, bytesRead, at);
        at += bytesRead;
      }
    }
  } finally {
    await source.close();
  }
}
