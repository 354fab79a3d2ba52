import { chmodSync, chownSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { lchown, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { DriverError, type Scratch } from '../driver.js';
import type { Images } from './image.js';
import type { Mounts } from './mounts.js';

/** Formatted, mounted and unused: a cold start takes one at once. Two, because the next is ready some 5 ms later. */
const readyMax = 2;
/**
 * Making one takes some milliseconds of the other core (image, loop device, mount): it waits until the cold start that
 * took the last one is over, which wants that core for its function.
 */
const refillAfterMs = 50;
/** Lambda's default size of /tmp, which most functions keep. */
export const defaultMib = 512;
const kernelUidMax = 2 ** 31;

/** A file system of its own size, mounted at `directory`; becomes `/tmp` of one box after the other. */
export class MountedScratch implements Scratch {
  private uid: number | null = null;
  private disposed: Promise<void> | null = null;

  constructor(
    readonly mib: number,
    readonly directory: string,
    private readonly mounts: Mounts,
    private readonly forget: (scratch: MountedScratch) => void,
  ) {}

  /** Gives everything in it to the box's user. The boxes before must be gone. */
  async giveTo(uid: number): Promise<void> {
    if (uid < 0 || uid > kernelUidMax || this.disposed) throw new DriverError('the scratch space is gone');
    if (this.uid === uid) return;
    if (this.uid !== null) await chownTree(this.directory, uid);
    chownSync(this.directory, uid, uid);
    this.uid = uid;
  }

  dispose(): Promise<void> {
    this.disposed ??= this.mounts
      .umount(this.directory)
      .then(() => rmdirSync(this.directory))
      .finally(() => this.forget(this));
    return this.disposed;
  }
}

async function chownTree(directory: string, uid: number): Promise<void> {
  for await (const entry of await opendir(directory)) {
    const path = join(directory, entry.name);
    await lchown(path, uid, uid);
    if (entry.isDirectory()) await chownTree(path, uid);
  }
}

/** Makes scratch spaces: ext4 on a loop device, or a tmpfs (whose content counts as the sandbox's memory). */
export class Scratches {
  private readonly all = new Set<MountedScratch>();
  private ready: Promise<MountedScratch>[] = [];
  private readyMib = defaultMib;
  private latestMib = 0;
  private made = 0;
  private refilling: NodeJS.Timeout | null = null;
  private closed = false;
  private loopWorks = false;
  /** Why there is no ext4, for the protections. */
  loopFailure: string | null;

  constructor(
    private readonly mounts: Mounts,
    private readonly images: Images | null,
    private readonly base: string,
    private readonly files: string,
  ) {
    this.loopFailure = images ? null : 'no mkfs.ext4 (package e2fsprogs), or no right to use loop devices';
    mkdirSync(join(base, 'scratch'));
  }

  /** Takes a ready one of this size or makes one; keeps a few of the latest size ready. */
  async create(mib: number): Promise<MountedScratch> {
    // The second request of a size in a row changes what is kept ready: sizes that alternate would only churn.
    const again = mib === this.latestMib;
    this.latestMib = mib;
    if (again && mib !== this.readyMib) {
      for (const stale of this.ready.splice(0)) stale.then((scratch) => scratch.dispose()).catch(() => {});
      this.readyMib = mib;
    }
    const taken = mib === this.readyMib ? this.ready.shift() : undefined;
    try {
      return await (taken ?? this.make(mib));
    } finally {
      this.refilling ??= setTimeout(() => this.refill(), refillAfterMs);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.refilling !== null) clearTimeout(this.refilling);
    await Promise.allSettled(this.ready);
    await Promise.allSettled([...this.all].map((scratch) => scratch.dispose()));
  }

  private refill(): void {
    this.refilling = null;
    while (!this.closed && this.ready.length < readyMax) {
      const next = this.make(this.readyMib);
      next.catch(() => {
        this.ready = this.ready.filter((each) => each !== next);
      });
      this.ready.push(next);
    }
  }

  private async make(mib: number): Promise<MountedScratch> {
    this.made += 1;
    const name = String(this.made);
    const directory = join(this.base, 'scratch', name);
    mkdirSync(directory);
    try {
      if (this.loopFailure !== null || !this.images || !(await this.loop(this.images, directory, name, mib))) {
        await this.mounts.tmpfs(directory, mib);
      }
    } catch (error) {
      rmdirSync(directory);
      throw error;
    }
    const scratch = new MountedScratch(mib, directory, this.mounts, (gone) => this.all.delete(gone));
    this.all.add(scratch);
    chmodSync(directory, 0o700);
    rmSync(join(directory, 'lost+found'), { recursive: true, force: true });
    return scratch;
  }

  private async loop(images: Images, directory: string, name: string, mib: number): Promise<boolean> {
    const image = join(this.files, `scratch-${name}`);
    try {
      await images.write(image, mib);
      await this.mounts.loop(image, directory);
      this.loopWorks = true;
      return true;
    } catch (error) {
      rmSync(image, { force: true });
      if (this.loopWorks) throw error; // A full disk, no free loop device: not a property of the machine.
      // Once it cannot, it never can on this machine: no loop devices, no right to use them.
      this.loopFailure = error instanceof Error ? error.message : String(error);
      return false;
    }
  }
}
