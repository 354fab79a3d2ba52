import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { minuteMs } from '../kernel/units.js';
import { isOrphan, newOwnerName } from '../worker/sandbox/process/owner.js';
import { ImageError } from './image.js';

/** Longer than a whole build over a slow line. */
const lockMsMax = 10 * minuteMs;
const lockEveryMs = 50;
/** Parts of each kind that are kept, by last use: the one in use, and what a platform that runs may have started from. */
const partsKept = 3;
const partsKeptRuntimes = 24;

/** Where images are: shared by all platforms and checkouts of a user. */
export function defaultImageDirectory(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hearth', 'image');
}

/** The folder that images are built in. A part appears whole or not at all, and is never changed. */
export class WorkFolder {
  constructor(readonly path: string) {}

  /** Runs alone among all processes that build here. */
  async locked<T>(build: () => Promise<T>): Promise<T> {
    await mkdir(this.path, { recursive: true });
    const lock = join(this.path, 'lock');
    const own = newOwnerName();
    const until = Date.now() + lockMsMax;
    while (!(await this.tryLock(lock, own))) {
      if (Date.now() > until)
        throw new ImageError(`another process builds the image since long: remove ${lock} if not`);
      await delay(lockEveryMs);
    }
    try {
      await this.sweep();
      return await build();
    } finally {
      await rm(lock, { force: true });
    }
  }

  private async tryLock(lock: string, own: string): Promise<boolean> {
    try {
      await writeFile(lock, own, { flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = await readFile(lock, 'utf8').catch(() => null);
    if (owner === null || !isOrphan(owner)) return false;
    // Out of the way under a name of our own: of two that see a dead owner only one succeeds.
    await rename(lock, join(this.path, `.${own}`)).then(
      () => rm(join(this.path, `.${own}`)),
      () => {},
    );
    return false;
  }

  /** What builds that were killed left behind. */
  private async sweep(): Promise<void> {
    for (const name of await readdir(this.path)) {
      if (name.startsWith('.hearth-') && isOrphan(name.slice(1))) await rm(join(this.path, name), { recursive: true });
    }
  }

  part(kind: string, key: string): string {
    return join(this.path, `${kind}-${key.slice(0, 32)}`);
  }

  /** These parts are not to go among the first. */
  async used(...parts: readonly string[]): Promise<void> {
    const now = new Date();
    for (const part of parts) await utimes(part, now, now).catch(() => {}); // Somebody else's folder, perhaps.
  }

  /** Makes a part unless it is there: `make` fills a new folder. Returns its folder. Only while locked. */
  async make(kind: string, key: string, make: (directory: string) => Promise<void>): Promise<string> {
    const path = this.part(kind, key);
    if ((await stat(path).catch(() => null)) !== null) return path;
    const unfinished = join(this.path, `.${newOwnerName()}`);
    await mkdir(unfinished);
    try {
      await make(unfinished);
      await this.publish(unfinished);
      await rename(unfinished, path);
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
    await this.forgetOld(kind);
    return path;
  }

  /** Machines' monitors are other users than who builds, whose umask may be tight. */
  private async publish(directory: string): Promise<void> {
    await chmod(directory, 0o755);
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      if ((await stat(path)).isFile()) await chmod(path, 0o644);
    }
  }

  private async forgetOld(kind: string): Promise<void> {
    const kept = kind === 'runtime' ? partsKeptRuntimes : partsKept;
    const names = (await readdir(this.path)).filter((name) => name.startsWith(`${kind}-`));
    const times = await Promise.all(names.map(async (name) => (await stat(join(this.path, name))).mtimeMs));
    const byAge = names.map((name, index) => ({ name, ms: times[index]! })).sort((a, b) => b.ms - a.ms);
    for (const { name } of byAge.slice(kept)) await rm(join(this.path, name), { recursive: true, force: true });
  }
}
